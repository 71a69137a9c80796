//! The signed message inside images and catalogs: PKCS#7 SignedData as Microsoft writes it.
//!
//! It is PKCS#7 1.5 of 1993, not CMS: version 1 whatever the content is, and the content is the structure itself, not an
//! OCTET STRING around it. What the digest covers is the content's value without tag and length. Sources: RFC 2315;
//! Microsoft, "Windows Authenticode Portable Executable Signature Format", "PKCS #7 SignedData".
//!
//! Reading accepts one form only: every field that no signature covers has one allowed value.

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;

use der::asn1::ObjectIdentifier;

use crate::asn1::{
    self, Element, Reader, constructed, element, integer, null, oid, sequence, set_of, tag,
};
use crate::cert::{CertError, Certificate, Signer, Trust};
use crate::hash::Hash;
use crate::timestamp::{self, Stamp};
use crate::{Sha256Digest, UnixTime};

pub(crate) const SIGNED_DATA: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
pub(crate) const RSA_ENCRYPTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const OPUS_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.12");
const STATEMENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.11");
const INDIVIDUAL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.21");
/// `szOID_RFC3161_counterSign`: the one unsigned attribute that may stand here.
const TIME_STAMP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.3.3.1");
/// `szOID_NESTED_SIGNATURE`: further signatures of the same file, which Microsoft adds to that of who submitted it.
const NESTED: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.4.1");
/// How far an authority's clock may be ahead of a machine's, in seconds.
const AHEAD: u64 = 300;

/// A signature that is missing, damaged, wrong or not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureError(pub(crate) String);

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SignatureError {}

impl From<String> for SignatureError {
    fn from(message: String) -> Self {
        Self(message)
    }
}

impl From<CertError> for SignatureError {
    fn from(error: CertError) -> Self {
        Self(error.0)
    }
}

/// `AlgorithmIdentifier` of SHA-256.
pub(crate) fn sha256_algorithm() -> Vec<u8> {
    sequence([oid(SHA256), null()])
}

/// Reads an `AlgorithmIdentifier` and checks that it is SHA-256.
pub(crate) fn read_sha256(reader: &mut Reader, what: &str) -> Result<(), String> {
    read_algorithm(reader, SHA256, what)
}

fn read_algorithm(
    reader: &mut Reader,
    expected: ObjectIdentifier,
    what: &str,
) -> Result<(), String> {
    let mut fields = reader.next(tag::SEQUENCE, what)?.reader();
    let found = fields.next(tag::OID, what)?.as_oid()?;
    if found != expected {
        let weak = if found == SHA1 { " (SHA-1)" } else { "" };
        return Err(format!(
            "{what} is {found}{weak}; only {expected} is accepted"
        ));
    }
    // Microsoft writes NULL parameters; leaving them out means the same.
    if fields
        .optional(tag::NULL, what)?
        .is_some_and(|null| !null.content.is_empty())
    {
        return Err(format!("{what} has unknown parameters"));
    }
    fields.finish(what)
}

/// The value of an element: what signatures over PKCS#7 content cover.
fn value(content: &[u8]) -> Result<&[u8], String> {
    Reader::new(content)
        .any("the content")
        .map(|element| element.content)
}

/// A message without signers: what makecat writes for a catalog.
pub(crate) fn unsigned(content_type: ObjectIdentifier, content: &[u8]) -> Vec<u8> {
    let empty = || element(tag::SET, []);
    message(sequence([
        integer(1),
        empty(),
        encapsulated(content_type, content),
        empty(),
    ]))
}

fn message(signed_data: Vec<u8>) -> Vec<u8> {
    sequence([
        oid(SIGNED_DATA),
        constructed(tag::context(0), [signed_data]),
    ])
}

fn encapsulated(content_type: ObjectIdentifier, content: &[u8]) -> Vec<u8> {
    sequence([oid(content_type), element(tag::context(0), content)])
}

pub(crate) fn attribute(id: ObjectIdentifier, value: Vec<u8>) -> Vec<u8> {
    sequence([oid(id), constructed(tag::SET, [value])])
}

/// Signs `content`, one element of DER. No signing time is written: the same inputs give the same bytes, but for a time stamp where
/// the signer has an authority for that.
pub(crate) fn sign(
    content_type: ObjectIdentifier,
    content: &[u8],
    signer: &Signer,
) -> Result<Vec<u8>, SignatureError> {
    let attributes = vec![
        attribute(CONTENT_TYPE, oid(content_type)),
        attribute(
            MESSAGE_DIGEST,
            element(tag::OCTET_STRING, Sha256Digest::of(value(content)?).0),
        ),
        attribute(OPUS_INFO, sequence([])),
        attribute(STATEMENT_TYPE, sequence([oid(INDIVIDUAL)])),
    ];
    // The signature covers the attributes as a SET; in the message they carry the tag [0] instead.
    let signature = signer.sign(&set_of(tag::SET, attributes.clone()))?;
    let stamp = match signer.authority() {
        Some(authority) => {
            let token = authority.stamp(&signature)?;
            constructed(tag::context(1), [attribute(TIME_STAMP, token)])
        }
        None => Vec::new(),
    };
    let info = sequence([
        integer(1),
        signer.certificate().issuer_and_serial()?,
        sha256_algorithm(),
        set_of(tag::context(0), attributes),
        sequence([oid(RSA_ENCRYPTION), null()]),
        element(tag::OCTET_STRING, signature),
        stamp,
    ]);
    let certificates = signer.carried().iter().map(|one| one.der().to_vec());
    Ok(message(sequence([
        integer(1),
        constructed(tag::SET, [sha256_algorithm()]),
        encapsulated(content_type, content),
        set_of(tag::context(0), certificates.collect()),
        constructed(tag::SET, [info]),
    ])))
}

/// What a message carries, not yet judged.
struct Parts<'a> {
    content: Element<'a>,
    certificates: Vec<Certificate>,
    /// The content of the one signer's info; `None` in an unsigned message.
    signer: Option<Element<'a>>,
}

fn read<'a>(bytes: &'a [u8], content_type: ObjectIdentifier) -> Result<Parts<'a>, String> {
    let mut outer = Reader::whole(bytes, tag::SEQUENCE, "the signature")?.reader();
    if outer.next(tag::OID, "the signature's type")?.as_oid()? != SIGNED_DATA {
        return Err("the signature is not PKCS#7 signed data".into());
    }
    let signed = outer.next(tag::context(0), "the signed data")?;
    outer.finish("the signature")?;
    let mut fields = Reader::whole(signed.content, tag::SEQUENCE, "the signed data")?.reader();
    read_version(&mut fields, "the signed data's version")?;
    let mut algorithms = fields.next(tag::SET, "the digest algorithms")?.reader();
    let has_algorithm = !algorithms.is_empty();
    if has_algorithm {
        read_sha256(&mut algorithms, "the digest algorithm")?;
    }
    algorithms.finish("the digest algorithms")?;
    let mut encapsulated = fields.next(tag::SEQUENCE, "the content")?.reader();
    let found = encapsulated
        .next(tag::OID, "the content's type")?
        .as_oid()?;
    if found != content_type {
        return Err(format!(
            "the content's type is {found} instead of {content_type}"
        ));
    }
    let wrapped = encapsulated.next(tag::context(0), "the content")?;
    encapsulated.finish("the content")?;
    let content = Reader::whole(wrapped.content, tag::SEQUENCE, "the content")?;
    let certificates = match fields.optional(tag::context(0), "the certificates")? {
        // A set, which programs of others do not sort.
        Some(set) => set
            .reader()
            .rest(tag::SEQUENCE, false, "the certificates")?,
        None => Vec::new(),
    };
    let certificates = certificates
        .iter()
        .map(|certificate| Certificate::from_der(certificate.whole).map_err(|error| error.0));
    let certificates = certificates.collect::<Result<_, _>>()?;
    let mut signers =
        fields
            .next(tag::SET, "the signers")?
            .reader()
            .rest(tag::SEQUENCE, true, "the signers")?;
    fields.finish("the signed data")?;
    let signer = signers.pop();
    if !signers.is_empty() {
        return Err("more than one signer".into());
    }
    if has_algorithm != signer.is_some() {
        return Err("the digest algorithms do not match the signers".into());
    }
    Ok(Parts {
        content,
        certificates,
        signer,
    })
}

fn read_version(reader: &mut Reader, what: &str) -> Result<(), String> {
    match reader.next(tag::INTEGER, what)?.content {
        [1] => Ok(()),
        _ => Err(format!("{what} is not 1")),
    }
}

/// The content of an unsigned message.
pub(crate) fn read_unsigned(
    bytes: &[u8],
    content_type: ObjectIdentifier,
) -> Result<Vec<u8>, SignatureError> {
    let parts = read(bytes, content_type)?;
    match parts.signer {
        None => Ok(parts.content.whole.to_owned()),
        Some(_) => Err(SignatureError(
            "it is signed already; sign the unsigned one".into(),
        )),
    }
}

/// A message whose signature and signer are good.
pub(crate) struct Verified {
    /// The content's element.
    pub(crate) content: Vec<u8>,
    /// Who signed.
    pub(crate) signer: Certificate,
    /// When, as an authority says.
    pub(crate) time_stamp: Option<UnixTime>,
}

/// Checks form, digest, signature, time stamp and trust: the signer's chain at the stamped time, else at the machine's.
pub(crate) fn verify(
    bytes: &[u8],
    content_type: ObjectIdentifier,
    trust: &Trust,
) -> Result<Verified, SignatureError> {
    judge(bytes, content_type, trust, false)
}

/// [`verify`] of a message and of those that are nested in it, each by itself.
pub(crate) fn verify_each(
    bytes: &[u8],
    content_type: ObjectIdentifier,
    trust: &Trust,
) -> Vec<Result<Verified, SignatureError>> {
    let mut all = vec![judge(bytes, content_type, trust, true)];
    match nested(bytes, content_type) {
        Ok(messages) => all.extend(
            messages
                .iter()
                .map(|message| judge(message.whole, content_type, trust, false)),
        ),
        Err(error) => all.push(Err(error.into())),
    }
    all
}

/// The messages in the nested signatures' attribute.
fn nested(bytes: &[u8], content_type: ObjectIdentifier) -> Result<Vec<Element<'_>>, String> {
    const WHAT: &str = "the nested signatures";
    let mut messages = Vec::new();
    let Some(signer) = read(bytes, content_type)?.signer else {
        return Ok(messages);
    };
    let mut fields = signer.reader();
    while !fields.is_empty() {
        let Some(unsigned) = fields.optional(tag::context(1), WHAT)? else {
            fields.any(WHAT)?;
            continue;
        };
        for attribute in unsigned.reader().rest(tag::SEQUENCE, false, WHAT)? {
            let mut fields = attribute.reader();
            if fields.next(tag::OID, WHAT)?.as_oid()? == NESTED {
                let values = fields.next(tag::SET, WHAT)?;
                messages.extend(values.reader().rest(tag::SEQUENCE, false, WHAT)?);
            }
        }
    }
    Ok(messages)
}

fn judge(
    bytes: &[u8],
    content_type: ObjectIdentifier,
    trust: &Trust,
    nested: bool,
) -> Result<Verified, SignatureError> {
    let parts = read(bytes, content_type)?;
    let info = parts
        .signer
        .ok_or_else(|| SignatureError("it has no signature; sign it".into()))?;
    let mut fields = info.reader();
    read_version(&mut fields, "the signer's version")?;
    let name = fields.next(tag::SEQUENCE, "the signer's name")?.whole;
    read_sha256(&mut fields, "the signer's digest algorithm")?;
    let attributes = fields.next(tag::context(0), "the signed attributes")?;
    read_algorithm(&mut fields, RSA_ENCRYPTION, "the signer's algorithm")?;
    let signature = fields
        .next(tag::OCTET_STRING, "the signature's value")?
        .content;
    let unsigned = fields.optional(tag::context(1), "the unsigned attributes")?;
    fields.finish("the signer")?;

    let signer = issuer_named(&parts.certificates, name)
        .ok_or_else(|| "the signer's certificate is not in the signature".to_owned())?;
    let digest = Hash::Sha256.of(parts.content.content);
    check_attributes(attributes, content_type, &digest)?;
    signer.verify(&element(tag::SET, attributes.content), signature)?;
    let token = unsigned.map(|unsigned| read_unsigned_attributes(unsigned, nested));
    let stamp = token
        .transpose()?
        .flatten()
        .map(|token| check_stamp(token, signature, trust));
    let time_stamp = stamp.transpose()?.map(|stamp| stamp.time);
    trust.check(signer, &parts.certificates, time_stamp)?;
    Ok(Verified {
        content: parts.content.whole.to_owned(),
        signer: signer.clone(),
        time_stamp,
    })
}

/// The content of a signed message and the certificate that it names as its signer's. Nothing is judged.
pub(crate) fn claimed(
    bytes: &[u8],
    content_type: ObjectIdentifier,
) -> Result<(Vec<u8>, Certificate), SignatureError> {
    let parts = read(bytes, content_type)?;
    let none = || SignatureError("it has no signature".into());
    let mut fields = parts.signer.ok_or_else(none)?.reader();
    read_version(&mut fields, "the signer's version")?;
    let name = fields.next(tag::SEQUENCE, "the signer's name")?.whole;
    let signer = issuer_named(&parts.certificates, name).ok_or_else(none)?;
    Ok((parts.content.whole.to_owned(), signer.clone()))
}

/// The certificate with this `IssuerAndSerialNumber`.
pub(crate) fn issuer_named<'a>(
    certificates: &'a [Certificate],
    name: &[u8],
) -> Option<&'a Certificate> {
    certificates.iter().find(|certificate| {
        certificate
            .issuer_and_serial()
            .is_ok_and(|found| found == name)
    })
}

/// The token of the time stamp, which is the one unsigned attribute, but for nested signatures where they may be.
fn read_unsigned_attributes<'a>(
    unsigned: Element<'a>,
    nested: bool,
) -> Result<Option<&'a [u8]>, String> {
    const WHAT: &str = "the unsigned attributes";
    let (mut list, mut token, mut others) = (unsigned.reader(), None, 0);
    loop {
        let mut fields = list.next(tag::SEQUENCE, WHAT)?.reader();
        let id = fields.next(tag::OID, WHAT)?.as_oid()?;
        let values = fields.next(tag::SET, WHAT)?;
        fields.finish(WHAT)?;
        if id == TIME_STAMP && token.is_none() {
            token = Some(values.content);
        } else if id == NESTED && nested && others == 0 {
            others += 1;
        } else {
            return Err(format!(
                "{WHAT} are something else than one time stamp ({TIME_STAMP}), such as a second signature; only that is known here"
            ));
        }
        if list.is_empty() {
            return Ok(token);
        }
    }
}

/// Checks the token of a time stamp of this signature.
fn check_stamp(token: &[u8], signature: &[u8], trust: &Trust) -> Result<Stamp, String> {
    let (stamp, _) = timestamp::verify(token, signature, trust.stamp_roots())?;
    if stamp.time.0 > trust.time().0 + AHEAD {
        return Err(format!(
            "its time stamp, {}, is in the future: it is {}",
            stamp.time,
            trust.time()
        ));
    }
    Ok(stamp)
}

/// The signed attributes name the content's type and digest, each once.
pub(crate) fn check_attributes(
    attributes: Element,
    content_type: ObjectIdentifier,
    digest: &[u8],
) -> Result<(), String> {
    let (mut types, mut digests) = (Vec::new(), Vec::new());
    for entry in attributes
        .reader()
        .rest(tag::SEQUENCE, true, "the signed attributes")?
    {
        let mut fields = entry.reader();
        let id = fields.next(tag::OID, "an attribute's type")?.as_oid()?;
        let values = fields.next(tag::SET, "an attribute's values")?;
        fields.finish("an attribute")?;
        if id == CONTENT_TYPE {
            types.push(values.content);
        } else if id == MESSAGE_DIGEST {
            digests.push(values.content);
        }
    }
    if types != [asn1::oid(content_type)] {
        return Err(format!("the signed content type is not {content_type}"));
    }
    if digests != [element(tag::OCTET_STRING, digest)] {
        return Err(
            "the signed digest is not that of the content: it was changed after it was signed"
                .into(),
        );
    }
    Ok(())
}
