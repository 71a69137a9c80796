//! Who signs: a certificate with the chain up to its root, and a key that is kept somewhere.

use std::fmt;

use super::certificate::{CertError, Certificate};
use super::key::Key;
use crate::Sha256Digest;
use crate::timestamp::Authority;

/// A certificate chain and what signs with the key of its first certificate.
pub struct Signer {
    /// The signer's own first, the root last.
    chain: Vec<Certificate>,
    key: Box<dyn Key>,
    authority: Option<Authority>,
    pub(super) created: bool,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({:?}, {})", self.certificate(), self.key.place())
    }
}

impl Signer {
    /// A signer with this chain: its own certificate first, each issued by the next, a root last. A certificate that is its
    /// own root stands alone.
    ///
    /// # Errors
    /// A chain that is empty, out of order or without its root; a key that is not RSA with 2048 to 4096 bits. Validity and
    /// purpose are another question, which [`crate::package`] asks before anything leaves the house.
    pub fn new(chain: Vec<Certificate>, key: Box<dyn Key>) -> Result<Self, CertError> {
        let Some(certificate) = chain.first() else {
            return Err(CertError("the chain has no certificate".into()));
        };
        certificate.rsa_key()?;
        for pair in chain.windows(2) {
            pair[0].check_issued_by(&pair[1]).map_err(|error| {
                CertError(format!(
                    "{error}; the chain begins with the signer's certificate, and each is issued by the next"
                ))
            })?;
        }
        match chain.last() {
            Some(last) if !last.is_self_signed() => Err(CertError(format!(
                "the chain ends with {}; add the certificate of {}, and so on up to the root",
                last.subject(),
                last.issuer()
            ))),
            _ => Ok(Self {
                chain,
                key,
                authority: None,
                created: false,
            }),
        }
    }

    /// The same signer, each of whose signatures gets a time stamp of this authority.
    #[must_use]
    pub fn with_authority(self, authority: Authority) -> Self {
        Self {
            authority: Some(authority),
            ..self
        }
    }

    /// Who stamps its signatures.
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// The signer's own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.chain[0]
    }

    /// The chain: the signer's own certificate first, its root last.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// Where the key is. Never a secret.
    pub fn place(&self) -> String {
        self.key.place()
    }

    /// Whether this call made it, so that people can be told.
    pub fn created(&self) -> bool {
        self.created
    }

    /// What goes into a signature: the chain without its root, which a machine must have itself.
    pub(crate) fn carried(&self) -> &[Certificate] {
        &self.chain[..(self.chain.len() - 1).max(1)]
    }

    /// A PKCS#1 v1.5 signature with SHA-256, by the certificate's key: the same for the same message.
    ///
    /// # Errors
    /// What the key's keeper says; a signature that is not by the certificate's key.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CertError> {
        let place = self.key.place();
        let signature = self
            .key
            .sign(Sha256Digest::of(message))
            .map_err(|error| CertError(format!("{place} did not sign: {error}")))?;
        self.certificate()
            .verify(message, &signature)
            .map_err(|error| {
                CertError(format!(
                    "what {place} gave is not usable: {error}; name the key that belongs to the certificate"
                ))
            })?;
        Ok(signature)
    }
}
