//! Goldens written, read back, damaged and refused.

use std::sync::LazyLock;

use super::*;
use crate::evidence::Evidence;
use crate::model::{perfect, run_info, scenario};
use crate::verdict::{Verdict, judge};

const NAME: &str = "counter-24bit-3ms";

static PERFECT: LazyLock<(ScenarioFile, Evidence)> = LazyLock::new(|| {
    let file = scenario(NAME);
    let evidence = perfect(&file);
    (file, evidence)
});

/// A folder of its own for each test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("waverig-ci-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn blessed(test: &str) -> Self {
        let folder = Self::new(test);
        let (file, evidence) = &*PERFECT;
        let blessing = bless(&folder.0, file, evidence, &run_info()).expect("a right run");
        blessing.write().expect("a folder for temporary files");
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_blessed_run_passes_against_its_golden() {
    let (file, evidence) = &*PERFECT;
    let folder = Folder::blessed("blessed");
    let golden = load(&folder.0, file).expect("a good golden");
    let report = judge(file, evidence, Ok(&golden), &run_info());
    assert_eq!(report.verdict, Verdict::Passed);
    let again = bless(&folder.0, file, evidence, &run_info()).expect("a right run");
    assert_eq!(again.differences, Vec::<String>::new());
    assert_eq!(golden.capture, crate::model::golden(file, evidence).capture);
    assert_eq!(golden.timing, crate::model::golden(file, evidence).timing);
}

#[test]
fn the_first_blessing_says_that_there_was_none_and_others_say_what_changes() {
    let (file, evidence) = &*PERFECT;
    let folder = Folder::new("first");
    let first = bless(&folder.0, file, evidence, &run_info()).expect("a right run");
    assert!(first.differences[0].contains("is missing"), "{first:?}");
    first.write().expect("a folder for temporary files");

    let mut shorter = file.clone();
    shorter.scenario.duration_ms = 1000;
    let second = bless(&folder.0, &shorter, &perfect(&shorter), &run_info()).expect("a right run");
    let text = second.differences.join("\n");
    for expect in [
        "audio: 96000 frames of signal from 0 becomes 48000 frames of signal from 0",
        "sha256: ",
        "notifications: 667 becomes 334",
    ] {
        assert!(text.contains(expect), "{text}");
    }
}

#[test]
fn a_wrong_run_is_not_blessed() {
    let (file, evidence) = &*PERFECT;
    let mut wrong = evidence.clone();
    wrong.capture[5].bytes[0] ^= 1;
    let folder = Folder::new("wrong");
    let error = bless(&folder.0, file, &wrong, &run_info()).expect_err("a wrong run");
    let text = error.to_string();
    assert!(
        text.contains("capture-exact failed: altered 1 frame(s) at frame 240"),
        "{text}"
    );
    assert!(text.contains("cargo xtask vm-test --machine sim --filter counter-24bit-3ms --seed 1"));
    assert!(!folder.0.exists());
}

#[test]
fn without_a_golden_its_checks_prove_nothing() {
    let (file, evidence) = &*PERFECT;
    let error = load(Path::new("no-such-folder"), file).expect_err("it is not there");
    assert_eq!(error.kind, GoldenErrorKind::Missing);
    let report = judge(file, evidence, Err(&error), &run_info());
    assert_eq!(report.verdict, Verdict::NotProven);
}

/// Damages a file of a good golden and expects one clear error.
fn check(name: &str, damage: fn(String) -> Vec<u8>, expect: &str) {
    let file = &PERFECT.0;
    let folder = Folder::blessed("damaged");
    let path = folder.0.join(NAME).join(name);
    let text = fs::read_to_string(&path).expect("it was just written");
    fs::write(&path, damage(text)).expect("a folder for temporary files");
    let error = load(&folder.0, file).expect_err(expect);
    let text = error.to_string();
    assert_eq!(error.kind, GoldenErrorKind::Corrupt, "{text}");
    assert!(text.contains(expect), "{text:?} does not say {expect:?}");
    assert!(
        text.starts_with(&format!("golden {} is corrupt: ", path.display())),
        "{text}"
    );
    assert!(
        text.ends_with("cargo xtask bless --filter counter-24bit-3ms"),
        "{text}"
    );
}

fn replace(text: &str, from: &str, to: &str) -> Vec<u8> {
    assert!(text.contains(from), "{from}: {text}");
    text.replace(from, to).into_bytes()
}

#[test]
fn a_damaged_golden_is_named() {
    check("capture.toml", |_| b"frames = [".to_vec(), "line 1: ");
    check("capture.toml", |_| b"\xff".to_vec(), "no UTF-8 text");
    check("capture.toml", |t| t[..t.len() / 2].into(), "line ");
    check(
        "capture.toml",
        |t| replace(&t, "frames = 96000", "frames = 95999"),
        "it claims 95999 frames, its segments have 96000",
    );
    check(
        "capture.toml",
        |t| replace(&t, "pcm24", "pcm16"),
        "it is for 48000 Hz, 2 channels, pcm16, the scenario plays",
    );
    check(
        "capture.toml",
        |t| replace(&t, "of signal from", "of noise from"),
        "should read like \"480 frames of silence\"",
    );
    check(
        "capture.toml",
        |t| {
            replace(
                &t,
                "96000 frames of signal from 0",
                "96000 frames of signal from 1",
            )
        },
        "hash of block 0 (from frame 0)",
    );
    check(
        "capture.toml",
        |t| replace(&t, "sha256 = \"", "sha256 = \"0"),
        "its segments give ",
    );
    check(
        "capture.toml",
        |t| replace(&t, "block_frames = 4800", "block_frames = 9600"),
        "it has 20 block hashes, 10 are due",
    );
    check(
        "capture.toml",
        |t| replace(&t, "block_frames = 4800", "block_frames = 0"),
        "block hashes",
    );
    check(
        "timing.toml",
        |t| replace(&t, "positions", "position"),
        "unknown field `position`",
    );
    check(
        "timing.toml",
        |t| replace(&t, "[30000, 144, ", "[30000, 144, -"),
        "repeated -",
    );
    check(
        "timing.toml",
        |t| replace(&t, "[30000, 144, ", "[30000, 144, 99999999"),
        "repeated 99999999",
    );
    check(
        "timing.toml",
        |t| replace(&t, "[30000, 144, ", "[9223372036854775807, 144, "),
        "add up to numbers",
    );
}
