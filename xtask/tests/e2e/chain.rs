//! `cargo xtask ci` goes from source to verdict and leaves what it promises; independent tools accept the signatures.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::rig::{self, Rig, Run, run};

#[test]
fn ci_passes_and_leaves_its_files() {
    let rig = Rig::new("ci");
    let said = rig.xtask(&["ci"]).expect(0, &["passed", "next:"]).out;
    let runs = rig.folder.join("runs/sim");
    for file in ["junit.xml", "report.html", "summary.md"] {
        assert!(
            rig.folder.join(file).is_file(),
            "{file} is missing; ci said:\n{said}"
        );
    }
    for file in ["waverig.sys", "waverig.inf", "waverig.cat", "waverig.pdb"] {
        assert!(rig.package().join(file).is_file(), "{file} is missing");
    }
    let scenarios = rig::root().join("ci/scenarios");
    for scenario in fs::read_dir(scenarios).expect("ci/scenarios can be listed") {
        let path = scenario.expect("ci/scenarios can be listed").path();
        let name = path.file_stem().expect("a scenario has a name");
        // A sweep keeps the evidence of the formats that did not pass.
        let text = fs::read_to_string(&path).expect("a scenario is text");
        let files: &[&str] = match text.contains("[sweep]") {
            true => &["verdict.json"],
            false => &["capture.wav", "timeline.jsonl", "verdict.json"],
        };
        for file in files {
            let file = runs.join(name).join(file);
            assert!(file.is_file(), "{} is missing", file.display());
        }
    }
    // The .sys that was tested is the .sys in the package: its hash, by another program, is in the summary.
    let hash = run(Command::new("sha256sum").arg(rig.package().join("waverig.sys"))).expect(0, &[]);
    let hash = hash
        .out
        .split_whitespace()
        .next()
        .expect("sha256sum prints a hash");
    let summary = fs::read_to_string(rig.folder.join("summary.md")).expect("it is there");
    assert!(
        summary.contains(hash),
        "summary.md does not name {hash}:\n{summary}"
    );
}

/// Runs osslsigncode with the package's certificate.
fn osslsigncode(package: &Path, words: &[&str], file: &str) -> Run {
    let certificate = rig::root().join("target/certificate/certificate.pem");
    run(Command::new("osslsigncode")
        .args(["verify", "-CAfile"])
        .arg(certificate)
        .args(words)
        .arg(package.join(file)))
}

/// Whether the catalog holds the SHA-256 of a file's bytes, as another program computes it. That is what a catalog
/// holds of an INF; the catalog's own signature covers it.
fn catalog_holds_digest(package: &Path, file: &str) -> bool {
    let said = run(Command::new("sha256sum").arg(package.join(file)))
        .expect(0, &[])
        .out;
    let hex = said
        .split_whitespace()
        .next()
        .expect("sha256sum prints a hash");
    let digest: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[at * 2..][..2], 16).expect("a hash is hexadecimal"))
        .collect();
    let catalog = fs::read(package.join("waverig.cat")).expect("it is in the package");
    catalog.windows(digest.len()).any(|bytes| bytes == digest)
}

#[test]
fn osslsigncode_accepts_the_image_the_catalog_and_both_members() {
    let rig = Rig::with_package("osslsigncode");
    let package = rig.package();
    let catalog = package.join("waverig.cat").display().to_string();
    let member = |file: &str| osslsigncode(&package, &["-catalog", &catalog], file);
    let change = |file: &str| {
        let path = package.join(file);
        let mut bytes = fs::read(&path).expect("it is there");
        bytes[0x400] ^= 1;
        fs::write(&path, bytes).expect("it is ours");
    };
    osslsigncode(&package, &[], "waverig.sys").expect(0, &["Succeeded"]);
    osslsigncode(&package, &[], "waverig.cat").expect(0, &["Succeeded"]);
    member("waverig.sys").expect(0, &["Succeeded"]);
    assert!(catalog_holds_digest(&package, "waverig.inf"));
    // osslsigncode goes by the file's name and knows no INF; newer versions know scripts, whose digest is that of the bytes.
    let script = "waverig.inf.ps1";
    fs::copy(package.join("waverig.inf"), package.join(script)).expect("the test's own folder");
    let scripts = !member(script).out.contains("Unrecognized file type");
    if scripts {
        member(script).expect(0, &["Succeeded"]);
    }
    // The same on members that were changed must fail, or it checks nothing.
    for file in ["waverig.sys", "waverig.inf", script] {
        change(file);
    }
    assert_ne!(
        member("waverig.sys").code,
        Some(0),
        "a changed image was accepted"
    );
    assert!(!catalog_holds_digest(&package, "waverig.inf"));
    if scripts {
        assert_ne!(member(script).code, Some(0), "a changed INF was accepted");
    }
}

#[test]
fn inspect_shows_what_the_package_offers() {
    let rig = Rig::with_package("inspect");
    let words = [
        "playback, speakers",
        "a physical connection",
        "the pin that clients open",
        "KSPROPSETID_Audio 4: get, set, basic-support",
    ];
    rig.xtask(&["inspect"]).expect(0, &words);
    let json = rig.xtask(&["inspect", "--json"]).expect(0, &[]).out;
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["service"], "waverig");
    assert_ne!(
        json["endpoints"].as_array().map_or(0, Vec::len),
        0,
        "{json}"
    );
}
