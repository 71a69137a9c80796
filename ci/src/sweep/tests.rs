//! Sweeps: which formats they have, and what is said when some of them go wrong.

use std::path::Path;

use waverig_protocol::scenario::{Format, Sample};

use super::*;
use crate::Evidence;
use crate::check::NO_FAULT;
use crate::evidence::Fault;
use crate::golden::{SweepGolden, bless_sweep, load_sweep};
use crate::model::{perfect, run_info};
use crate::scenario::select;
use crate::verdict::{ScenarioReport, Verdict};

const TEXT: &str = r#"about = "Every format."
duration_ms = 20
signal = { kind = "counter" }
client = { kind = "event-driven", packet_frames = 96 }

[sweep]
rates = [8000, 48000, 192000]
channels = [1, 16]
samples = ["pcm16", "pcm24"]
"#;

fn sweep() -> ScenarioFile {
    ScenarioFile::parse(Path::new("ci/scenarios/sweep-x.toml"), TEXT).expect("a good sweep")
}

/// What a perfect machine gives for each format.
fn runs(file: &ScenarioFile) -> Vec<Evidence> {
    file.parts().iter().map(perfect).collect()
}

/// The golden of perfect runs, through its file's text.
fn golden(file: &ScenarioFile) -> SweepGolden {
    let folder = std::env::temp_dir().join(format!("waverig-sweep-{}", std::process::id()));
    let blessing = bless_sweep(&folder, file, &runs(file), &run_info()).expect("perfect runs");
    assert_eq!(blessing.differences.len(), 1, "{:?}", blessing.differences);
    blessing.write().expect("the temporary folder is writable");
    let golden = load_sweep(&folder, file).expect("what was written");
    std::fs::remove_dir_all(&folder).expect("the test's own folder");
    golden
}

fn report(parts: &[Evidence]) -> ScenarioReport {
    let file = sweep();
    judge(
        &file,
        &Evidence::none(),
        parts,
        Ok(&golden(&file)),
        &run_info(),
    )
}

#[test]
fn numbers_of_frames_last_as_long_at_every_rate() {
    let parts = sweep().parts();
    let seen: Vec<String> = parts
        .iter()
        .map(|part| {
            let Client::EventDriven { packet_frames } = part.scenario.client else {
                panic!("the client stays the same");
            };
            let read = part.scenario.tap.read_frames;
            format!("{} {packet_frames} {read}", part.name())
        })
        .collect();
    assert_eq!(seen.len(), 12);
    assert_eq!(seen[0], "sweep-x/8000-1-pcm16 16 8");
    assert_eq!(seen[7], "sweep-x/48000-16-pcm24 96 48");
    assert_eq!(seen[11], "sweep-x/192000-16-pcm24 384 192");
}

#[test]
fn one_format_is_chosen_by_its_name() {
    let all = [sweep()];
    let chosen = select(&all, Some("sweep-x/192000-16-pcm24")).expect("is there");
    assert_eq!(chosen.len(), 1);
    assert_eq!(chosen[0].parts().len(), 1);
    let format = Format {
        rate: 192_000,
        channels: 16,
        sample: Sample::Pcm24,
    };
    assert_eq!(chosen[0].parts()[0].scenario.format, format);
    for (filter, expect) in [
        ("sweep-x/192000-3-pcm24", "has no format \"192000-3-pcm24\""),
        (
            "sweep-y/192000-16-pcm24",
            "no sweep is called \"sweep-y\". There are: sweep-x",
        ),
    ] {
        let error = select(&all, Some(filter)).expect_err(filter).to_string();
        assert!(error.contains(expect), "{error}");
    }
}

#[test]
fn wrong_sweeps_are_named() {
    for (from, to, expect) in [
        (
            "channels = [1, 16]",
            "channels = [1, 17]",
            ":6: 8000 Hz with 17 channels",
        ),
        (
            "channels = [1, 16]",
            "channels = []",
            ":6: the sweep has rates [8000",
        ),
        ("channels = [1, 16]", "channels = [1, 1]", "none twice"),
        (
            "[sweep]",
            "format = { rate = 48000, channels = 2, sample = \"pcm16\" }\n[sweep]",
            ":1: a scenario has either",
        ),
        (
            "packet_frames = 96",
            "packet_frames = 0",
            "packet_frames = 0",
        ),
    ] {
        assert!(TEXT.contains(from));
        let text = TEXT.replace(from, to);
        let error = ScenarioFile::parse(Path::new("x.toml"), &text).expect_err(to);
        assert!(error.to_string().contains(expect), "{error}");
    }
}

#[test]
fn perfect_runs_pass() {
    let report = report(&runs(&sweep()));
    assert_eq!(report.verdict, Verdict::Passed, "{:?}", report.checks);
    assert_eq!(report.checks.len(), 1);
    assert!(report.checks[0].observed.starts_with("12 formats passed"));
}

/// Doctors the runs; the sweep's only check must say this.
fn check(doctor: impl FnOnce(&mut Vec<Evidence>), verdict: Verdict, expect: &[&str]) {
    let mut parts = runs(&sweep());
    doctor(&mut parts);
    let report = report(&parts);
    assert_eq!(report.verdict, verdict);
    let text = &report.checks[0].explanation;
    for expect in expect {
        assert!(text.contains(expect), "{text:?} does not say {expect:?}");
    }
}

#[test]
fn formats_that_went_wrong_are_named_with_the_command_to_play_them() {
    let replay = "to play the first of them again: cargo xtask vm-test --machine sim --filter \
                  sweep-x/48000-1-pcm24 --seed 1";
    check(
        |parts| parts[5].capture[0].bytes[17] ^= 1,
        Verdict::Failed,
        &[
            "48000-1-pcm24 failed: capture-exact: ",
            "golden: 960 frames",
            replay,
        ],
    );
    // The worst comes first, whatever came before it.
    check(
        |parts| {
            parts[2].ended_early("the machine ended");
            parts[5].capture[0].bytes[17] ^= 1;
        },
        Verdict::Failed,
        &["8000-16-pcm16 failed: complete: the machine ended"],
    );
    check(
        |parts| parts.iter_mut().for_each(|part| part.capture.clear()),
        Verdict::Failed,
        &[
            "8000-1-pcm16 failed",
            "and 9 more: 8000-16-pcm24 48000-1-pcm16",
        ],
    );
    check(
        |parts| {
            parts[3].fault = Some(Fault {
                summary: "access-violation at filter.rs:1".into(),
                text: String::new(),
                json: Vec::new(),
            });
        },
        Verdict::Failed,
        &[
            "8000-16-pcm24 failed: no-fault: ",
            "access-violation at filter.rs:1",
        ],
    );
    check(
        |parts| parts.truncate(7),
        Verdict::NotProven,
        &["7 of 12 formats were played"],
    );
    assert_eq!(NO_FAULT, "no-fault");
}

#[test]
fn a_golden_that_is_not_there_or_differs_is_no_pass() {
    let file = sweep();
    let parts = runs(&file);
    let judged = |golden: Result<&SweepGolden, &crate::golden::GoldenError>| {
        judge(&file, &Evidence::none(), &parts, golden, &run_info())
    };
    let missing = load_sweep(Path::new("/nowhere"), &file).expect_err("is not there");
    let report = judged(Err(&missing));
    assert_eq!(report.verdict, Verdict::NotProven);
    assert!(
        report.checks[0]
            .explanation
            .contains("is missing; to make it anew: cargo xtask bless --filter sweep-x")
    );
    let text = golden(&file).to_text();
    let other = text.replace("48000-1-pcm24 960 ", "48000-1-pcm24 961 ");
    assert_ne!(text, other);
    let other = SweepGolden::parse(&other).expect("well formed");
    let report = judged(Ok(&other));
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(report.checks[0].explanation.contains("golden are 961"));
    for (text, expect) in [
        ("48000-1-pcm24 x 00", "line 1 is no format"),
        (
            &format!("a 1 {0}\na 1 {0}", "0".repeat(64)),
            "line 2 is the second",
        ),
    ] {
        let error = SweepGolden::parse(text).expect_err(text);
        assert!(error.contains(expect), "{error}");
    }
}
