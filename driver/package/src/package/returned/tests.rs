//! A "Microsoft" of the tests' own signs what was sent; what it may not do is provoked.

use super::*;
use crate::Date;
use crate::catalog::CatalogSpec;
use crate::cert::tests::{CA, CODE, ExtensionParts, issued, other_signer, seeded};
use crate::cert::{Certificate, Signer, test_signer};
use crate::sample::Sample;
use crate::timestamp::tests::authority;

const NOW: UnixTime = UnixTime(1_795_132_800);
const SYSTEMS: &str = "_v100_X64_VB,_v100_X64_CO";

/// A package whose image is `image`, signed by `signer`.
fn package(signer: &Signer, image: &[u8], inf: &[u8], os: &str) -> Vec<NamedFile> {
    let image = authenticode::sign(image, signer, true).unwrap();
    let members = [
        Member::flat("card.inf", inf),
        Member::image("card.sys", &image).unwrap(),
    ];
    let unsigned = catalog::unsigned(&CatalogSpec {
        list_id: [0; 16],
        time: NOW,
        os,
        os_attribute: "2:10.0",
        hardware_ids: &[],
        members: &members,
    });
    let catalog = catalog::sign(&unsigned, signer).unwrap();
    [
        ("card.inf", inf.to_vec()),
        ("card.sys", image),
        ("card.cat", catalog),
    ]
    .map(|(name, bytes)| (format!("drivers\\card/{name}"), bytes))
    .to_vec()
}

/// What was sent: with symbols, out of a cabinet.
fn sent() -> Vec<NamedFile> {
    let mut files = package(test_signer(), &Sample::default().build(), b"inf", SYSTEMS);
    files.push(("card\\card.pdb".into(), b"symbols".to_vec()));
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (base(name), &bytes[..]))
        .collect();
    let cabinet = crate::cabinet::write("card", &files, Date::new(2026, 11, 20).unwrap()).unwrap();
    crate::cabinet::read(&crate::cabinet::sign(&cabinet, test_signer()).unwrap()).unwrap()
}

/// Who signs in Microsoft's place, and its root.
fn microsoft() -> (Signer, Certificate) {
    publisher(&[DRIVERS])
}

/// Extended key usage: code signing, and drivers by attestation.
const DRIVERS: ExtensionParts = (
    "2.5.29.37",
    b"",
    &[
        0x30, 23, 6, 8, 0x2B, 6, 1, 5, 5, 7, 3, 3, 6, 11, 0x2B, 6, 1, 4, 1, 0x82, 0x37, 10, 3, 5, 1,
    ],
);

fn publisher(purposes: &[ExtensionParts]) -> (Signer, Certificate) {
    let key = other_signer();
    let root = issued("CN=their root", key, key, "CN=their root", &[CA]).unwrap();
    let leaf = issued("CN=publisher", key, key, "CN=their root", purposes).unwrap();
    let key = Box::new(seeded("CN=publisher", 2).1);
    let signer = Signer::new(vec![leaf, root.clone()], key).unwrap();
    (signer.with_authority(authority()), root)
}

/// The same image before anybody signed it, with a change.
fn image(mark: &'static [u8]) -> Vec<u8> {
    Sample {
        mark,
        ..Sample::default()
    }
    .build()
}

fn judge(returned: &[NamedFile], systems: &[&str]) -> Result<Returned, String> {
    let (signer, root) = microsoft();
    let roots = signer.authority().unwrap().roots().to_vec();
    let trust = Trust::of_roots(vec![root], NOW).with_stamp_roots(roots);
    let systems: Vec<String> = systems.iter().map(|&one| one.to_owned()).collect();
    check_returned(&sent(), returned, &trust, &systems).map_err(|findings| {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })
}

#[test]
fn the_same_driver_with_another_signature() {
    let (signer, _) = microsoft();
    let mut returned = package(&signer, &image(b""), b"inf", SYSTEMS);
    returned.push(("license.txt".into(), Vec::new()));
    let right = judge(&returned, &[]).unwrap();
    assert_eq!(right.signer, "CN=publisher");
    assert_eq!(right.time_stamp, Some(NOW));
    assert_eq!(right.systems, ["_v100_X64_VB", "_v100_X64_CO"]);
    assert_eq!(right.others, ["license.txt"]);
    judge(&returned, &["_v100_X64_co"]).unwrap();
    // Their signature may be nested in ours, as it was in 2022.
    returned[1].1 = authenticode::tests::nested(&sent()[1].1, &returned[1].1);
    assert_eq!(judge(&returned, &[]).unwrap().signer, "CN=publisher");
}

#[test]
fn what_is_not_is_refused_with_the_reason() {
    let (signer, _) = microsoft();
    let with = |change: &dyn Fn(&mut Vec<NamedFile>)| {
        let mut returned = package(&signer, &image(b""), b"inf", SYSTEMS);
        change(&mut returned);
        judge(&returned, &[]).unwrap_err()
    };
    let (inf, sys, cat) = (0, 1, 2);
    let others = package(&signer, &image(b"other"), b"inf", SYSTEMS);
    let no_drivers = publisher(&[CODE]).0;
    let elsewhere = package(&crate::cert::chained_signer(), &image(b""), b"inf", SYSTEMS);
    for (found, parts) in [
        (
            judge(&sent(), &[]).unwrap_err(),
            &[
                "card.sys: ",
                "card.cat: certificate CN=test (package) is not in",
            ][..],
        ),
        (
            with(&|files| files.swap_remove(sys).0.clear()),
            &["card.sys: it did not come back"],
        ),
        (
            with(&|files| files.swap_remove(inf).0.clear()),
            &["card.inf: it did not come back"],
        ),
        (
            with(&|files| files.swap_remove(cat).0.clear()),
            &["card.cat: it did not come back"],
        ),
        (
            with(&|files| files.push(files[sys].clone())),
            &["card.sys: it came back more than once"],
        ),
        (
            with(&|files| files[inf].1[1] = b'x'),
            &[
                "card.inf: it is another than was sent: byte 0x1; ask",
                "card.inf: card.cat does not cover it",
            ],
        ),
        (
            with(&|files| files.clone_from(&others)),
            &[
                "card.sys: it is another driver than was sent, outside of signature and checksum: byte 0x",
            ],
        ),
        (
            with(&|files| files[sys] = others[sys].clone()),
            &[
                "another driver than was sent",
                "card.sys: card.cat does not cover it",
            ],
        ),
        (
            // Changed after it was signed, checksum and all.
            with(&|files| {
                files[sys].1[0x500] ^= 1;
                crate::pe::set_checksum(&mut files[sys].1).unwrap();
            }),
            &[
                "outside of signature and checksum: byte 0x500",
                "it was changed after it was signed",
            ],
        ),
        (
            with(&|files| files[sys].1 = image(b"")),
            &["card.sys: it has no signature"],
        ),
        (
            // A good signature of another driver, nested in ours.
            with(&|files| {
                files[sys].1 = authenticode::tests::nested(&sent()[sys].1, &others[sys].1);
            }),
            &["card.sys: it was changed after it was signed"],
        ),
        (
            with(&|files| *files = package(&no_drivers, &image(b""), b"inf", SYSTEMS)),
            &["card.cat: CN=publisher is not for drivers of others"],
        ),
        (with(&|files| files[sys].1.clear()), &["card.sys: "]),
        (with(&|files| files[cat].1[100] ^= 1), &["card.cat: "]),
        (
            with(&|files| files.clone_from(&elsewhere)),
            &[
                "card.sys: the issuer of CN=middle, CN=root, is not",
                "name the roots of who signed",
            ],
        ),
        (
            with(&|files| *files = package(&signer, &image(b""), b"inf", "_v100_X64_VB")),
            &["card.cat: it is not for _v100_X64_CO; it names _v100_X64_VB; ask for"],
        ),
    ] {
        for part in parts {
            assert!(found.contains(part), "{found} lacks {part}");
        }
    }
    // Ours again, though its root is trusted.
    let trust = Trust::of_roots(vec![test_signer().certificate().clone()], NOW);
    let findings = check_returned(&sent(), &sent(), &trust, &[]).unwrap_err();
    let all: Vec<String> = findings.iter().map(ToString::to_string).collect();
    for name in ["card.sys", "card.cat"] {
        let line = format!("{name}: it is still signed by CN=test (package)");
        assert!(all.iter().any(|one| one.starts_with(&line)), "{all:?}");
    }
    let nothing = check_returned(&[], &sent(), &trust, &[]).unwrap_err();
    assert!(nothing[0].to_string().contains("it has no catalog"));
}
