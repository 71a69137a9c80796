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
    for file in ["junit.xml", "summary.md"] {
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
        for file in ["capture.wav", "timeline.jsonl", "verdict.json"] {
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

#[test]
fn osslsigncode_accepts_the_image_the_catalog_and_both_members() {
    let rig = Rig::with_package("osslsigncode");
    let package = rig.package();
    let catalog = package.join("waverig.cat").display().to_string();
    osslsigncode(&package, &[], "waverig.sys").expect(0, &["Succeeded"]);
    osslsigncode(&package, &[], "waverig.cat").expect(0, &["Succeeded"]);
    // osslsigncode chooses the digest by the file's name and knows no INF; a script's digest is that of its bytes, which
    // is what a catalog holds of an INF.
    fs::copy(package.join("waverig.inf"), package.join("waverig.inf.ps1"))
        .expect("the test's own folder");
    for member in ["waverig.sys", "waverig.inf.ps1"] {
        osslsigncode(&package, &["-catalog", &catalog], member).expect(0, &["Succeeded"]);
        // The same check on a member that was changed must fail, or it checks nothing.
        let path = package.join(member);
        let mut bytes = fs::read(&path).expect("it is there");
        bytes[0x400] ^= 1;
        fs::write(&path, bytes).expect("it is ours");
        let code = osslsigncode(&package, &["-catalog", &catalog], member).code;
        assert_ne!(code, Some(0), "a changed {member} was accepted");
    }
}
