//! Signers are made once, kept private, and refused when anything about them is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Mutex, OnceLock};

use der::Encode;
use der::asn1::ObjectIdentifier;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use rsa::RsaPrivateKey;

use x509_cert::name::Name;

use super::test_certificate::{make, new_key, save};
use super::*;
use crate::UnixTime;

const NOW: UnixTime = UnixTime(1_795_132_800);

/// A certificate and a key that are the same in every run: the key comes from a fixed seed.
pub(crate) fn seeded(subject: &str, seed: u64) -> (Certificate, RsaKey) {
    // Made once for all tests: that takes longer than they do.
    static KEYS: Mutex<BTreeMap<u64, RsaPrivateKey>> = Mutex::new(BTreeMap::new());
    let key = KEYS
        .lock()
        .unwrap()
        .entry(seed)
        .or_insert_with(|| new_key(&mut ChaCha12Rng::seed_from_u64(seed)).unwrap())
        .clone();
    make(subject, NOW, key).unwrap()
}

fn signer(subject: &str, seed: u64) -> Signer {
    let (certificate, key) = seeded(subject, seed);
    Signer::new(vec![certificate], Box::new(key)).unwrap()
}

/// Whose packages the tests of this crate trust.
pub(crate) fn test_signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| signer("CN=test (package)", 1))
}

/// Somebody else.
pub(crate) fn other_signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| signer("CN=test (other)", 2))
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("waverig-cert-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn made_on_first_use_and_kept() {
    let folder = Folder::new("kept");
    let place = folder.0.join("identity");
    let made = Signer::ensure(&place, "CN=waverig test (here)", NOW).unwrap();
    assert!(made.created());
    assert_eq!(made.certificate().subject(), "CN=waverig test (here)");
    let kept = Signer::ensure(&place, "CN=whatever", NOW).unwrap();
    assert!(!kept.created());
    assert_eq!(kept.certificate(), made.certificate());
    assert_eq!(kept.sign(b"x"), made.sign(b"x"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(place.join("key.pem"))
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o600
        );
    }
    assert_eq!(
        fs::read_dir(&folder.0).unwrap().count(),
        1,
        "no draft is left"
    );

    let later = NOW.plus_days(6 * 365);
    let error = Signer::ensure(&place, "", later).unwrap_err().to_string();
    assert!(
        error.contains("certificate.pem")
            && error.contains("valid from 2026-11-19")
            && error.contains("delete the folder"),
        "{error}"
    );

    let certificate = fs::read(place.join("certificate.pem")).unwrap();
    let key = fs::read(place.join("key.pem")).unwrap();
    let other = Folder::new("other");
    let other_place = other.0.join("identity");
    let (certificate_of_other, key_of_other) = seeded("CN=test (other)", 2);
    save(&certificate_of_other, &key_of_other, &other_place).unwrap();
    let other_key = fs::read(other_place.join("key.pem")).unwrap();
    for (file, bytes, part) in [
        ("key.pem", &other_key[..], "does not belong to"),
        ("key.pem", b"-----BEGIN", "not a PKCS#8"),
        (
            "certificate.pem",
            b"-----BEGIN CERTIFICATE-----",
            "damaged PEM",
        ),
        (
            "certificate.pem",
            &key,
            "PRIVATE KEY instead of CERTIFICATE",
        ),
        ("certificate.der", &certificate, "it is not the certificate"),
    ] {
        let before = fs::read(place.join(file)).unwrap();
        fs::write(place.join(file), bytes).unwrap();
        let error = Signer::ensure(&place, "", NOW).unwrap_err().to_string();
        assert!(
            error.contains(file) && error.contains(part) && error.contains("delete the folder"),
            "{error}"
        );
        fs::write(place.join(file), before).unwrap();
    }
    fs::remove_file(place.join("key.pem")).unwrap();
    assert!(
        Signer::ensure(&place, "", NOW)
            .unwrap_err()
            .to_string()
            .contains("key.pem")
    );
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = Folder::new("file");
    fs::write(folder.0.join("file"), "").unwrap();
    let error = Signer::ensure(&folder.0.join("file/identity"), "CN=x", NOW)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("file") && error.contains("choose a folder"),
        "{error}"
    );
}

#[test]
fn trust_needs_root_publisher_and_time() {
    let certificate = test_signer().certificate();
    let other = other_signer().certificate();
    let check = |roots: &[&Certificate],
                 publishers: &[&Certificate],
                 time,
                 carried: &[&Certificate]| {
        let owned = |certificates: &[&Certificate]| {
            certificates
                .iter()
                .map(|&certificate| certificate.clone())
                .collect::<Vec<_>>()
        };
        Trust::new(owned(roots), owned(publishers), time).check(certificate, &owned(carried), None)
    };
    let (both, day) = (&[certificate][..], 1);
    assert_eq!(check(both, both, NOW, both), Ok(()));
    assert_eq!(check(both, both, NOW, &[]), Ok(()), "the root store has it");
    for (result, part) in [
        (
            check(&[other], both, NOW, both),
            "not in the machine's Root store",
        ),
        (check(both, &[other], NOW, both), "TrustedPublisher"),
        (
            check(both, both, UnixTime(NOW.0 - 2 * 86_400), both),
            "is valid from",
        ),
        (
            check(both, both, NOW.plus_days(5 * 365 + day), both),
            "is valid from",
        ),
        (
            check(both, both, NOW, &[certificate, other]),
            "not part of the signer's chain",
        ),
    ] {
        let error = result.unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

/// An extension: identifier, the encoded `critical` flag if it is written, value.
pub(crate) type ExtensionParts<'a> = (&'a str, &'a [u8], &'a [u8]);

pub(crate) const CRITICAL: &[u8] = &[1, 1, 0xFF];

/// A certificate by `issuer` for the key of `key`.
pub(crate) fn issued(
    subject: &str,
    key: &Signer,
    issuer: &Signer,
    issuer_name: &str,
    extensions: &[ExtensionParts],
) -> Result<Certificate, CertError> {
    use crate::asn1::{constructed, element, null, oid, sequence, tag};
    let algorithm = || sequence([oid(super::certificate::SHA256_WITH_RSA), null()]);
    let name = |text: &str| Name::from_str(text).unwrap().to_der().unwrap();
    let time = |text: &str| element(tag::UTC_TIME, text);
    let extensions: Vec<Vec<u8>> = extensions
        .iter()
        .map(|(id, critical, value)| {
            sequence([
                oid(ObjectIdentifier::new_unwrap(id)),
                critical.to_vec(),
                element(tag::OCTET_STRING, value),
            ])
        })
        .collect();
    let tbs = sequence([
        constructed(tag::context(0), [crate::asn1::integer(2)]),
        // Another one for each subject of an issuer.
        crate::asn1::integer(subject.bytes().map(u32::from).sum()),
        algorithm(),
        name(issuer_name),
        sequence([time("260101000000Z"), time("300101000000Z")]),
        name(subject),
        key.certificate().public_key(),
        constructed(
            tag::context(3),
            [element(tag::SEQUENCE, extensions.concat())],
        ),
    ]);
    let signature = element(
        tag::BIT_STRING,
        [vec![0], issuer.sign(&tbs).unwrap()].concat(),
    );
    Certificate::from_der(&sequence([tbs, algorithm(), signature]))
}

#[test]
fn chains_and_purposes() {
    const SERVER: ExtensionParts = (
        "2.5.29.37",
        b"",
        &[0x30, 10, 6, 8, 0x2B, 6, 1, 5, 5, 7, 3, 1],
    );
    const CERT_SIGN: ExtensionParts = ("2.5.29.15", CRITICAL, &[3, 2, 2, 4]);
    const STRANGE: ExtensionParts = ("1.2.3.4", CRITICAL, &[5, 0]);
    const NO_CA: ExtensionParts = ("2.5.29.19", CRITICAL, &[0x30, 0]);
    let (root_key, leaf_key) = (other_signer(), test_signer());
    let root = issued("CN=root", root_key, root_key, "CN=root", &[CA]).unwrap();
    let no_ca = issued("CN=root", root_key, root_key, "CN=root", &[NO_CA]).unwrap();
    let plain_root = issued("CN=root", root_key, root_key, "CN=root", &[]).unwrap();
    let leaf = |extensions: &[ExtensionParts]| {
        issued("CN=leaf", leaf_key, root_key, "CN=root", extensions).unwrap()
    };
    let forged = issued("CN=leaf", leaf_key, leaf_key, "CN=root", &[CODE]).unwrap();
    let written_default = issued(
        "CN=leaf",
        leaf_key,
        root_key,
        "CN=root",
        &[(CODE.0, &[1, 1, 0], CODE.2)],
    );
    assert!(
        written_default
            .unwrap_err()
            .to_string()
            .contains("not in strict DER")
    );
    let check = |root: &Certificate, leaf: &Certificate, carried: &[Certificate]| {
        Trust::new(vec![root.clone()], vec![leaf.clone()], NOW).check(
            leaf,
            &[std::slice::from_ref(leaf), carried].concat(),
            None,
        )
    };
    assert_eq!(check(&root, &leaf(&[CODE]), &[]), Ok(()));
    assert_eq!(
        check(&root, &leaf(&[CODE]), std::slice::from_ref(&root)),
        Ok(())
    );
    let foreign = other_signer().certificate();
    for (result, part) in [
        (
            check(foreign, &leaf(&[CODE]), &[]),
            "the issuer of CN=leaf, CN=root, is not in the machine's Root store",
        ),
        (
            check(foreign, &leaf(&[CODE]), std::slice::from_ref(&root)),
            "CN=root is not in the machine's Root store",
        ),
        (
            check(&plain_root, &leaf(&[CODE]), &[]),
            "CN=root is not a certificate authority",
        ),
        (
            check(&no_ca, &leaf(&[CODE]), &[]),
            "CN=root is not a certificate authority",
        ),
        (
            check(&root, &forged, &[]),
            "was not made with the key of CN=root",
        ),
        (check(&root, &leaf(&[]), &[]), "is not for code signing"),
        (
            check(&root, &leaf(&[SERVER]), &[]),
            "is not for code signing",
        ),
        (
            check(&root, &leaf(&[CODE, CERT_SIGN]), &[]),
            "lacks digital signatures",
        ),
        (
            check(&root, &leaf(&[CODE, STRANGE]), &[]),
            "critical extension 1.2.3.4",
        ),
    ] {
        let error = result.unwrap_err();
        assert!(error.contains(part), "{error} lacks {part}");
    }
}

#[test]
fn any_changed_bit_of_a_certificate_shows() {
    let certificate = test_signer().certificate();
    for at in 0..certificate.der().len() {
        let mut der = certificate.der().to_vec();
        der[at] ^= 1 << (at % 8);
        if let Ok(changed) = Certificate::from_der(&der) {
            assert!(
                changed.check_signature(&changed).is_err()
                    || changed.check_signature(certificate).is_err(),
                "byte {at}"
            );
            assert_ne!(&changed, certificate);
        }
    }
}

/// The shape of a certificate authority's certificate.
pub(crate) const CA: ExtensionParts = ("2.5.29.19", CRITICAL, &[0x30, 3, 1, 1, 0xFF]);
/// Extended key usage: code signing.
pub(crate) const CODE: ExtensionParts = (
    "2.5.29.37",
    b"",
    &[0x30, 10, 6, 8, 0x2B, 6, 1, 5, 5, 7, 3, 3],
);

/// A signer under an intermediate certificate under a root.
pub(crate) fn chained_signer() -> Signer {
    let (root_key, leaf_key) = (other_signer(), test_signer());
    let root = issued("CN=root", root_key, root_key, "CN=root", &[CA]).unwrap();
    let middle = issued("CN=middle", leaf_key, root_key, "CN=root", &[CA]).unwrap();
    let leaf = issued("CN=leaf", leaf_key, leaf_key, "CN=middle", &[CODE]).unwrap();
    let (_, key) = seeded("CN=leaf", 1);
    Signer::new(vec![leaf, middle, root], Box::new(key)).unwrap()
}

#[test]
fn a_chain_goes_up_to_its_root() {
    let signer = chained_signer();
    let chain = signer.chain();
    let pem: String = chain
        .iter()
        .map(|one| format!("subject: a line of openssl's\n{}", one.pem()))
        .collect();
    assert_eq!(Certificate::all_from_pem(pem.as_bytes()).unwrap(), chain);
    assert_eq!(
        signer.carried(),
        &chain[..2],
        "a machine has the root itself"
    );
    let check = |places: &[usize]| {
        let chain = places.iter().map(|&at| chain[at].clone()).collect();
        Signer::new(chain, Box::new(seeded("CN=leaf", 1).1))
            .map(|signer| signer.carried().len())
            .map_err(|error| error.to_string())
    };
    assert_eq!(check(&[2]), Ok(1), "a root alone is carried");
    for (places, part) in [
        (&[][..], "no certificate"),
        (
            &[0, 1],
            "ends with CN=middle; add the certificate of CN=root",
        ),
        (&[0, 2], "CN=leaf is not issued by CN=root"),
        (&[1, 0, 2], "CN=middle is not issued by CN=leaf"),
    ] {
        let error = check(places).unwrap_err();
        assert!(error.contains(part), "{error} lacks {part}");
    }
    for (pem, part) in [
        ("", "without a certificate"),
        (
            "-----BEGIN CERTIFICATE-----\n",
            "certificate 1: a damaged PEM",
        ),
        (
            &format!("{pem}-----BEGIN X-----\nAAAA\n-----END X-----\n"),
            "certificate 4: a PEM file with X",
        ),
    ] {
        let error = Certificate::all_from_pem(pem.as_bytes()).unwrap_err();
        assert!(error.0.contains(part), "{error}");
    }
}

/// Keys that Windows does not take for code, in certificates of openssl's (`openssl req -x509 -newkey …`).
#[test]
fn keys_that_windows_does_not_take() {
    for (pem, part) in [
        (
            &include_bytes!("tests/ecdsa.pem")[..],
            "elliptic curve (ECDSA)",
        ),
        (
            include_bytes!("tests/rsa1024.pem"),
            "has 1024 bits; Windows takes 2048 to 4096",
        ),
        (
            include_bytes!("tests/rsa8192.pem"),
            "has 8192 bits; Windows takes 2048 to 4096",
        ),
        (include_bytes!("tests/ed25519.pem"), "is not an RSA key"),
    ] {
        let certificate = Certificate::from_pem_or_der(pem).unwrap();
        let signer = Signer::new(vec![certificate], Box::new(seeded("CN=x", 1).1));
        let error = signer.map(|_| ()).unwrap_err();
        assert!(error.0.contains(part), "{error} lacks {part}");
    }
}
