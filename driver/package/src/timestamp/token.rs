//! A time stamp token: CMS SignedData around `TSTInfo` (RFC 3161, 2.4.2; RFC 5652; RFC 5816).
//!
//! Authorities write what they like where the standards leave it to them: certificates in any order, and more than are needed.
//! Those that the chain does not need are not judged.

use der::asn1::ObjectIdentifier;

use crate::asn1::{Element, Reader, tag};
use crate::cert::{Certificate, chain};
use crate::cms::{RSA_ENCRYPTION, SIGNED_DATA, check_attributes, issuer_named, read_sha256};
use crate::hash::Hash;
use crate::{Date, Sha256Digest, UnixTime};

/// `id-ct-TSTInfo`
pub(super) const TST_INFO: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// `id-aa-signingCertificateV2`
pub(super) const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

/// A good time stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The time that it states, in whole seconds.
    pub(crate) time: UnixTime,
    /// Who says so.
    pub(crate) authority: Certificate,
}

/// Checks a token over `signature`: what it stamps, its own signature, the authority's certificate and chain at the stated time.
/// The nonce that it answers comes with it.
pub(crate) fn verify(
    token: &[u8],
    signature: &[u8],
    roots: &[Certificate],
) -> Result<(Stamp, Option<Vec<u8>>), String> {
    const WHAT: &str = "the time stamp";
    let mut outer = Reader::whole(token, tag::SEQUENCE, WHAT)?.reader();
    if outer.next(tag::OID, WHAT)?.as_oid()? != SIGNED_DATA {
        return Err("the time stamp is not CMS signed data".into());
    }
    let signed = outer.next(tag::context(0), WHAT)?;
    outer.finish(WHAT)?;
    let mut fields = Reader::whole(signed.content, tag::SEQUENCE, WHAT)?.reader();
    fields.next(tag::INTEGER, "the time stamp's version")?;
    fields.next(tag::SET, "the time stamp's digest algorithms")?;
    let mut wrapped = fields.next(tag::SEQUENCE, WHAT)?.reader();
    let kind = wrapped.next(tag::OID, WHAT)?.as_oid()?;
    if kind != TST_INFO {
        return Err(format!("the time stamp holds {kind} instead of a time"));
    }
    let content = wrapped.next(tag::context(0), WHAT)?.content;
    let info = Reader::whole(content, tag::OCTET_STRING, WHAT)?.content;
    let certificates = fields
        .optional(tag::context(0), "the time stamp's certificates")?
        .ok_or("the time stamp comes without the authority's certificate")?;
    let certificates = certificates_in(certificates)?;
    fields.optional(tag::context(1), "the time stamp's revocation lists")?;
    let mut signers = fields.next(tag::SET, "the time stamp's signers")?.reader();
    fields.finish(WHAT)?;
    let signer = signers.next(tag::SEQUENCE, "the time stamp's signer")?;
    signers.finish("the time stamp's signers")?;

    let mut fields = signer.reader();
    fields.next(tag::INTEGER, "the time stamp's signer")?;
    let name = fields
        .next(tag::SEQUENCE, "the time stamp's signer's name")?
        .whole;
    let hash = read_hash(&mut fields)?;
    let attributes = fields.next(tag::context(0), "the time stamp's attributes")?;
    read_signature_algorithm(&mut fields, hash)?;
    let value = fields
        .next(tag::OCTET_STRING, "the time stamp's signature")?
        .content;
    fields.finish("the time stamp's signer")?;
    let authority = issuer_named(&certificates, name)
        .ok_or("the authority's certificate is not in the time stamp")?;
    check_attributes(attributes, TST_INFO, &hash.of(info))
        .map_err(|error| format!("the time stamp: {error}"))?;
    let covered = crate::asn1::element(tag::SET, attributes.content);
    authority
        .verify_with(hash, &covered, value)
        .map_err(|error| format!("the time stamp: {error}"))?;
    check_signing_certificate(attributes.content, authority)?;

    let (time, nonce) = read_info(info, signature)?;
    authority.check_time_stamping()?;
    chain(
        authority,
        &certificates,
        roots,
        time,
        "among the known roots of time stamps",
    )?;
    let authority = authority.clone();
    Ok((Stamp { time, authority }, nonce))
}

/// The X.509 certificates of a set; Microsoft's authorities put others of their own beside them (RFC 5652, 10.2.2).
fn certificates_in(set: Element) -> Result<Vec<Certificate>, String> {
    let (mut reader, mut found) = (set.reader(), Vec::new());
    while !reader.is_empty() {
        let one = reader.any("the time stamp's certificates")?.whole;
        if one[0] == tag::SEQUENCE {
            found.extend(Certificate::from_der(one));
        }
    }
    Ok(found)
}

/// The digest algorithm of the authority's signature.
fn read_hash(fields: &mut Reader) -> Result<Hash, String> {
    const WHAT: &str = "the time stamp's digest algorithm";
    let found = fields
        .next(tag::SEQUENCE, WHAT)?
        .reader()
        .next(tag::OID, WHAT)?
        .as_oid()?;
    Hash::alone(found).ok_or_else(|| format!("{WHAT} is {found}, not SHA-256, SHA-384 or SHA-512"))
}

fn read_signature_algorithm(fields: &mut Reader, hash: Hash) -> Result<(), String> {
    const WHAT: &str = "the time stamp's signature algorithm";
    let found = fields
        .next(tag::SEQUENCE, WHAT)?
        .reader()
        .next(tag::OID, WHAT)?
        .as_oid()?;
    if found == RSA_ENCRYPTION || Hash::with_rsa(found) == Some(hash) {
        Ok(())
    } else {
        Err(format!("{WHAT} is {found}, not RSA; ask another authority"))
    }
}

/// A signed attribute names the certificate by its hash, where the authority writes the newer form of it (RFC 5816).
fn check_signing_certificate(attributes: &[u8], authority: &Certificate) -> Result<(), String> {
    const WHAT: &str = "the time stamp's signing certificate";
    for attribute in Reader::new(attributes).rest(tag::SEQUENCE, true, WHAT)? {
        let mut fields = attribute.reader();
        if fields.next(tag::OID, WHAT)?.as_oid()? != SIGNING_CERTIFICATE_V2 {
            continue;
        }
        let values = fields.next(tag::SET, WHAT)?;
        let list = values.reader().next(tag::SEQUENCE, WHAT)?;
        let certificates = list.reader().next(tag::SEQUENCE, WHAT)?;
        let mut first = certificates.reader().next(tag::SEQUENCE, WHAT)?.reader();
        // SHA-256 where nothing is written.
        let hash = match first.optional(tag::SEQUENCE, WHAT)? {
            Some(algorithm) => Hash::alone(algorithm.reader().next(tag::OID, WHAT)?.as_oid()?),
            None => Some(Hash::Sha256),
        };
        let named = first.next(tag::OCTET_STRING, WHAT)?.content;
        if hash.is_none_or(|hash| hash.of(authority.der()) != named) {
            return Err("the time stamp was made for another certificate of the authority".into());
        }
    }
    Ok(())
}

/// The time and the nonce of a `TSTInfo`, which must be about `signature`.
fn read_info(info: &[u8], signature: &[u8]) -> Result<(UnixTime, Option<Vec<u8>>), String> {
    const WHAT: &str = "the time stamp's information";
    let mut fields = Reader::whole(info, tag::SEQUENCE, WHAT)?.reader();
    if fields.next(tag::INTEGER, WHAT)?.content != [1] {
        return Err(format!("{WHAT} is not of version 1"));
    }
    fields.next(tag::OID, WHAT)?;
    let mut imprint = fields.next(tag::SEQUENCE, WHAT)?.reader();
    read_sha256(&mut imprint, "the stamped digest's algorithm")?;
    let stamped = imprint.next(tag::OCTET_STRING, WHAT)?.content;
    imprint.finish(WHAT)?;
    if stamped != Sha256Digest::of(signature).0 {
        return Err("the time stamp is one of something else (another imprint)".into());
    }
    fields.next(tag::INTEGER, WHAT)?;
    let time = fields.next(tag::GENERALIZED_TIME, WHAT)?.content;
    let time = generalized(time).ok_or_else(|| format!("{WHAT}: its time cannot be read"))?;
    fields.optional(tag::SEQUENCE, WHAT)?;
    fields.optional(tag::BOOLEAN, WHAT)?;
    let nonce = fields.optional(tag::INTEGER, WHAT)?;
    fields.optional(tag::context(0), WHAT)?;
    fields.optional(tag::context(1), WHAT)?;
    fields.finish(WHAT)?;
    Ok((time, nonce.map(|nonce| nonce.content.to_owned())))
}

/// `20261126234955Z` or `20261126234955.25Z` (RFC 3161, 2.4.2); parts of a second are cut off.
fn generalized(text: &[u8]) -> Option<UnixTime> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || !digits(part) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| whole[range].parse::<u16>().ok();
    let (month, day) = (number(4..6)? as u8, number(6..8)? as u8);
    let date = Date::new(number(0..4)?, month, day)?;
    let [hour, minute, second] = [number(8..10)?, number(10..12)?, number(12..14)?].map(u64::from);
    (hour < 24 && minute < 60 && second < 61)
        .then(|| UnixTime(date.midnight().0 + hour * 3600 + minute * 60 + second))
}
