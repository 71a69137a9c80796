//! The same sources in two folders give the same bytes.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::rig::{self, Rig, run};

/// The files git knows or would know, as they are now.
fn copy_sources(to: &Path) {
    let listed = run(Command::new("git").current_dir(rig::root()).args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))
    .expect(0, &["Cargo.lock"]);
    for file in listed.out.lines() {
        let (from, to) = (rig::root().join(file), to.join(file));
        // A file that was deleted but not yet committed is still listed.
        if from.is_file() {
            fs::create_dir_all(to.parent().expect("a file has a folder"))
                .expect("the target folder is writable");
            fs::copy(from, to).expect("the file can be copied");
        }
    }
}

#[test]
fn two_builds_in_two_folders_give_the_same_bytes() {
    let rig = Rig::new("reproducible");
    let copy = rig.folder.join("another folder/checkout");
    copy_sources(&copy);
    // The certificate is the one thing that differs between machines: with the same one, even the signatures are equal.
    let certificate = copy.join("target/certificate");
    rig::copy(&rig::root().join("target/certificate"), &certificate);
    rig::copy(&rig::good_package().join("package"), &rig.package());
    rig.xtask(&["package", "--arch", "arm64"]).expect(0, &[]);
    for (arch, package) in [("x64", "package"), ("arm64", "package-arm64")] {
        // This program, so that it need not be built once more: the kit and the driver are made of what lies in the copy.
        run(rig::xtask()
            .current_dir(&copy)
            .args(["package", "--arch", arch, "--out", "elsewhere"])
            .env("CARGO_MANIFEST_DIR", copy.join("xtask"))
            .env_remove("CARGO_TARGET_DIR"))
        .expect(0, &[]);
        for file in ["waverig.sys", "waverig.inf", "waverig.cat", "waverig.pdb"] {
            let read = |folder: &Path| {
                fs::read(folder.join(package).join(file)).expect("it is in the package")
            };
            let (one, two) = (read(&rig.folder), read(&copy.join("elsewhere")));
            let differ = one.iter().zip(&two).position(|(a, b)| a != b);
            assert!(
                one == two,
                "{file} for {arch}: {} and {} bytes, first difference at {differ:?}",
                one.len(),
                two.len()
            );
        }
    }
}
