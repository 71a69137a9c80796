//! Private keys: what signs a digest, wherever it is kept; and the kind that lies in a file.

use std::fmt;
use std::ops::Deref;

use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha2::Sha256;

use super::certificate::{CertError, Certificate};
use crate::Sha256Digest;

/// Something that signs with a private RSA key which it may keep to itself: a file, a token, a service.
pub trait Key: Send + Sync {
    /// Where the key is, for errors: `key.pem`, `token release`. Never a secret.
    fn place(&self) -> String;

    /// A PKCS#1 v1.5 signature of a SHA-256 digest (RFC 8017, 8.2). Whoever asks checks it against the certificate.
    ///
    /// # Errors
    /// Why there is none, without any secret.
    fn sign(&self, digest: Sha256Digest) -> Result<Vec<u8>, CertError>;
}

/// A private RSA key in memory.
pub struct RsaKey {
    key: RsaPrivateKey,
    place: String,
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaKey({})", self.place)
    }
}

impl RsaKey {
    pub(crate) fn of(key: RsaPrivateKey) -> Self {
        Self {
            key,
            place: "the key".into(),
        }
    }

    /// Reads PKCS#8 in PEM, encrypted when there is a passphrase.
    ///
    /// # Errors
    /// Another form, another kind of key, a wrong passphrase. Neither the file's content nor the passphrase is repeated.
    pub fn from_pkcs8_pem(pem: &[u8], passphrase: Option<&str>) -> Result<Self, CertError> {
        const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
        let text = std::str::from_utf8(pem).unwrap_or_default();
        let key = match (text.contains(ENCRYPTED), passphrase) {
            (true, None) => {
                return Err(CertError(
                    "the key is encrypted; name where its passphrase is".into(),
                ));
            }
            (true, Some(passphrase)) => RsaPrivateKey::from_pkcs8_encrypted_pem(text, passphrase)
                .map_err(|_| "not an encrypted PKCS#8 RSA key in PEM, or the passphrase is wrong"),
            (false, _) => {
                RsaPrivateKey::from_pkcs8_pem(text).map_err(|_| "not a PKCS#8 RSA key in PEM")
            }
        };
        key.map(Self::of)
            .map_err(|message| CertError(message.into()))
    }

    /// The same key, called by this name in errors.
    #[must_use]
    pub fn at(self, place: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            ..self
        }
    }

    /// The key in PEM, erased from memory after use.
    pub(crate) fn to_pkcs8_pem(&self) -> Result<impl Deref<Target = String> + use<>, CertError> {
        self.key
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|error| CertError(error.to_string()))
    }

    /// Whether the certificate holds the public half.
    pub fn belongs_to(&self, certificate: &Certificate) -> bool {
        RsaPublicKey::from(&self.key)
            .to_public_key_der()
            .is_ok_and(|public| public.as_bytes() == certificate.public_key())
    }
}

impl Key for RsaKey {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn sign(&self, digest: Sha256Digest) -> Result<Vec<u8>, CertError> {
        self.key
            .sign(Pkcs1v15Sign::new::<Sha256>(), &digest.0)
            .map_err(|error| CertError(error.to_string()))
    }
}
