//! What osslsigncode says about a package made here, where it is installed (CI installs it). Not a proof for Windows:
//! catalogs it accepts were refused there, so structure is compared with makecat's as well (catalog tests).

use std::path::{Path, PathBuf};
use std::process::Command;

use super::tests::{Folder, INX, inputs};
use super::*;
use crate::cert::test_identity;
use crate::sample::Sample;

/// Runs `osslsigncode verify`; whether it accepted, and what it said.
fn verify(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("osslsigncode")
        .arg("verify")
        .args(["-CAfile", "ca.pem"])
        .args(arguments)
        .current_dir(folder)
        .output();
    let output = output.expect("osslsigncode ran a moment ago");
    (
        output.status.success(),
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    )
}

/// osslsigncode knows a file's kind by its name and has none for INFs. A file named like a script is looked up in a catalog
/// by the digest of all its bytes, which is what an INF is listed under.
const FLAT: &str = "card.inf.ps1";

#[test]
fn osslsigncode_accepts_image_catalog_and_members() {
    if Command::new("osslsigncode")
        .arg("--version")
        .output()
        .is_err()
    {
        eprintln!(
            "osslsigncode is not installed: not checked against it (apt-get install osslsigncode)"
        );
        return;
    }
    let folder = Folder::new("independent");
    build(&folder.0, &inputs(&Sample::default().build(), INX)).unwrap();
    let at = |name: &str| -> PathBuf { folder.0.join(name) };
    std::fs::write(at("ca.pem"), test_identity().certificate().pem()).unwrap();
    std::fs::copy(at("card.inf"), at(FLAT)).unwrap();
    // The certificate is valid for five years around the test's day, so the clock of the host is left out of it.
    let time = &["-time", "1795132800"][..];
    let cases: [(&str, &[&str]); 4] = [
        ("card.sys", &["card.sys"]),
        ("card.cat", &["card.cat"]),
        ("card.sys", &["-catalog", "card.cat", "card.sys"]),
        (FLAT, &["-catalog", "card.cat", FLAT]),
    ];
    for (changed, arguments) in cases {
        let arguments = [time, arguments].concat();
        let (accepted, text) = verify(&folder.0, &arguments);
        assert!(
            accepted && text.contains("Signature verification: ok"),
            "{arguments:?}: {text}"
        );
        let good = std::fs::read(at(changed)).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 4] ^= 1;
        std::fs::write(at(changed), bad).unwrap();
        assert!(
            !verify(&folder.0, &arguments).0,
            "{arguments:?} accepts a changed {changed}"
        );
        std::fs::write(at(changed), good).unwrap();
    }
}
