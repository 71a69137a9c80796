//! The summary for a terminal: a line per scenario, what was wrong, and the command to run next.

use std::fmt::Write as _;

use waverig_protocol::diagnostic::painted;

use super::diagnostics::{self, SHOWN};
use super::{RunReport, escape};
use crate::interleave::Interleaved;
use crate::verdict::Verdict;

/// The run as text; coloured when the caller says that a terminal will show it.
pub fn terminal(report: &RunReport, colour: bool) -> String {
    let mut out = String::new();
    let paint = |verdict: Verdict, text: &str| match (colour, verdict) {
        (false, _) => text.to_owned(),
        (true, Verdict::Passed) => format!("\x1b[32m{text}\x1b[0m"),
        (true, Verdict::NotProven | Verdict::Inconclusive) => format!("\x1b[33m{text}\x1b[0m"),
        (true, Verdict::Failed) => format!("\x1b[31m{text}\x1b[0m"),
    };
    let width = report
        .scenarios
        .iter()
        .map(|each| each.scenario.len())
        .max()
        .unwrap_or(0);
    for (index, scenario) in report.scenarios.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{} {:width$} {:2} checks {:6.2} s",
            paint(scenario.verdict, &format!("{:12}", scenario.verdict.word())),
            escape::terminal(&scenario.scenario),
            scenario.checks.len(),
            report.duration(index).as_secs_f64(),
        );
        for check in scenario.complaints() {
            let _ = writeln!(
                out,
                "  {} {}: {}\n      limit: {}; observed: {}",
                check.name(),
                paint(check.verdict, check.verdict.word()),
                escape::terminal(&check.explanation),
                escape::terminal(&check.limit),
                escape::terminal(&check.observed)
            );
        }
    }
    for remark in &report.run.remarks {
        let _ = writeln!(out, "{}", escape::terminal(remark));
    }
    for problem in &report.problems {
        let (title, text) = (
            escape::terminal(&problem.title),
            escape::terminal(&problem.text),
        );
        let _ = writeln!(out, "{} {title}: {text}", paint(Verdict::Failed, "problem"));
        if !problem.shown.is_empty() {
            out += &shown(&problem.shown, colour);
        }
    }
    let broken = diagnostics::of_run(report);
    for (text, names) in broken.iter().take(SHOWN) {
        let names = escape::terminal(&diagnostics::names(names));
        let _ = writeln!(out, "\n{}{names}", shown(text, colour));
    }
    if broken.len() > SHOWN {
        let more = broken.len() - SHOWN;
        let _ = writeln!(out, "{more} more in verdict.json of each scenario");
    }
    if let Some(tally) = &report.faults {
        for broken in &tally.broken {
            for line in broken.words().lines() {
                let _ = writeln!(out, "{}", escape::terminal(line));
            }
        }
        let _ = writeln!(out, "{}", escape::terminal(&tally.line()));
    }
    if let Some(run) = &report.interleaved {
        for line in run.words().lines() {
            let _ = writeln!(out, "{}", escape::terminal(line));
        }
        let _ = writeln!(out, "{}", escape::terminal(&run.line()));
    }
    let passed = report.count(Verdict::Passed);
    let _ = writeln!(
        out,
        "{}: {passed} of {} scenarios passed on {} (driver sha256 {})",
        paint(report.verdict(), report.verdict().word()),
        report.scenarios.len(),
        escape::terminal(&report.run.machine),
        escape::terminal(&report.run.driver_sha256)
    );
    if let Some(next) = next(report) {
        let _ = writeln!(out, "next: {next}");
    }
    out
}

/// A machine's diagnostic, line by line.
fn shown(text: &str, colour: bool) -> String {
    let lines = text.lines().map(|line| escape::terminal(line) + "\n");
    let text: String = lines.collect();
    if colour { painted(&text) } else { text }
}

/// The command to run next, when there is something to do.
fn next(report: &RunReport) -> Option<String> {
    if !report.problems.is_empty() {
        return Some("cargo xtask ci".into());
    }
    if let Some(broken) = report.faults.iter().flat_map(|tally| &tally.broken).next() {
        return Some(broken.replay());
    }
    if let Some(replay) = report.interleaved.as_ref().and_then(Interleaved::replay) {
        return Some(replay);
    }
    let (scenario, check) = report.complaints().max_by_key(|(_, check)| check.verdict)?;
    // The explanation of a golden that cannot be used names its own command.
    if check.verdict == Verdict::NotProven && crate::check::needs_golden(check.id) {
        return Some(format!("cargo xtask bless --filter {}", scenario.scenario));
    }
    Some(scenario.replay.clone())
}
