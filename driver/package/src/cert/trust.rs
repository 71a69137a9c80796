//! What a machine trusts, and whether a signer's chain leads there.

use super::certificate::Certificate;
use crate::UnixTime;

/// The certificates a machine trusts, and its clock.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Vec<Certificate>,
    /// None: whoever the roots vouch for.
    publishers: Option<Vec<Certificate>>,
    stamp_roots: Vec<Certificate>,
    time: UnixTime,
}

/// More certificates than any chain has.
const LONGEST_CHAIN: usize = 8;

impl Trust {
    /// A machine in test mode with these certificates in Root and in TrustedPublisher.
    pub fn test_machine(certificates: &[Certificate], time: UnixTime) -> Self {
        Self {
            roots: certificates.to_vec(),
            publishers: Some(certificates.to_vec()),
            stamp_roots: Vec::new(),
            time,
        }
    }

    /// A machine with different certificates in Root and in TrustedPublisher.
    pub fn new(roots: Vec<Certificate>, publishers: Vec<Certificate>, time: UnixTime) -> Self {
        Self {
            roots,
            publishers: Some(publishers),
            stamp_roots: Vec::new(),
            time,
        }
    }

    /// Who asks only whether the roots vouch for the signer, whoever that is.
    pub fn of_roots(roots: Vec<Certificate>, time: UnixTime) -> Self {
        Self {
            roots,
            publishers: None,
            stamp_roots: Vec::new(),
            time,
        }
    }

    /// The same machine, which also knows the roots of time stamp authorities.
    #[must_use]
    pub fn with_stamp_roots(self, stamp_roots: Vec<Certificate>) -> Self {
        Self {
            stamp_roots,
            ..self
        }
    }

    pub(crate) fn stamp_roots(&self) -> &[Certificate] {
        &self.stamp_roots
    }

    pub(crate) fn time(&self) -> UnixTime {
        self.time
    }

    /// Checks the signer, the chain from it to a root at the stamped time, else now, and that the signature carries no certificate beside it.
    ///
    /// # Errors
    /// Names the certificate and what it lacks.
    pub(crate) fn check(
        &self,
        signer: &Certificate,
        carried: &[Certificate],
        stamped: Option<UnixTime>,
    ) -> Result<(), String> {
        signer.check_code_signing()?;
        let at = stamped.unwrap_or(self.time);
        let chain = chain(
            signer,
            carried,
            &self.roots,
            at,
            "in the machine's Root store",
        )?;
        if let Some(stray) = carried
            .iter()
            .find(|certificate| !chain.contains(certificate))
        {
            return Err(format!(
                "certificate {} is not part of the signer's chain",
                stray.subject()
            ));
        }
        let publishers = self.publishers.as_ref();
        if publishers.is_some_and(|known| !known.contains(signer)) {
            return Err(format!(
                "publisher {} is not in the machine's TrustedPublisher store, so installing would ask",
                signer.subject()
            ));
        }
        Ok(())
    }
}

/// The certificates from `signer` to one of `roots`, each valid at `time` and issued by the next, out of those that are carried. `place`
/// says in errors where the roots are.
pub(crate) fn chain<'a>(
    signer: &'a Certificate,
    carried: &'a [Certificate],
    roots: &'a [Certificate],
    time: UnixTime,
    place: &str,
) -> Result<Vec<&'a Certificate>, String> {
    let mut chain = vec![signer];
    loop {
        let last = chain[chain.len() - 1];
        check_time(last, time)?;
        if roots.contains(last) {
            return Ok(chain);
        }
        if last.is_self_signed() {
            return Err(format!(
                "certificate {} is not {place}; import it there",
                last.subject()
            ));
        }
        let mut refusal = format!(
            "the issuer of {}, {}, is not {place}",
            last.subject(),
            last.issuer()
        );
        // Roots first: what is carried may have a root's key and name once more, signed by an older root.
        let named = roots
            .iter()
            .chain(carried)
            .filter(|issuer| issuer.subject() == last.issuer());
        let issuer = named
            .map(|issuer| (issuer, last.check_issued_by(issuer)))
            .find_map(|(issuer, result)| match result {
                Ok(()) => Some(issuer),
                Err(error) => {
                    refusal = error;
                    None
                }
            });
        chain.push(issuer.ok_or(refusal)?);
        if chain.len() > LONGEST_CHAIN {
            return Err(format!("the chain of {} has no end", signer.subject()));
        }
    }
}

fn check_time(certificate: &Certificate, time: UnixTime) -> Result<(), String> {
    let (from, to) = certificate.validity();
    if time < from || time > to {
        return Err(format!(
            "certificate {} is valid from {from} to {to}, and it is {time}",
            certificate.subject(),
        ));
    }
    Ok(())
}
