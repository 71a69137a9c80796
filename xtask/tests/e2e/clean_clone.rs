//! A release of a clean clone with a tag: three builds in three folders, one of them by another user in another time zone and language,
//! give the same bytes; independent programs accept what is made; what is interrupted goes on. Called so that it is among the first: nothing
//! else takes as long.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::rig::{self, Rig, Run, run};

/// The workspace's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What docs/releasing.md tells people to run. The last one is run here, and does what the others do; `--dry-run` is that without signing, and
/// the nightly workflow compares builds for 64-bit Arm.
pub(crate) const COMMANDS: [&str; 4] = [
    "release --verify",
    "release --verify --arch arm64",
    "release --dry-run",
    "release",
];

/// A clone of the files git knows or would know, as they are now.
struct Clone {
    folder: PathBuf,
}

impl Clone {
    /// Makes it in `folder`, committed.
    fn make(folder: PathBuf) -> Self {
        let listed = run(Command::new("git").current_dir(rig::root()).args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))
        .expect(0, &["Cargo.lock"]);
        for file in listed.out.lines() {
            let (from, to) = (rig::root().join(file), folder.join(file));
            // A file that was deleted but not yet committed is still listed.
            if from.is_file() {
                fs::create_dir_all(to.parent().expect("a file has a folder"))
                    .expect("the target folder is writable");
                fs::copy(from, to).expect("the file can be copied");
            }
        }
        let clone = Self { folder };
        clone.git(&["init", "--quiet"]);
        clone.commit();
        clone
    }

    fn git(&self, words: &[&str]) -> Run {
        run(Command::new("git")
            .current_dir(&self.folder)
            .args([
                "-c",
                "user.name=somebody",
                "-c",
                "user.email=somebody@example.org",
            ])
            .args(words))
        .expect(0, &[])
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "as it is"]);
    }

    /// This program, so that it need not be built once more: everything else is made of what lies in the clone.
    fn xtask(&self, words: &[&str]) -> Run {
        run(rig::xtask()
            .current_dir(&self.folder)
            .args(words)
            .env("CARGO_MANIFEST_DIR", self.folder.join("xtask"))
            .env_remove("CARGO_TARGET_DIR"))
    }

    fn release(&self) -> PathBuf {
        self.folder.join("target/rig/release").join(VERSION)
    }

    /// Changes a text of the clone.
    fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).expect("it is in the clone");
        assert!(text.contains(from), "{file} does not have {from:?}");
        fs::write(path, text.replacen(from, to, 1)).expect("the clone is writable");
    }
}

#[test]
fn a_release_of_a_clean_tag_is_the_same_anywhere_and_accepted_by_others() {
    let rig = Rig::new("release");
    let readers = thread::spawn(readers);
    let clone = Clone::make(rig.folder.join("another folder"));
    refusals(&clone);
    // What a maintainer writes for a release; while the version is not out, the changelog says so.
    let heading = format!("## {VERSION} (unreleased)");
    clone.change(
        "CHANGELOG.md",
        &heading,
        &format!("## {VERSION} (2026-11-20)"),
    );
    clone.commit();
    let tag = format!("v{VERSION}");
    clone.git(&["tag", &tag]);
    let said = clone.xtask(&["release"]).expect(
        0,
        &[
            "equal",
            "waverig.sys",
            "waverig.pdb",
            "waverig-setup.exe",
            "waverig-agent.exe",
            "waverig-aes67.exe",
            another_user(),
            "umask 077",
            "passed: ",
            "SHA256SUMS",
            "next: cargo xtask release --publish",
        ],
    );
    assert!(!said.out.contains("differs"), "{}", said.out);

    let release = clone.release();
    let files = release.join("files");
    run(Command::new("sha256sum")
        .args(["--check", "SHA256SUMS"])
        .current_dir(&files))
    .expect(
        0,
        &[
            &format!("waverig-{VERSION}-x64.zip: OK"),
            &format!("waverig-{VERSION}.cdx.json: OK"),
        ],
    );
    same_as_here(&release);
    accepted(&clone, &files);
    read_by_others(&readers.join().expect("they are there"), &files);
    interrupted(&clone, &release);
}

/// What the second build says of its user: some hosts let nobody but root have a user namespace.
fn another_user() -> &'static str {
    let asked = Command::new("unshare")
        .args([
            "--user",
            "--map-user=12345",
            "--map-group=12345",
            "id",
            "--user",
        ])
        .output();
    match asked {
        Ok(output) if output.status.success() => "user 12345",
        _ => "not varied: the user",
    }
}

/// Every reason at once, before anything is built.
fn refusals(clone: &Clone) {
    let said = clone.xtask(&["release"]).expect(
        1,
        &[
            "no release is made of this checkout",
            &format!("no tag v{VERSION}"),
            "is unreleased",
        ],
    );
    assert!(!said.err.contains("build"), "{}", said.err);
    fs::write(clone.folder.join("stray"), "").expect("the clone is writable");
    clone
        .xtask(&["release"])
        .expect(1, &["1 files differ from the commit (?? stray)"]);
    fs::remove_file(clone.folder.join("stray")).expect("it is ours");
}

/// What nobody has signed has the bytes that this checkout's package has.
fn same_as_here(release: &Path) {
    let manifest = |folder: PathBuf| -> serde_json::Value {
        let text = fs::read(folder.join("manifest.json")).expect("it is in every package");
        serde_json::from_slice(&text).expect("it is JSON")
    };
    let (here, there) = (
        manifest(rig::good_package().join("package")),
        manifest(release.join("signed")),
    );
    for field in ["unsigned_image", "image_digest", "unsigned_catalog"] {
        assert_eq!(here[field], there[field], "{field}");
    }
    for file in ["waverig.inf", "waverig.pdb"] {
        let read = |folder: PathBuf| fs::read(folder.join(file)).expect("it is in the package");
        let (here, there) = (rig::good_package().join("package"), release.join("signed"));
        assert!(read(here) == read(there), "{file}");
    }
}

/// The zip opens, and what is in it is signed.
fn accepted(clone: &Clone, files: &Path) {
    let unpacked = clone.folder.join("target/unpacked");
    let zip = files.join(format!("waverig-{VERSION}-x64.zip"));
    run(Command::new("python3")
        .args(["-m", "zipfile", "--extract"])
        .arg(zip)
        .arg(&unpacked))
    .expect(0, &[]);
    let package = unpacked.join(format!("waverig-{VERSION}-x64"));
    let setup = files.join(format!("waverig-setup-{VERSION}.exe"));
    let of_package = [
        "waverig.sys",
        "waverig.cat",
        "waverig-agent.exe",
        "waverig-aes67.exe",
    ]
    .map(|file| package.join(file));
    for file in of_package.iter().chain([&setup]) {
        run(Command::new("osslsigncode")
            .args(["verify", "-CAfile"])
            .arg(clone.folder.join("target/certificate/certificate.pem"))
            .arg(file))
        .expect(0, &["Succeeded"]);
    }
    #[cfg(target_os = "linux")]
    crate::wine::released(
        &setup,
        &package.join("waverig-agent.exe"),
        &package.join("waverig-aes67.exe"),
        &unpacked,
    );
    // Every crate of the lock file that is in the driver is in the bill, with the driver's own hash.
    let bill =
        fs::read_to_string(files.join(format!("waverig-{VERSION}.cdx.json"))).expect("it was made");
    let hash = run(Command::new("sha256sum").arg(package.join("waverig.sys")))
        .expect(0, &[])
        .out;
    let hash = hash
        .split_whitespace()
        .next()
        .expect("sha256sum prints a hash");
    for word in [
        hash,
        "pkg:cargo/wdk-sys@",
        "pkg:cargo/waverig-engine@",
        "kernel headers",
    ] {
        assert!(bill.contains(word), "the bill of materials lacks {word}");
    }
}

/// Python with others' readers of bills of materials and provenance, as pinned; made once.
fn readers() -> PathBuf {
    let folder = rig::root().join("target/accepted");
    let pinned = rig::root().join("ci/release/accepted/requirements.txt");
    let noted = folder.join("requirements.txt");
    let read = |path: &Path| fs::read(path).ok();
    if read(&noted) != read(&pinned) {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder))
        .expect(0, &[]);
        run(Command::new(folder.join("bin/python3"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .arg("--requirement")
            .arg(&pinned))
        .expect(0, &[]);
        fs::copy(pinned, noted).expect("the target folder is writable");
    }
    folder.join("bin/python3")
}

/// They take what a release says of itself, and nothing that was changed.
fn read_by_others(python: &Path, files: &Path) {
    let bill = files.join(format!("waverig-{VERSION}.cdx.json"));
    let provenance = files.join(format!("waverig-{VERSION}.intoto.json"));
    let check = |bill: &Path, provenance: &Path, code: i32, say: &[&str]| {
        run(Command::new(python)
            .arg(rig::root().join("ci/release/accepted/accepted.py"))
            .args([bill, provenance]))
        .expect(code, say);
    };
    let taken = [
        "CycloneDX 1.6",
        "in-toto statement, https://slsa.dev/provenance/v1",
    ];
    check(&bill, &provenance, 0, &taken);
    let other = files.join("../other.json");
    let changed = |file: &Path, from: &str, to: &str| {
        let text = fs::read_to_string(file).expect("it was made");
        assert!(text.contains(from), "{} lacks {from}", file.display());
        fs::write(&other, text.replacen(from, to, 1)).expect("the release's folder is writable");
        &other
    };
    let bad_bill = changed(&bill, "\"bom-ref\"", "\"bom-reference\"");
    check(bad_bill, &provenance, 1, &["other.json: "]);
    let bad_provenance = changed(&provenance, "Statement/v1", "Statement/v9");
    check(&bill, bad_provenance, 1, &["other.json: "]);
}

/// Without its last step it goes on there; with all of them nothing is left to do.
fn interrupted(clone: &Clone, release: &Path) {
    let path = release.join("journal.json");
    let text = fs::read(&path).expect("a release has a journal");
    let mut journal: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
    let steps = journal["steps"].as_array_mut().expect("it has steps");
    let last = steps.pop().expect("it has some");
    assert_eq!(last["name"], "describe");
    fs::write(&path, journal.to_string()).expect("it is ours");
    fs::remove_file(release.join("files/SHA256SUMS")).expect("it was made");
    let said = clone.xtask(&["release"]).expect(
        0,
        &["goes on after: build, build again, play, sign, pack\n"],
    );
    assert!(!said.out.contains("built twice"), "{}", said.out);
    assert!(release.join("files/SHA256SUMS").is_file());
    clone.xtask(&["release"]).expect(
        0,
        &["goes on after: build, build again, play, sign, pack, describe"],
    );
}
