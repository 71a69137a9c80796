//! Identities are made once, kept private, and refused when anything about them is wrong.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::UnixTime;

const NOW: UnixTime = UnixTime(1_795_132_800);

/// The same identity in every run: its key comes from a fixed seed.
pub(crate) fn test_identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        Identity::make("CN=test (package)", NOW, &mut ChaCha12Rng::seed_from_u64(1)).unwrap()
    })
}

fn other_identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        Identity::make("CN=test (other)", NOW, &mut ChaCha12Rng::seed_from_u64(2)).unwrap()
    })
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
    let made = Identity::ensure(&place, "CN=waverig test (here)", NOW).unwrap();
    assert!(made.created());
    assert_eq!(made.certificate().subject(), "CN=waverig test (here)");
    let kept = Identity::ensure(&place, "CN=whatever", NOW).unwrap();
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
    let error = Identity::ensure(&place, "", later).unwrap_err().to_string();
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
    other_identity().save_for_tests(&other_place);
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
        let error = Identity::ensure(&place, "", NOW).unwrap_err().to_string();
        assert!(
            error.contains(file) && error.contains(part) && error.contains("delete the folder"),
            "{error}"
        );
        fs::write(place.join(file), before).unwrap();
    }
    fs::remove_file(place.join("key.pem")).unwrap();
    assert!(
        Identity::ensure(&place, "", NOW)
            .unwrap_err()
            .to_string()
            .contains("key.pem")
    );
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = Folder::new("file");
    fs::write(folder.0.join("file"), "").unwrap();
    let error = Identity::ensure(&folder.0.join("file/identity"), "CN=x", NOW)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("file") && error.contains("choose a folder"),
        "{error}"
    );
}

#[test]
fn trust_needs_root_publisher_and_time() {
    let certificate = test_identity().certificate();
    let other = other_identity().certificate();
    let check =
        |roots: &[&Certificate], publishers: &[&Certificate], time, carried: &[&Certificate]| {
            let owned = |certificates: &[&Certificate]| {
                certificates
                    .iter()
                    .map(|&certificate| certificate.clone())
                    .collect::<Vec<_>>()
            };
            Trust::new(owned(roots), owned(publishers), time).check(certificate, &owned(carried))
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

#[test]
fn any_changed_bit_of_a_certificate_shows() {
    let certificate = test_identity().certificate();
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
