//! What a machine trusts, and whether a signer's chain leads there.

use super::certificate::Certificate;
use crate::UnixTime;

/// The certificates a machine trusts, and its clock.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Vec<Certificate>,
    publishers: Vec<Certificate>,
    time: UnixTime,
}

/// More certificates than any chain has.
const LONGEST_CHAIN: usize = 8;

impl Trust {
    /// A machine in test mode with these certificates in Root and in TrustedPublisher.
    pub fn test_machine(certificates: &[Certificate], time: UnixTime) -> Self {
        Self {
            roots: certificates.to_vec(),
            publishers: certificates.to_vec(),
            time,
        }
    }

    /// A machine with different certificates in Root and in TrustedPublisher.
    pub fn new(roots: Vec<Certificate>, publishers: Vec<Certificate>, time: UnixTime) -> Self {
        Self {
            roots,
            publishers,
            time,
        }
    }

    /// Checks the signer, the chain from it to a root, and that the signature carries no certificate beside it.
    ///
    /// # Errors
    /// Names the certificate and what it lacks.
    pub(crate) fn check(
        &self,
        signer: &Certificate,
        carried: &[Certificate],
    ) -> Result<(), String> {
        signer.check_code_signing()?;
        let mut chain = vec![signer];
        loop {
            let last = chain[chain.len() - 1];
            self.check_time(last)?;
            if self.roots.contains(last) {
                break;
            }
            if last.is_self_signed() {
                return Err(format!(
                    "certificate {} is not in the machine's Root store; import it there",
                    last.subject()
                ));
            }
            let mut refusal = format!(
                "the issuer of {}, {}, is not in the machine's Root store",
                last.subject(),
                last.issuer()
            );
            let named = carried
                .iter()
                .chain(&self.roots)
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
        if let Some(stray) = carried
            .iter()
            .find(|certificate| !chain.contains(certificate))
        {
            return Err(format!(
                "certificate {} is not part of the signer's chain",
                stray.subject()
            ));
        }
        if !self.publishers.contains(signer) {
            return Err(format!(
                "publisher {} is not in the machine's TrustedPublisher store, so installing would ask",
                signer.subject()
            ));
        }
        Ok(())
    }

    fn check_time(&self, certificate: &Certificate) -> Result<(), String> {
        let (from, to) = certificate.validity();
        if self.time < from || self.time > to {
            return Err(format!(
                "certificate {} is valid from {from} to {to}, and it is {}",
                certificate.subject(),
                self.time
            ));
        }
        Ok(())
    }
}
