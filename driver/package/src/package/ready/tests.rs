//! Every error that is to be told before anything is uploaded, provoked.

use super::*;
use crate::Date;
use crate::cert::tests::{CA, CODE, ExtensionParts, issued, other_signer, seeded};
use crate::cert::{Key, chained_signer, test_signer};
use crate::sample::Sample;
use crate::timestamp::tests::authority;

/// A certificate policy: extended validation for code signing.
const EV: ExtensionParts = (
    "2.5.29.32",
    b"",
    &[0x30, 9, 0x30, 7, 6, 5, 0x67, 0x81, 0x0C, 1, 3],
);
const SERVER: ExtensionParts = (
    "2.5.29.37",
    b"",
    &[0x30, 10, 6, 8, 0x2B, 6, 1, 5, 5, 7, 3, 1],
);
/// Within the validity of [`issued`], 2026 to 2029.
const NOW: UnixTime = UnixTime(1_795_132_800);

/// A signer under a root with these extensions.
fn signer(extensions: &[ExtensionParts]) -> Signer {
    let (root_key, leaf_key) = (other_signer(), test_signer());
    let root = issued("CN=root", root_key, root_key, "CN=root", &[CA]).unwrap();
    let leaf = issued("CN=company", leaf_key, root_key, "CN=root", extensions).unwrap();
    let key: Box<dyn Key> = Box::new(seeded("CN=company", 1).1);
    Signer::new(vec![leaf, root], key).unwrap()
}

fn company() -> Signer {
    signer(&[CODE, EV]).with_authority(authority())
}

fn signed(signer: &Signer) -> Vec<(&'static str, Vec<u8>)> {
    let image = authenticode::sign(&Sample::default().build(), signer, true).unwrap();
    let members = [
        Member::flat("card.inf", b"inf"),
        Member::image("card.sys", &image).unwrap(),
    ];
    let unsigned = catalog::unsigned(&catalog::CatalogSpec {
        list_id: [0; 16],
        time: NOW,
        os: "_v100_X64_VB",
        os_attribute: "2:10.0",
        hardware_ids: &[],
        members: &members,
    });
    let catalog = catalog::sign(&unsigned, signer).unwrap();
    let files: [(&str, &[u8]); 3] = [
        ("card.inf", b"inf"),
        ("card.sys", &image),
        ("card.cat", &catalog),
    ];
    let date = Date::new(2026, 11, 20).unwrap();
    let cabinet = cabinet::write("card", &files, date).unwrap();
    let cabinet = cabinet::sign(&cabinet, signer).unwrap();
    vec![
        ("card.inf", b"inf".to_vec()),
        ("card.sys", image),
        ("card.cat", catalog),
        ("card.cab", cabinet),
    ]
}

fn judge(
    files: &[(&'static str, Vec<u8>)],
    signer: &Signer,
    release: Release,
    now: UnixTime,
) -> Vec<String> {
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (*name, &bytes[..]))
        .collect();
    let findings = check_files(&files, signer, release, now);
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_right_has_no_findings() {
    let none: Vec<String> = Vec::new();
    let company = company();
    let files = signed(&company);
    for release in [Release::Attestation, Release::TestSigned] {
        assert_eq!(judge(&files, &company, release, NOW), none);
    }
    let files = signed(test_signer());
    assert_eq!(judge(&files, test_signer(), Release::TestSigned, NOW), none);
}

#[test]
fn signers_that_may_not() {
    let check = |signer: &Signer, release, now| -> Vec<String> {
        let findings = check_signer(signer, release, now);
        findings.iter().map(ToString::to_string).collect()
    };
    let stamped = |signer: Signer| signer.with_authority(authority());
    let (attestation, test) = (Release::Attestation, Release::TestSigned);
    for (found, part) in [
        (
            check(&signer(&[CODE]), test, UnixTime(NOW.0 - 365 * 86_400)),
            "CN=company: the certificate is not valid before 2026-01-01",
        ),
        (
            check(&signer(&[CODE]), test, NOW.plus_days(4 * 365)),
            "CN=root: the certificate expired at 2030-01-01",
        ),
        (
            check(&signer(&[SERVER]), test, NOW),
            "is not for code signing (extended key usage 1.3.6.1.5.5.7.3.3); sign with",
        ),
        (
            check(&stamped(signer(&[CODE])), attestation, NOW),
            "lacks the policy for extended validation (2.23.140.1.3); an attestation",
        ),
        (
            check(&signer(&[CODE, EV]), attestation, NOW),
            "no time stamp authority is named; add [time_stamp]",
        ),
        (
            check(test_signer(), attestation, NOW),
            "is its own root, which Microsoft does not know; sign with the EV certificate",
        ),
    ] {
        let all = found.join("\n");
        assert!(all.contains(part), "{all} lacks {part}");
    }
    // The chain's own signatures: openssl made these with SHA-1 (`openssl x509 -req -sha1`).
    let chain = crate::cert::Certificate::all_from_pem(include_bytes!("../../cert/tests/sha1.pem"));
    let weak = Signer::new(chain.unwrap(), Box::new(seeded("CN=x", 1).1));
    let error = weak.map(|_| ()).unwrap_err().to_string();
    assert!(
        error.contains("CN=sha1 is signed with 1.2.840.113549.1.1.5 (SHA-1)"),
        "{error}"
    );
}

#[test]
fn files_that_may_not() {
    let company = company();
    let good = signed(&company);
    let with = |name: &str, bytes: &[u8]| {
        let mut files = good.clone();
        for (other, content) in &mut files {
            if *other == name {
                bytes.clone_into(content);
            }
        }
        judge(&files, &company, Release::Attestation, NOW).join("\n")
    };
    let of = |files: &[(&str, Vec<u8>)], name: &str| {
        let found = files.iter().find(|(other, _)| *other == name);
        found.unwrap().1.clone()
    };
    let unstamped = signed(&signer(&[CODE, EV]));
    let other_root = signed(&chained_signer().with_authority(authority()));
    let colleague = signed(&signer(&[CODE]).with_authority(authority()));
    for name in ["card.sys", "card.cat", "card.cab"] {
        let changed = |change: fn(&mut Vec<u8>)| {
            let mut bytes = of(&good, name);
            change(&mut bytes);
            with(name, &bytes)
        };
        for (found, part) in [
            (
                with(name, &of(&unstamped, name)),
                "it has no time stamp, so it is good only as long as the certificate; sign it again",
            ),
            (with(name, &of(&other_root, name)), "; sign it again"),
            (
                with(name, &of(&colleague, name)),
                "it is signed by CN=company, not by CN=company; sign it again",
            ),
            (changed(Vec::clear), "sign it again"),
        ] {
            let told = found
                .lines()
                .any(|line| line.starts_with(name) && line.contains(part));
            assert!(told, "{found} lacks {name}, {part}");
        }
    }
    let found = with("card.inf", b"another");
    assert!(
        found.contains("card.inf: card.cat does not cover it: its digest is"),
        "{found}"
    );
    // What expired after it was stamped stays good; the signer does not.
    let later = NOW.plus_days(4 * 365);
    let found = judge(&good, &company, Release::TestSigned, later).join("\n");
    assert!(!found.contains("card."), "{found}");
    assert!(
        found.contains("CN=company: the certificate expired"),
        "{found}"
    );
}

/// SHA-1 in a signature is called by its name.
#[test]
fn sha1_in_signatures_and_catalogs_is_named() {
    let company = company();
    let good = signed(&company);
    let sha256 = [0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0];
    // As long as before: SHA-1's own identifier, and what is left of the length is a NULL that says nothing.
    let sha1 = [0x30, 13, 6, 5, 0x2B, 0x0E, 3, 2, 0x1A, 5, 4, 0, 0, 0, 0];
    for name in ["card.sys", "card.cat", "card.cab"] {
        let mut bytes = good
            .iter()
            .find(|(other, _)| *other == name)
            .unwrap()
            .1
            .clone();
        let at = bytes
            .windows(15)
            .position(|window| window == sha256)
            .unwrap();
        bytes[at..at + 15].copy_from_slice(&sha1);
        let found = judge(&[(name, bytes)], &company, Release::Attestation, NOW).join("\n");
        assert!(found.contains("1.3.14.3.2.26 (SHA-1)"), "{found}");
    }
}
