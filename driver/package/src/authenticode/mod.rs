//! Signatures in images: writing one, and saying whether one is good.
//!
//! Source: Microsoft, "Windows Authenticode Portable Executable Signature Format"; "PE Format", "The Attribute Certificate
//! Table".

#[cfg(test)]
pub(crate) mod tests;

pub use crate::cms::SignatureError;

use crate::cert::{Certificate, Signer, Trust};
use crate::pe::{self, CERTIFICATE_ALIGNMENT, Directory, Image, PeError};
use crate::spc::{self, INDIRECT_DATA, Place, Subject};
use crate::{Sha256Digest, UnixTime, cms};

/// `WIN_CERT_REVISION_2_0`
const REVISION: u16 = 0x0200;
/// `WIN_CERT_TYPE_PKCS_SIGNED_DATA`
const PKCS_SIGNED_DATA: u16 = 0x0002;

impl From<PeError> for SignatureError {
    fn from(error: PeError) -> Self {
        Self(error.to_string())
    }
}

/// A good signature.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Who signed.
    pub signer: Certificate,
    /// The image's Authenticode digest.
    pub digest: Sha256Digest,
    /// Whether every page's hash is signed too.
    pub page_hashes: bool,
    /// When it was signed, as a time stamp authority says.
    pub time_stamp: Option<UnixTime>,
}

/// Signs an image with SHA-256 and sets its checksum. The same image and signer give the same bytes.
///
/// # Errors
/// Something that is not an image, is signed already or has no room for a certificate table.
pub fn sign(image: &[u8], signer: &Signer, page_hashes: bool) -> Result<Vec<u8>, SignatureError> {
    let mut bytes = image.to_owned();
    bytes.resize(bytes.len().next_multiple_of(CERTIFICATE_ALIGNMENT), 0);
    let image = Image::parse(&bytes)?;
    let entry = image.directory_at(Directory::Certificate);
    let entry = entry.ok_or_else(|| {
        SignatureError("the image's header has no room for a certificate table".into())
    })?;
    if !image.certificate_table().is_empty() {
        return Err(SignatureError(
            "the image is signed already; sign the one that was sealed".into(),
        ));
    }
    let subject = Subject::Image {
        page_hashes: page_hashes.then(|| pe::page_hashes(&image)).transpose()?,
    };
    let content = spc::write(&subject, pe::image_digest(&image), Place::Signature);
    let table = certificate_table(&cms::sign(INDIRECT_DATA, &content, signer)?);
    let start = bytes.len();
    bytes.extend_from_slice(&table);
    bytes[entry..entry + 4].copy_from_slice(&(start as u32).to_le_bytes());
    bytes[entry + 4..entry + 8].copy_from_slice(&(table.len() as u32).to_le_bytes());
    pe::set_checksum(&mut bytes)?;
    Ok(bytes)
}

/// The one entry of a certificate table, filled up with zeros.
fn certificate_table(message: &[u8]) -> Vec<u8> {
    let length = (8 + message.len()).next_multiple_of(CERTIFICATE_ALIGNMENT);
    let mut table = (length as u32).to_le_bytes().to_vec();
    table.extend(REVISION.to_le_bytes());
    table.extend(PKCS_SIGNED_DATA.to_le_bytes());
    table.extend_from_slice(message);
    table.resize(length, 0);
    table
}

/// Checks an image's signature: digest, page hashes, signature, chain, purpose and time, and what no signature covers: the
/// checksum and the form of the certificate table.
///
/// # Errors
/// Says what is wrong.
pub fn verify(image: &[u8], trust: &Trust) -> Result<Signature, SignatureError> {
    let image = Image::parse(image)?;
    let message = signed_message(&image)?;
    let signature = judge(&image, cms::verify(message, INDIRECT_DATA, trust)?)?;
    check_checksum(&image)?;
    Ok(signature)
}

/// Checks every signature of an image that may have been signed by several, one after the other.
///
/// # Errors
/// An image without any, or with a wrong checksum.
pub(crate) fn verify_each(
    image: &[u8],
    trust: &Trust,
) -> Result<Vec<Result<Signature, SignatureError>>, SignatureError> {
    let image = Image::parse(image)?;
    let message = signed_message(&image)?;
    check_checksum(&image)?;
    let all = cms::verify_each(message, INDIRECT_DATA, trust);
    Ok(all
        .into_iter()
        .map(|verified| judge(&image, verified?))
        .collect())
}

fn signed_message<'a>(image: &Image<'a>) -> Result<&'a [u8], SignatureError> {
    if image.certificate_table().is_empty() {
        return Err(SignatureError("it has no signature; sign it".into()));
    }
    Ok(message(image.certificate_table())?)
}

/// Whether what a good signature is about is this image.
fn judge(image: &Image, verified: cms::Verified) -> Result<Signature, SignatureError> {
    let (subject, digest) = spc::read(&verified.content)?;
    let Subject::Image { page_hashes } = subject else {
        return Err(SignatureError(
            "the signature is not one of an image".into(),
        ));
    };
    if digest != pe::image_digest(image) {
        let found = pe::image_digest(image);
        return Err(SignatureError(format!(
            "it was changed after it was signed: its digest is {found}, the signed one {digest}"
        )));
    }
    if page_hashes
        .as_ref()
        .is_some_and(|table| pe::page_hashes(image).as_ref() != Ok(table))
    {
        return Err(SignatureError(
            "the signed page hashes are not those of its pages".into(),
        ));
    }
    Ok(Signature {
        signer: verified.signer,
        digest,
        page_hashes: page_hashes.is_some(),
        time_stamp: verified.time_stamp,
    })
}

fn check_checksum(image: &Image) -> Result<(), SignatureError> {
    let (stated, right) = (image.stated_checksum(), pe::checksum(image));
    if stated == right {
        return Ok(());
    }
    Err(SignatureError(format!(
        "its checksum is {stated:#010x} instead of {right:#010x}"
    )))
}

/// The certificate that an image's signature names as its signer's. Nothing is judged.
pub(crate) fn claimed_signer(image: &[u8]) -> Option<Certificate> {
    let image = Image::parse(image).ok()?;
    let message = message(image.certificate_table()).ok()?;
    let (_, signer) = cms::claimed(message, INDIRECT_DATA).ok()?;
    Some(signer)
}

/// The message in a certificate table that has exactly one entry and nothing but zeros behind it.
fn message(table: &[u8]) -> Result<&[u8], String> {
    let header: [u8; 8] = table
        .get(..8)
        .and_then(|header| header.try_into().ok())
        .ok_or("the certificate table is cut short")?;
    let [a, b, c, d, revision_low, revision_high, kind_low, kind_high] = header;
    if u32::from_le_bytes([a, b, c, d]) as usize != table.len() {
        return Err("the certificate table does not consist of one entry".into());
    }
    if u16::from_le_bytes([revision_low, revision_high]) != REVISION
        || u16::from_le_bytes([kind_low, kind_high]) != PKCS_SIGNED_DATA
    {
        return Err("the certificate table's entry is not PKCS#7 signed data, revision 2".into());
    }
    let rest = &table[8..];
    let length = crate::asn1::Reader::new(rest)
        .any("the signature")?
        .whole
        .len();
    let (message, padding) = rest.split_at(length);
    if padding.len() >= CERTIFICATE_ALIGNMENT || padding.iter().any(|&byte| byte != 0) {
        return Err("there is something behind the signature in the certificate table".into());
    }
    Ok(message)
}
