//! The one digest of this crate, as a type of its own so that it is not mistaken for other bytes; and the hashes that others sign with.

use std::fmt;
use std::io;

use der::asn1::ObjectIdentifier;
use rsa::Pkcs1v15Sign;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256Digest(pub [u8; 32]);

impl Sha256Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of what comes, which may be more than memory holds.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_all(mut from: impl io::Read) -> io::Result<Self> {
        let mut hasher = Sha256::new();
        io::copy(&mut from, &mut hasher)?;
        Ok(Self(hasher.finalize().into()))
    }

    /// The digest of the parts, one after the other.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256Digest({self})")
    }
}

impl serde::Serialize for Sha256Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What authorities sign certificates and time stamps with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// By its signature algorithm, `sha256WithRSAEncryption` and so on (RFC 8017, appendix A.2.4).
    pub(crate) fn with_rsa(algorithm: ObjectIdentifier) -> Option<Self> {
        let of = |text| ObjectIdentifier::new_unwrap(text) == algorithm;
        match () {
            () if of("1.2.840.113549.1.1.11") => Some(Self::Sha256),
            () if of("1.2.840.113549.1.1.12") => Some(Self::Sha384),
            () if of("1.2.840.113549.1.1.13") => Some(Self::Sha512),
            () => None,
        }
    }

    /// By its own identifier, `id-sha256` and so on (RFC 8017, appendix B.1).
    pub(crate) fn alone(algorithm: ObjectIdentifier) -> Option<Self> {
        let of = |text| ObjectIdentifier::new_unwrap(text) == algorithm;
        match () {
            () if of("2.16.840.1.101.3.4.2.1") => Some(Self::Sha256),
            () if of("2.16.840.1.101.3.4.2.2") => Some(Self::Sha384),
            () if of("2.16.840.1.101.3.4.2.3") => Some(Self::Sha512),
            () => None,
        }
    }

    /// The digest of `bytes`.
    pub(crate) fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }

    /// How a signature with it is laid out.
    pub(crate) fn padding(self) -> Pkcs1v15Sign {
        match self {
            Self::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
            Self::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
            Self::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
        }
    }
}
