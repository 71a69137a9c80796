//! Catalogs: the signed list of a package's files by their digests.
//!
//! A catalog is a certificate trust list (Microsoft, wincrypt.h `CTL_INFO`) in a signed message. The form written here is
//! version 2 (SHA-256 members), field by field as makecat of Windows 10 writes it; name-value attributes as Inf2Cat writes
//! them for driver packages. See `docs` of the two public decodings: the mscat ASN.1 of Samba's authors, and osslsigncode.

mod read;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use read::claimed;
pub use read::{Catalog, verify};
pub use write::{CatalogSpec, sign, unsigned};

use der::asn1::ObjectIdentifier;

use crate::Sha256Digest;
use crate::pe::{self, Image, PeError};
use crate::spc::Subject;

/// `szOID_CTL`
const CTL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.10.1");
/// `szOID_CATALOG_LIST`
const CATALOG_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.1.1");
/// `szOID_CATALOG_LIST_MEMBER2`
const CATALOG_LIST_MEMBER2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.1.3");
/// `CAT_NAMEVALUE_OBJID`
const NAME_VALUE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.2.1");
/// `CAT_MEMBERINFO2_OBJID`
const MEMBER_INFO2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.12.2.3");

/// A file that a catalog lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// The digest it is listed under.
    pub digest: Sha256Digest,
    subject: Subject,
}

impl Member {
    /// Any file: listed under the digest of all its bytes.
    pub fn flat(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            digest: Sha256Digest::of(bytes),
            subject: Subject::Flat,
        }
    }

    /// An image: listed under its Authenticode digest, with its page hashes, so that signing it later changes nothing.
    ///
    /// # Errors
    /// Something that is not a usable image.
    pub fn image(name: &str, bytes: &[u8]) -> Result<Self, PeError> {
        let image = Image::parse(bytes)?;
        let subject = Subject::Image {
            page_hashes: Some(pe::page_hashes(&image)?),
        };
        Ok(Self {
            name: name.to_owned(),
            digest: pe::image_digest(&image),
            subject,
        })
    }
}
