//! A package that verifies, and every way in which one does not.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use super::verify::decide;
use super::*;
use crate::cert::{Trust, test_signer};
use crate::inf::{DriverVersion, Target};
use crate::sample::Sample;
use crate::{Arch, Date, OsBuild, Sha256Digest, pe};

const DATE: Date = Date {
    year: 2026,
    month: 11,
    day: 20,
};
pub(super) const INX: &[u8] = br#"[Version]
Signature = "$Windows NT$"
Class = MEDIA
ClassGuid = {4d36e96c-e325-11ce-bfc1-08002be10318}
Provider = us
PnpLockdown = 1
[SourceDisksNames]
1 = disk
[SourceDisksFiles]
card.sys = 1
[DestinationDirs]
DefaultDestDir = 13
[Manufacturer]
us = Models, NT$ARCH$.10.0...19041
[Models.NT$ARCH$.10.0...19041]
card = Card, Root\card
[Card.NT]
CopyFiles = @card.sys
[Card.NT.HW]
AddReg = Hardware
[Hardware]
HKR,,DeviceType,0x10001,0x1D
HKR,,Security,,"D:P(A;;GA;;;SY)"
[Card.NT.Services]
AddService = card, 2, Service
[Service]
ServiceType = 1
StartType = 3
ErrorControl = 1
ServiceBinary = %13%\card.sys
"#;

const TARGET: Target = Target {
    hardware_id: r"root\card",
    arch: Arch::Amd64,
    build: OsBuild(22631),
};

pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("waverig-package-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn inputs<'a>(image: &'a [u8], inx: &'a [u8]) -> Inputs<'a> {
    Inputs {
        name: "card",
        image,
        pdb: Some(b"symbols"),
        inx,
        version: DriverVersion([1, 2, 3, 4]),
        date: DATE,
        arch: Arch::Amd64,
        min_build: OsBuild(19041),
        rules: pe::Rules {
            arch: Arch::Amd64,
            imports: &["ntoskrnl.exe", "portcls.sys"],
            exports: &[],
            forbidden: &[b"BUILT-TO-FAIL"],
        },
        time: DATE.midnight(),
    }
}

fn trust() -> Trust {
    Trust::test_machine(&[test_signer().certificate().clone()], DATE.midnight())
}

/// The files of a good package by name.
fn good(name: &str) -> HashMap<String, Vec<u8>> {
    let folder = Folder::new(name);
    let package = build(
        &folder.0,
        &inputs(&Sample::default().build(), INX),
        test_signer(),
    )
    .unwrap();
    package
        .files
        .iter()
        .map(|file| {
            (
                file.name.clone(),
                std::fs::read(folder.0.join(&file.name)).unwrap(),
            )
        })
        .collect()
}

fn decision(files: &HashMap<String, Vec<u8>>) -> Result<Verified, Refusal> {
    decide(
        &|name| {
            files
                .get(name)
                .cloned()
                .ok_or(io::ErrorKind::NotFound.into())
        },
        "card.inf",
        &trust(),
        &TARGET,
    )
}

#[test]
fn a_good_package_verifies() {
    let folder = Folder::new("good");
    let package = build(
        &folder.0,
        &inputs(&Sample::default().build(), INX),
        test_signer(),
    )
    .unwrap();
    let verified = verify(&folder.0, "card.inf", &trust(), &TARGET).unwrap();
    assert_eq!(verified.image_name, "card.sys");
    assert_eq!(verified.image_sha256, package.files[0].sha256);
    assert_eq!(Sha256Digest::of(&verified.image), verified.image_sha256);
    assert_eq!(verified.pdb, Some(folder.0.join("card.pdb")));
    assert_eq!(verified.signer, "CN=test (package)");
    assert_eq!(verified.plan.services[0].name, "card");
    let manifest = std::fs::read_to_string(folder.0.join("manifest.json")).unwrap();
    for file in &package.files {
        assert!(
            manifest.contains(&file.name) && manifest.contains(&file.sha256.to_string()),
            "{manifest}"
        );
    }
    assert_eq!(
        std::fs::read_dir(&folder.0).unwrap().count(),
        5,
        "four files and the manifest, no drafts"
    );
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    assert_eq!(good("first"), good("second"));
}

#[test]
fn one_changed_bit_anywhere_names_the_file() {
    let mut files = good("flips");
    assert!(decision(&files).is_ok());
    let table = 0x400 + 4 * 0x600;
    for name in ["card.inf", "card.cat", "card.sys"] {
        let good = files[name].clone();
        for at in 0..good.len() {
            // In the middle of the image one place in 64 is enough: the digest does not tell them apart.
            if name == "card.sys" && (0x400..table).contains(&at) && at % 64 != 0 {
                continue;
            }
            files.get_mut(name).unwrap()[at] ^= 1 << (at % 8);
            let refusal = decision(&files).expect_err(&format!("{name}, byte {at}"));
            assert_eq!(refusal.file, name, "byte {at}: {refusal}");
            files.insert(name.to_owned(), good.clone());
        }
    }
}

#[test]
fn cut_and_extended_files_are_refused() {
    let mut files = good("cut");
    for name in ["card.inf", "card.cat", "card.sys"] {
        let good = files[name].clone();
        for length in [0, 1, good.len() / 2, good.len() - 1] {
            files.insert(name.to_owned(), good[..length].to_vec());
            assert_eq!(decision(&files).unwrap_err().file, name, "{length}");
        }
        for tail in [&[0][..], &[0; 8], b"\r\n"] {
            files.insert(name.to_owned(), [&good, tail].concat());
            assert_eq!(decision(&files).unwrap_err().file, name, "{tail:?}");
        }
        files.insert(name.to_owned(), good);
    }
}

#[test]
fn refusals_say_what_a_machine_would() {
    let all = good("refusals");
    let with = |name: &str, bytes: Option<Vec<u8>>| {
        let mut files = all.clone();
        match bytes {
            Some(bytes) => files.insert(name.to_owned(), bytes),
            None => files.remove(name),
        };
        decision(&files).unwrap_err().to_string()
    };
    let mut edited = all["card.inf"].clone();
    edited.extend_from_slice(b"; edited\r\n");
    let unsigned = Sample::default().build();
    let resigned = crate::authenticode::sign(
        &Sample {
            mark: b"other",
            ..Sample::default()
        }
        .build(),
        test_signer(),
        true,
    )
    .unwrap();
    for (message, part) in [
        (
            with("card.cat", None),
            "card.inf: its catalog card.cat cannot be read",
        ),
        (with("card.sys", None), "card.sys: it cannot be read"),
        (
            with("card.inf", Some(edited)),
            "card.inf is not covered by card.cat: its digest is",
        ),
        (
            with("card.sys", Some(unsigned)),
            "card.sys: the image is not accepted: it has no signature; sign it",
        ),
        (
            with("card.sys", Some(resigned)),
            "card.sys is not covered by card.cat",
        ),
        (
            with("card.cat", Some(all["card.inf"].clone())),
            "card.cat: the catalog is not accepted",
        ),
    ] {
        assert!(message.contains(part), "{message} lacks {part}");
    }
    let read = |name: &str| all.get(name).cloned().ok_or(io::ErrorKind::NotFound.into());
    for (trust, target, part) in [
        (
            Trust::new(vec![], vec![], DATE.midnight()),
            TARGET,
            "card.cat: the catalog is not accepted: certificate CN=test (package) is not in the machine's Root",
        ),
        (
            Trust::test_machine(
                &[test_signer().certificate().clone()],
                DATE.midnight().plus_days(9999),
            ),
            TARGET,
            "is valid from",
        ),
        (
            trust(),
            Target {
                hardware_id: r"root\other",
                ..TARGET
            },
            "card.inf:",
        ),
        (
            trust(),
            Target {
                build: OsBuild(17763),
                ..TARGET
            },
            "no models section for amd64 build 17763",
        ),
    ] {
        let message = decide(&read, "card.inf", &trust, &target)
            .unwrap_err()
            .to_string();
        assert!(message.contains(part), "{message} lacks {part}");
    }
}

#[test]
fn what_breaks_a_rule_is_not_packaged() {
    let refused = |sample: Sample, inx: &[u8]| {
        let folder = Folder::new("refused");
        let error = build(&folder.0, &inputs(&sample.build(), inx), test_signer())
            .unwrap_err()
            .to_string();
        assert!(!folder.0.exists(), "nothing is written");
        error
    };
    let replaced = |from: &str, to: &str| {
        String::from_utf8(INX.to_vec())
            .unwrap()
            .replace(from, to)
            .into_bytes()
    };
    for (message, part) in [
        (
            refused(
                Sample {
                    mark: b"BUILT-TO-FAIL",
                    ..Sample::default()
                },
                INX,
            ),
            "card.sys is not packaged: the image contains BUILT-TO-FAIL",
        ),
        (
            refused(
                Sample {
                    subsystem: 3,
                    dll_characteristics: 0,
                    ..Sample::default()
                },
                INX,
            ),
            "(rule nx-compat",
        ),
        (
            refused(Sample::default(), &replaced("PnpLockdown = 1", "")),
            "card.inf is not packaged: card.inf: [Version] lacks PnpLockdown",
        ),
        (
            refused(Sample::default(), &replaced("[Version]", "[Version")),
            "card.inf:1: `]` is missing",
        ),
        (
            refused(Sample::default(), &replaced("card.sys", "other.sys")),
            "it copies other.sys, which is not part of the package",
        ),
    ] {
        assert!(message.contains(part), "{message} lacks {part}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = Folder::new("blocked");
    std::fs::write(&folder.0, "").unwrap();
    let error = build(
        &folder.0.join("package"),
        &inputs(&Sample::default().build(), INX),
        test_signer(),
    )
    .unwrap_err()
    .to_string();
    assert!(error.contains("waverig-package-blocked"), "{error}");
    std::fs::remove_file(&folder.0).unwrap();
}
