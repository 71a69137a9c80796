//! The certificate and key that sign test packages, made on first use and kept in a folder of the caller's.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use der::asn1::{BitString, OctetString, UtcTime};
use der::{Decode, Encode};
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::EncodePublicKey;
use rsa::rand_core::{CryptoRngCore, OsRng};
use rsa::signature::{SignatureEncoding as _, Signer as _};
use sha2::Sha256;
use x509_cert::certificate::{TbsCertificate, Version};
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier};
use x509_cert::ext::{AsExtension, Extension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

use super::certificate::{CODE_SIGNING, CertError, Certificate, SHA256_WITH_RSA};
use super::key::RsaKey;
use super::signer::Signer;
use crate::{Sha256Digest, UnixTime};

const KEY_BITS: usize = 2048;
/// The certificate's validity from the day it is made.
const DAYS: u64 = 5 * 365;

const CERTIFICATE_PEM: &str = "certificate.pem";
const CERTIFICATE_DER: &str = "certificate.der";
const KEY_PEM: &str = "key.pem";

impl Signer {
    /// The test signer kept in `folder`: `certificate.pem`, the same as `certificate.der`, and `key.pem` (PKCS#8, readable by
    /// its owner only). Made there when the folder does not exist.
    ///
    /// # Errors
    /// A folder that cannot be written; files that are missing, damaged or do not belong together; a certificate that is
    /// not valid at `now`. Each says what to do.
    pub fn ensure(folder: &Path, subject: &str, now: UnixTime) -> Result<Self, CertError> {
        if !folder.exists() {
            let (certificate, key) = make(subject, now, new_key(&mut OsRng)?)?;
            match save(&certificate, &key, folder) {
                // Another process was faster: what it made counts.
                Err(_) if folder.exists() => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    let mut made = Self::new(vec![certificate], Box::new(key))?;
                    made.created = true;
                    return Ok(made);
                }
            }
        }
        let signer = load(folder)?;
        let (from, to) = signer.certificate().validity();
        if now < from || now > to {
            return Err(CertError(format!(
                "{}: the certificate is valid from {from} to {to}, and it is {now}; delete the folder {} to make a new one",
                folder.join(CERTIFICATE_PEM).display(),
                folder.display()
            )));
        }
        Ok(signer)
    }
}

/// Makes a key from `random`.
pub(crate) fn new_key(random: &mut impl CryptoRngCore) -> Result<RsaPrivateKey, CertError> {
    RsaPrivateKey::new(random, KEY_BITS)
        .map_err(|error| CertError(format!("no key could be made: {error}")))
}

/// Makes a certificate for a key.
pub(crate) fn make(
    subject: &str,
    now: UnixTime,
    key: RsaPrivateKey,
) -> Result<(Certificate, RsaKey), CertError> {
    let certificate = self_signed(subject, now, &key)
        .map_err(|error| CertError(format!("no certificate could be made: {error}")))?;
    Ok((certificate, RsaKey::of(key)))
}

pub(crate) fn save(
    certificate: &Certificate,
    key: &RsaKey,
    folder: &Path,
) -> Result<(), CertError> {
    let failed = |path: &Path, error: std::io::Error| {
        CertError(format!(
            "{}: {error}; choose a folder that can be written",
            path.display()
        ))
    };
    let key = key.to_pkcs8_pem()?;
    let pem = certificate.pem();
    // Written beside its place and renamed, so that nobody ever finds half of it.
    let parent = folder.parent().unwrap_or(Path::new("."));
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let draft = parent.join(format!(".{name}.{}", std::process::id()));
    fs::create_dir_all(&draft).map_err(|error| failed(&draft, error))?;
    let files: [(&str, &[u8]); 3] = [
        (KEY_PEM, key.as_bytes()),
        (CERTIFICATE_PEM, pem.as_bytes()),
        (CERTIFICATE_DER, certificate.der()),
    ];
    let written = files.iter().try_for_each(|(name, bytes)| {
        let path = draft.join(name);
        write(&path, bytes, *name == KEY_PEM).map_err(|error| failed(&path, error))
    });
    let placed =
        written.and_then(|()| fs::rename(&draft, folder).map_err(|error| failed(folder, error)));
    if placed.is_err() {
        let _ = fs::remove_dir_all(&draft);
    }
    placed
}

fn load(folder: &Path) -> Result<Signer, CertError> {
    let advice = format!(
        "delete the folder {} to make a new certificate",
        folder.display()
    );
    let at =
        |path: &PathBuf, what: String| CertError(format!("{}: {what}; {advice}", path.display()));
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path)
            .map_err(|error| at(&path, error.to_string()))
            .map(|bytes| (path, bytes))
    };
    let (certificate_path, pem) = read(CERTIFICATE_PEM)?;
    let certificate =
        Certificate::from_pem_or_der(&pem).map_err(|error| at(&certificate_path, error.0))?;
    let (der_path, der) = read(CERTIFICATE_DER)?;
    if der != certificate.der() {
        return Err(at(
            &der_path,
            format!("it is not the certificate in {CERTIFICATE_PEM}"),
        ));
    }
    let (key_path, key) = read(KEY_PEM)?;
    let key = RsaKey::from_pkcs8_pem(&key, None).map_err(|error| at(&key_path, error.0))?;
    if !key.belongs_to(&certificate) {
        return Err(at(
            &key_path,
            format!("the key does not belong to {CERTIFICATE_PEM}"),
        ));
    }
    certificate
        .check_code_signing()
        .map_err(|error| at(&certificate_path, error))?;
    Signer::new(vec![certificate], Box::new(key)).map_err(|error| at(&certificate_path, error.0))
}

fn write(path: &Path, bytes: &[u8], secret: bool) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if secret { 0o600 } else { 0o644 });
    #[cfg(not(unix))]
    let _ = secret;
    options.open(path)?.write_all(bytes)
}

/// A certificate for code signing that is its own root, valid from the day before `now`.
fn self_signed(
    subject: &str,
    now: UnixTime,
    key: &RsaPrivateKey,
) -> Result<Certificate, Box<dyn std::error::Error>> {
    let public = key.to_public_key().to_public_key_der()?;
    let identifier = Sha256Digest::of(public.as_bytes()).0;
    let name = Name::from_str(subject)?;
    let algorithm = AlgorithmIdentifierOwned {
        oid: SHA256_WITH_RSA,
        parameters: Some(der::asn1::Any::null()),
    };
    let time = |time: UnixTime| {
        UtcTime::from_unix_duration(std::time::Duration::from_secs(time.0)).map(Time::UtcTime)
    };
    // The serial number follows from the key, so that it is unique without being drawn. Its first bit keeps it positive.
    let mut serial = identifier[..16].to_vec();
    serial[0] = serial[0] & 0x7F | 0x40;
    let mut tbs = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&serial)?,
        signature: algorithm.clone(),
        issuer: name.clone(),
        validity: Validity {
            not_before: time(UnixTime(now.0.saturating_sub(86_400)))?,
            not_after: time(now.plus_days(DAYS))?,
        },
        subject: name.clone(),
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(public.as_bytes())?,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: None,
    };
    let none: &[Extension] = &[];
    tbs.extensions = Some(vec![
        KeyUsage(KeyUsages::DigitalSignature.into()).to_extension(&name, none)?,
        ExtendedKeyUsage(vec![CODE_SIGNING]).to_extension(&name, none)?,
        SubjectKeyIdentifier(OctetString::new(&identifier[..20])?).to_extension(&name, none)?,
    ]);
    let signature = SigningKey::<Sha256>::new(key.clone()).sign(&tbs.to_der()?);
    let certificate = x509_cert::Certificate {
        tbs_certificate: tbs,
        signature_algorithm: algorithm,
        signature: BitString::from_bytes(&signature.to_bytes())?,
    };
    Ok(Certificate::from_der(&certificate.to_der()?)?)
}
