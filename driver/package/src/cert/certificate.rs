//! X.509 certificates as signatures need them: names, validity, purpose, and checking what they signed.

use std::fmt;

use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use rsa::RsaPublicKey;
use rsa::pkcs8::DecodePublicKey;
use x509_cert::ext::pkix::{BasicConstraints, CertificatePolicies, ExtendedKeyUsage, KeyUsage};

use crate::hash::Hash;
use crate::{Sha256Digest, UnixTime};

pub(crate) const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
pub(crate) const SHA256_WITH_RSA: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SHA1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// Sizes of RSA keys that are accepted, in bits.
const LEAST_BITS: usize = 2048;
const MOST_BITS: usize = 4096;
const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
/// `szOID_WHQL_CRYPTO` and `szOID_ATTEST_WHQL_CRYPTO` (wincrypt.h).
const WHQL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.10.3.5");
const ATTESTED: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.10.3.5.1");
const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const CERTIFICATE_POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");

/// A certificate or key that cannot be made, read or used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertError(pub(crate) String);

impl CertError {
    /// What a keeper of keys has to say. It must hold no secret.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for CertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertError {}

/// A certificate with its exact bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    parsed: x509_cert::Certificate,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, {})", self.subject(), self.thumbprint())
    }
}

impl Certificate {
    /// Reads a certificate in DER, with nothing behind it.
    ///
    /// # Errors
    /// Anything that is not one certificate in strict DER.
    pub fn from_der(der: &[u8]) -> Result<Self, CertError> {
        let parsed = x509_cert::Certificate::from_der(der)
            .map_err(|error| CertError(format!("not an X.509 certificate: {error}")))?;
        if parsed.to_der().is_ok_and(|again| again == der) {
            Ok(Self {
                der: der.to_owned(),
                parsed,
            })
        } else {
            Err(CertError(
                "an X.509 certificate that is not in strict DER".into(),
            ))
        }
    }

    /// Reads a certificate in PEM or DER.
    ///
    /// # Errors
    /// Anything else.
    pub fn from_pem_or_der(bytes: &[u8]) -> Result<Self, CertError> {
        if !bytes.starts_with(b"-----BEGIN") {
            return Self::from_der(bytes);
        }
        match der::pem::decode_vec(bytes) {
            Ok(("CERTIFICATE", der)) => Self::from_der(&der),
            Ok((label, _)) => Err(CertError(format!(
                "a PEM file with {label} instead of CERTIFICATE"
            ))),
            Err(error) => Err(CertError(format!("a damaged PEM file: {error}"))),
        }
    }

    /// Reads the certificates of a PEM file one after the other; text between them is passed over.
    ///
    /// # Errors
    /// A file without any, or one that cannot be read, by its place in the file.
    pub fn all_from_pem(bytes: &[u8]) -> Result<Vec<Self>, CertError> {
        const BEGIN: &str = "-----BEGIN ";
        const END: &str = "-----END ";
        let text = String::from_utf8_lossy(bytes);
        let mut found = Vec::new();
        for block in text.split(BEGIN).skip(1) {
            let end = block.find(END).and_then(|end| {
                let line = block[end..].find('\n');
                Some(line.map_or(block.len(), |line| end + line + 1)).filter(|_| end > 0)
            });
            let block = format!("{BEGIN}{}", &block[..end.unwrap_or(block.len())]);
            found.push(
                Self::from_pem_or_der(block.as_bytes()).map_err(|error| {
                    CertError(format!("certificate {}: {error}", found.len() + 1))
                })?,
            );
        }
        if found.is_empty() {
            return Err(CertError("a file without a certificate in PEM".into()));
        }
        Ok(found)
    }

    /// The exact bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> String {
        der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &self.der)
            .unwrap_or_default()
    }

    /// The subject's name, e.g. `CN=waverig test`.
    pub fn subject(&self) -> String {
        self.parsed.tbs_certificate.subject.to_string()
    }

    /// The issuer's name.
    pub fn issuer(&self) -> String {
        self.parsed.tbs_certificate.issuer.to_string()
    }

    /// SHA-256 of the certificate.
    pub fn thumbprint(&self) -> Sha256Digest {
        Sha256Digest::of(&self.der)
    }

    /// First and last second of its validity.
    pub fn validity(&self) -> (UnixTime, UnixTime) {
        let validity = &self.parsed.tbs_certificate.validity;
        let time = |time: x509_cert::time::Time| UnixTime(time.to_unix_duration().as_secs());
        (time(validity.not_before), time(validity.not_after))
    }

    /// Whether it is its own issuer by name.
    pub fn is_self_signed(&self) -> bool {
        self.parsed.tbs_certificate.subject == self.parsed.tbs_certificate.issuer
    }

    /// `IssuerAndSerialNumber`, by which a signature names its certificate.
    pub(crate) fn issuer_and_serial(&self) -> Result<Vec<u8>, CertError> {
        let tbs = &self.parsed.tbs_certificate;
        let parts = [tbs.issuer.to_der(), tbs.serial_number.to_der()];
        let [issuer, serial] = parts.map(|part| part.map_err(|error| CertError(error.to_string())));
        Ok(crate::asn1::sequence([issuer?, serial?]))
    }

    /// `SubjectPublicKeyInfo`
    pub(crate) fn public_key(&self) -> Vec<u8> {
        self.parsed
            .tbs_certificate
            .subject_public_key_info
            .to_der()
            .unwrap_or_default()
    }

    /// The certificate's RSA key, which must have 2048 to 4096 bits.
    ///
    /// Windows supports no elliptic curves and no longer keys for code signing: Microsoft Trusted Root Program, Program
    /// Requirements, 3.1.20.
    pub(crate) fn rsa_key(&self) -> Result<RsaPublicKey, CertError> {
        let subject = self.subject();
        let info = &self.parsed.tbs_certificate.subject_public_key_info;
        if info.algorithm.oid == EC_PUBLIC_KEY {
            return Err(CertError(format!(
                "the key of {subject} is one of an elliptic curve (ECDSA), which Windows does not support for code; take a certificate with an RSA key of {LEAST_BITS} to {MOST_BITS} bits"
            )));
        }
        let refused = || CertError(format!("the key of {subject} is not an RSA key"));
        let bits = info
            .subject_public_key
            .as_bytes()
            .and_then(|bytes| rsa::pkcs1::RsaPublicKey::from_der(bytes).ok())
            .map(|key| 8 * key.modulus.as_bytes().len())
            .filter(|_| info.algorithm.oid == RSA_ENCRYPTION)
            .ok_or_else(refused)?;
        if !(LEAST_BITS..=MOST_BITS).contains(&bits) {
            return Err(CertError(format!(
                "the key of {subject} has {bits} bits; Windows takes {LEAST_BITS} to {MOST_BITS}"
            )));
        }
        RsaPublicKey::from_public_key_der(&self.public_key()).map_err(|_| refused())
    }

    /// Checks a PKCS#1 v1.5 signature with SHA-256 by this certificate's key.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), String> {
        self.verify_with(Hash::Sha256, message, signature)
    }

    /// Checks a PKCS#1 v1.5 signature by this certificate's key.
    pub(crate) fn verify_with(
        &self,
        hash: Hash,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), String> {
        let key = self.rsa_key().map_err(|error| error.0)?;
        key.verify(hash.padding(), &hash.of(message), signature)
            .map_err(|_| {
                format!(
                    "the signature was not made with the key of {}",
                    self.subject()
                )
            })
    }

    /// Whether `issuer` signed this certificate and may have.
    pub(crate) fn check_issued_by(&self, issuer: &Self) -> Result<(), String> {
        let (subject, by) = (self.subject(), issuer.subject());
        if self.parsed.tbs_certificate.issuer != issuer.parsed.tbs_certificate.subject {
            return Err(format!("{subject} is not issued by {by}"));
        }
        if !issuer
            .extension::<BasicConstraints>(BASIC_CONSTRAINTS)?
            .is_some_and(|constraints| constraints.ca)
        {
            return Err(format!("{by} is not a certificate authority"));
        }
        self.check_signature(issuer)
    }

    /// Whether the certificate's own signature is by the key of `issuer`, with RSA and SHA-256 or more, as authorities sign.
    pub(crate) fn check_signature(&self, issuer: &Self) -> Result<(), String> {
        let algorithm = self.parsed.signature_algorithm.oid;
        let hash = Hash::with_rsa(algorithm).ok_or_else(|| {
            let weak = if algorithm == SHA1_WITH_RSA {
                " (SHA-1)"
            } else {
                ""
            };
            format!(
                "{} is signed with {algorithm}{weak}, not with RSA and SHA-256 or more",
                self.subject()
            )
        })?;
        if self.parsed.signature_algorithm != self.parsed.tbs_certificate.signature {
            return Err(format!("{} names two signature algorithms", self.subject()));
        }
        let message = self
            .parsed
            .tbs_certificate
            .to_der()
            .map_err(|error| error.to_string())?;
        let signature = self.parsed.signature.as_bytes().unwrap_or_default();
        issuer
            .verify_with(hash, &message, signature)
            .map_err(|error| format!("certificate {}: {error}", self.subject()))
    }

    /// Whether it may stamp times, and is for that alone (RFC 3161, 2.3).
    pub(crate) fn check_time_stamping(&self) -> Result<(), String> {
        let subject = self.subject();
        let purposes = self.extension::<ExtendedKeyUsage>(EXTENDED_KEY_USAGE)?;
        if purposes.is_none_or(|purposes| purposes.0 != [TIME_STAMPING]) {
            return Err(format!(
                "{subject} is not for time stamps, or not for them alone (extended key usage {TIME_STAMPING})"
            ));
        }
        self.check_digital_signatures()
    }

    /// Whether its extended key usage is critical, as that of an authority for time stamps must be. Microsoft's own are not, and are
    /// believed where they are found.
    pub(crate) fn check_purpose_is_critical(&self) -> Result<(), String> {
        let mut extensions = self.parsed.tbs_certificate.extensions.iter().flatten();
        if extensions.any(|extension| extension.extn_id == EXTENDED_KEY_USAGE && extension.critical)
        {
            return Ok(());
        }
        Err(format!(
            "the extended key usage of {} is not critical, as an authority's for time stamps must be (RFC 3161, 2.3)",
            self.subject()
        ))
    }

    /// Whether it may sign code: extended key usage, key usage, no critical extension that is not understood.
    pub(crate) fn check_code_signing(&self) -> Result<(), String> {
        let subject = self.subject();
        let purposes = self.extension::<ExtendedKeyUsage>(EXTENDED_KEY_USAGE)?;
        if !purposes.is_some_and(|purposes| purposes.0.contains(&CODE_SIGNING)) {
            return Err(format!(
                "{subject} is not for code signing (extended key usage {CODE_SIGNING})"
            ));
        }
        self.check_digital_signatures()
    }

    /// Key usage, and no critical extension that is not understood.
    fn check_digital_signatures(&self) -> Result<(), String> {
        let subject = self.subject();
        if self
            .extension::<KeyUsage>(KEY_USAGE)?
            .is_some_and(|usage| !usage.digital_signature())
        {
            return Err(format!(
                "the key usage of {subject} lacks digital signatures"
            ));
        }
        let known = [
            KEY_USAGE,
            EXTENDED_KEY_USAGE,
            BASIC_CONSTRAINTS,
            SUBJECT_ALTERNATIVE_NAME,
        ];
        let extensions = self.parsed.tbs_certificate.extensions.iter().flatten();
        match extensions
            .filter(|extension| extension.critical)
            .find(|extension| !known.contains(&extension.extn_id))
        {
            Some(extension) => Err(format!(
                "{subject} has a critical extension {} that is not understood",
                extension.extn_id
            )),
            None => Ok(()),
        }
    }

    /// Whether it is for signing drivers as Microsoft does, after tests or by attestation.
    pub(crate) fn check_for_drivers(&self) -> Result<(), String> {
        let purposes = self.extension::<ExtendedKeyUsage>(EXTENDED_KEY_USAGE)?;
        let right = |purpose: &ObjectIdentifier| [WHQL, ATTESTED].contains(purpose);
        if purposes.is_some_and(|purposes| purposes.0.iter().any(right)) {
            return Ok(());
        }
        Err(format!(
            "{} is not for drivers of others (extended key usage {WHQL} or {ATTESTED})",
            self.subject()
        ))
    }

    /// Whether its policies name this one.
    pub(crate) fn has_policy(&self, policy: ObjectIdentifier) -> bool {
        self.extension::<CertificatePolicies>(CERTIFICATE_POLICIES)
            .ok()
            .flatten()
            .is_some_and(|policies| policies.0.iter().any(|one| one.policy_identifier == policy))
    }

    fn extension<'a, T: Decode<'a>>(&'a self, id: ObjectIdentifier) -> Result<Option<T>, String> {
        let mut extensions = self.parsed.tbs_certificate.extensions.iter().flatten();
        let found = extensions.find(|extension| extension.extn_id == id);
        let decode = |bytes| {
            T::from_der(bytes)
                .map_err(|_| format!("{} has a damaged extension {id}", self.subject()))
        };
        found
            .map(|extension| decode(extension.extn_value.as_bytes()))
            .transpose()
    }
}
