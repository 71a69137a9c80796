//! Reports of right, wrong and hostile runs.

use waverig_protocol::noise::{Hns, Noise, Time};
use waverig_protocol::timeline::Event;

use super::*;
use crate::evidence::{Evidence, Fault};
use crate::model::{golden, perfect, run_info, scenario};
use crate::verdict::judge;

fn report(doctor: fn(&mut Evidence)) -> RunReport {
    let file = scenario("sine-16bit-event");
    let mut evidence = perfect(&file);
    let golden = golden(&file, &evidence);
    doctor(&mut evidence);
    RunReport {
        run: run_info(),
        scenarios: vec![judge(&file, &evidence, Ok(&golden), &run_info())],
        faults: None,
        interleaved: None,
        problems: Vec::new(),
        durations: vec![Duration::from_millis(250)],
    }
}

fn check(text: &str, expect: &[&str], never: &[&str]) {
    for each in expect {
        assert!(text.contains(each), "{each:?} is missing:\n{text}");
    }
    for each in never {
        assert!(!text.contains(each), "{each:?} is there:\n{text}");
    }
}

fn xml(report: &RunReport) -> String {
    String::from_utf8(junit(report).expect("memory takes it")).expect("XML is UTF-8")
}

const REPLAY: &str = "cargo xtask vm-test --machine sim --filter sine-16bit-event --seed 1";

#[test]
fn a_right_run_is_reported_with_what_was_measured() {
    let report = report(|_| {});
    let expect = [
        "1000.0000 Hz, -6.000 dBFS",
        "0 frames starved",
        "0123abcd",
        "Windows' own audio engine",
    ];
    check(&markdown(&report), &expect, &["##", "failed"]);
    check(
        &markdown(&report),
        &["✅ waverig: passed", "| 0.25 s |"],
        &[],
    );
    assert_eq!(annotations(&report), "");
    let xml = xml(&report);
    let expect = [
        "<testsuite id=\"0\" name=\"sine-16bit-event\"",
        "tests=\"17\"",
        "failures=\"0\"",
        "name=\"capture-exact\"",
        REPLAY,
        "time=\"0.25\"",
    ];
    check(&xml, &expect, &["<failure", "<error"]);
    check(
        &terminal(&report, false),
        &[
            "passed       sine-16bit-event 17 checks   0.25 s",
            "1 of 1 scenarios passed on sim",
        ],
        &["\x1b", "next:"],
    );
    check(&terminal(&report, true), &["\x1b[32mpassed"], &[]);
    let expect = [
        "<title>waverig: passed</title>",
        "error of the position over time",
        "notifications after their packets&#39; ends",
        "<path class=\"dots s0\" d=\"M",
        "<details id=\"s0\">",
        "1000.0000 Hz, -6.000 dBFS",
        "0.25 s",
    ];
    // One file: no script, nothing that a reader's program would fetch.
    let never = [
        "<script",
        "http:",
        "https:",
        "src=",
        "url(",
        "spectrum",
        "class=\"failed\"",
    ];
    check(&html(&report), &expect, &never);
}

#[test]
fn a_wrong_run_is_reported_with_why_and_how_to_replay() {
    let report = report(|evidence| evidence.capture[2].bytes[8] ^= 1);
    let why = "altered 1 frame(s) at frame 98 (0.002041 s, packet 0 + 98)";
    let expect = [
        "waveform of channel 1 where it differs first, frame 98",
        "spectrum of the 4096 frames from frame 0 on",
        "<path class=\"line s1\"",
        "<details id=\"s0\" open>",
        &format!("<code>{REPLAY}</code>"),
        why,
    ];
    check(&html(&report), &expect, &["<script"]);
    check(
        &markdown(&report),
        &["❌", why, REPLAY, "**capture-exact failed**"],
        &[],
    );
    check(
        &xml(&report),
        &["failures=\"2\"", "<failure type=\"failed\"", why],
        &[],
    );
    check(
        &terminal(&report, false),
        &[why, &format!("next: {REPLAY}")],
        &[],
    );
    let place = "::error title=sine-16bit-event failed,file=ci/scenarios/sine-16bit-event.toml,line=1::capture-exact failed: ";
    check(
        &annotations(&report),
        &[place, why, "%0Aagain: ", REPLAY],
        &[],
    );
}

#[test]
fn a_disturbed_run_is_told_with_the_figure_and_is_not_green() {
    let report = report(|evidence| {
        evidence.machine.time = Time::Real;
        evidence.noise = Noise::of(vec![Hns(80_000)]).into_iter().collect();
        let mut events = evidence.timeline.iter_mut();
        let notified = events.find(|each| matches!(each.event, Event::Notified));
        notified.expect("there is one").qpc += 50_000;
    });
    assert_eq!(report.verdict(), Verdict::Inconclusive);
    let why = "all at most 8.000 ms";
    let skipped = "<skipped type=\"inconclusive\"";
    check(&xml(&report), &[skipped, why], &["<failure", "<error"]);
    check(
        &markdown(&report),
        &["⚠️ waverig: inconclusive", why],
        &["✅ waverig"],
    );
    let text = terminal(&report, false);
    check(
        &text,
        &["inconclusive: 0 of 1", why, &format!("next: {REPLAY}")],
        &[],
    );
    let warning = "::warning title=sine-16bit-event inconclusive,";
    check(&annotations(&report), &[warning, why], &["::error"]);
}

#[test]
fn a_run_without_evidence_is_not_green() {
    let report = report(|evidence| *evidence = Evidence::new(evidence.machine.clone()));
    check(&xml(&report), &["<error type=\"not proven\""], &[]);
    check(&markdown(&report), &["❌", "not proven"], &["✅"]);
    let nothing = RunReport {
        scenarios: Vec::new(),
        ..report
    };
    assert_eq!(nothing.verdict(), Verdict::NotProven);
}

#[test]
fn a_broken_rule_is_shown_once_with_the_scenarios_that_broke_it() {
    let block = |at: &str| {
        format!(
            "error[pool-leak]: {at} bytes\n  --> waverig::stop, driver/src/a.rs:7\n  = rule: None leaks."
        )
    };
    let mut report = report(|_| {});
    report.scenarios[0].diagnostics = vec![block("64"), block("65")];
    let mut second = report.scenarios[0].clone();
    second.scenario = "other".into();
    second.diagnostics = vec![block("66"), block("67").replace(":7", ":8")];
    report.scenarios.push(second);
    let text = terminal(&report, false);
    check(
        &text,
        &[
            "error[pool-leak]: 64 bytes\n  --> waverig::stop, driver/src/a.rs:7\n",
            "  = rule: None leaks.\nin sine-16bit-event, other\n",
            "driver/src/a.rs:8",
        ],
        &["65 bytes", "66 bytes", "\x1b"],
    );
    check(
        &terminal(&report, true),
        &["\x1b[1;31merror[pool-leak]\x1b[0m"],
        &[],
    );
    check(
        &markdown(&report),
        &["```\nerror[pool-leak]: 64 bytes\n"],
        &["65 bytes"],
    );
    let once = "::error title=pool-leak,file=driver/src/a.rs,line=7::64 bytes (in sine-16bit-event, other)\n";
    check(&annotations(&report), &[once, "line=8::67 bytes"], &["65"]);
}

#[test]
fn a_problem_outside_of_a_scenario_fails_the_run() {
    let mut report = report(|_| {});
    report.problems.push(Problem {
        title: "package refused".into(),
        text: "waverig.cat does not cover waverig.sys".into(),
        shown: String::new(),
    });
    assert_eq!(report.verdict(), Verdict::Failed);
    check(
        &xml(&report),
        &[
            "<testsuite id=\"1\" name=\"machine\"",
            "waverig.cat does not cover",
        ],
        &[],
    );
    check(
        &markdown(&report),
        &["**package refused**: waverig.cat does not cover"],
        &[],
    );
    check(
        &terminal(&report, false),
        &[
            "problem package refused: waverig.cat",
            "next: cargo xtask ci",
        ],
        &[],
    );
    let line = "::error title=package refused::waverig.cat does not cover waverig.sys\n";
    assert_eq!(annotations(&report), line);
}

#[test]
fn a_missing_golden_leads_to_bless() {
    let file = scenario("sine-16bit-event");
    let evidence = perfect(&file);
    let error = crate::golden::load(Path::new("no-such-folder"), &file).expect_err("not there");
    let mut report = report(|_| {});
    report.scenarios = vec![judge(&file, &evidence, Err(&error), &run_info())];
    check(
        &terminal(&report, false),
        &["next: cargo xtask bless --filter sine-16bit-event"],
        &[],
    );
}

#[test]
fn a_machines_text_is_never_markup() {
    let report = report(|evidence| {
        evidence.ended_early("</failure>]]><b>|x\n# y \u{0}\x1b[31m");
    });
    check(
        &xml(&report),
        &["&lt;b&gt;"],
        &["</failure>]]>", "\u{0}", "\x1b"],
    );
    check(
        &markdown(&report),
        &["&lt;b&gt;\\|x \\# y"],
        &["<b>", "\n# y", "\x1b"],
    );
    check(&terminal(&report, false), &["<b>|x # y"], &["\x1b"]);
    check(&html(&report), &["&lt;b&gt;|x"], &["<b>", "\u{0}", "\x1b"]);
}

#[test]
fn files_depend_on_nothing_but_the_evidence() {
    let folder = std::env::temp_dir().join(format!("waverig-ci-report-{}", std::process::id()));
    let file = scenario("sine-16bit-event");
    let mut evidence = perfect(&file);
    let golden = golden(&file, &evidence);
    let verdict = judge(&file, &evidence, Ok(&golden), &run_info());
    let read = |name: &str| fs::read(folder.join(name)).unwrap_or_default();

    write_scenario(&folder, &file, &evidence, &verdict).expect("a folder for temporary files");
    let first = ["capture.wav", "timeline.jsonl", "verdict.json"].map(read);
    assert_eq!(&first[0][..4], b"RIFF");
    assert_eq!(
        first[1].iter().filter(|byte| **byte == b'\n').count(),
        evidence.timeline.len()
    );
    check(
        &String::from_utf8_lossy(&first[2]),
        &["\"verdict\": \"passed\"", "\"id\": \"tone\"", REPLAY],
        &[],
    );
    write_scenario(&folder, &file, &evidence, &verdict).expect("a folder for temporary files");
    assert_eq!(
        ["capture.wav", "timeline.jsonl", "verdict.json"].map(read),
        first
    );

    evidence.capture.clear();
    evidence.fault = Some(Fault {
        summary: "bug check".into(),
        text: "registers".into(),
        json: b"{}".to_vec(),
    });
    write_scenario(&folder, &file, &evidence, &verdict).expect("a folder for temporary files");
    assert_eq!(
        (read("report.txt"), read("report.json")),
        (b"registers".to_vec(), b"{}".to_vec())
    );
    assert!(
        !folder.join("capture.wav").exists(),
        "a former run's capture stays"
    );
    fs::remove_dir_all(&folder).expect("it is ours");
}

#[test]
fn an_unwritable_folder_is_named() {
    let file = std::env::temp_dir().join(format!("waverig-ci-file-{}", std::process::id()));
    fs::write(&file, "").expect("a folder for temporary files");
    let error = write_run(&file, &report(|_| {})).expect_err("a file is no folder");
    fs::remove_file(&file).expect("it is ours");
    check(&error.to_string(), &["cannot write", "junit.xml"], &[]);
}
