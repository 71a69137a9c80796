//! The summary in Markdown, for a job's summary page.

use std::fmt::Write as _;

use super::diagnostics::{self, SHOWN};
use super::{RunReport, escape};
use crate::faults::{Row, Tally};
use crate::interleave::Interleaved;
use crate::verdict::{ScenarioReport, Verdict};

/// The checks whose measurement stands in the table, with the heading of its column.
const COLUMNS: [(&str, &str); 5] = [
    ("starvation", "starved"),
    ("position-clock", "position"),
    ("notifications", "notifications"),
    ("tap-latency", "tap"),
    ("tone", "tone"),
];

/// The run in Markdown.
pub fn markdown(report: &RunReport) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "# {} waverig: {}\n",
        mark(report.verdict()),
        report.verdict().word()
    );
    let run = &report.run;
    let _ = writeln!(
        out,
        "- machine: {} ({}), seed {}\n- driver: sha256 {}",
        escape::markdown(&run.machine),
        escape::markdown(&run.system),
        run.seed,
        escape::code(&run.driver_sha256)
    );
    if !run.endpoints.is_empty() {
        let what = escape::markdown(&run.endpoints.join(", "));
        let _ = writeln!(out, "- endpoints: {what}");
    }
    if !run.cannot_prove.is_empty() {
        let what = escape::markdown(&run.cannot_prove.join(", "));
        let _ = writeln!(out, "- this machine cannot prove: {what}");
    }
    for remark in &run.remarks {
        let _ = writeln!(out, "- {}", escape::markdown(remark));
    }
    for problem in &report.problems {
        let (title, text) = (
            escape::markdown(&problem.title),
            escape::markdown(&problem.text),
        );
        let _ = writeln!(out, "\n**{title}**: {text}");
        if !problem.shown.is_empty() {
            fenced(&mut out, &problem.shown);
        }
    }
    if !report.scenarios.is_empty() {
        table(&mut out, report);
    }
    if let Some(tally) = &report.faults {
        faults(&mut out, tally);
    }
    if let Some(run) = &report.interleaved {
        interleaved(&mut out, run);
    }
    for (text, names) in diagnostics::of_run(report).iter().take(SHOWN) {
        fenced(&mut out, text);
        let names = escape::markdown(&diagnostics::names(names));
        let _ = writeln!(out, "\n{names}");
    }
    complaints(&mut out, report);
    out
}

/// A block of text as it is.
fn fenced(out: &mut String, text: &str) {
    let _ = writeln!(out, "\n```");
    for line in text.lines() {
        // A fence in it would end the block.
        let _ = writeln!(out, "{}", escape::terminal(line).replace('`', "\u{2bc}"));
    }
    let _ = writeln!(out, "```");
}

fn faults(out: &mut String, tally: &Tally) {
    let _ = writeln!(
        out,
        "\n{} {}\n\n| service that failed | used | refused | absorbed | broken |\n|---|---|---|---|---|",
        mark(tally.verdict()),
        tally.line()
    );
    for (name, row) in &tally.rows {
        let Row {
            used,
            refused,
            absorbed,
            broken,
        } = row;
        let name = escape::code(name);
        let _ = writeln!(
            out,
            "| {name} | {used} | {refused} | {absorbed} | {broken} |"
        );
    }
    for broken in &tally.broken {
        let _ = writeln!(out, "\n```\n{}```", broken.words());
    }
}

fn interleaved(out: &mut String, run: &Interleaved) {
    let _ = writeln!(
        out,
        "\n{} {}\n\n| on the second processor | boundaries | schedules | waited | impossible |\n|---|---|---|---|---|",
        mark(run.verdict()),
        run.line()
    );
    for (name, row) in run.rows() {
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {} | {} |",
            row.boundaries, row.schedules, row.waited, row.impossible
        );
    }
    if run.found.is_some() {
        let _ = writeln!(out, "\n```\n{}```", run.words());
    }
}

fn table(out: &mut String, report: &RunReport) {
    let headings: Vec<&str> = COLUMNS.iter().map(|(_, heading)| *heading).collect();
    let _ = writeln!(
        out,
        "\n| scenario | verdict | {} | took |",
        headings.join(" | ")
    );
    let _ = writeln!(out, "|---|---|{}---|", "---|".repeat(COLUMNS.len()));
    for (index, scenario) in report.scenarios.iter().enumerate() {
        let cells: Vec<String> = COLUMNS
            .iter()
            .map(|(id, _)| {
                let check = scenario
                    .checks
                    .iter()
                    .find(|check| check.id == *id && check.program.is_main());
                check.map_or_else(String::new, |check| escape::markdown(&check.observed))
            })
            .collect();
        let _ = writeln!(
            out,
            "| {} | {} {} | {} | {:.2} s |",
            escape::markdown(&scenario.scenario),
            mark(scenario.verdict),
            scenario.verdict.word(),
            cells.join(" | "),
            report.duration(index).as_secs_f64()
        );
    }
}

fn complaints(out: &mut String, report: &RunReport) {
    let mut last: Option<&ScenarioReport> = None;
    for (scenario, check) in report.complaints() {
        if last.is_none_or(|last| last.scenario != scenario.scenario) {
            let name = escape::markdown(&scenario.scenario);
            let _ = writeln!(
                out,
                "\n## {name}\n\n{}\n",
                escape::markdown(&scenario.about)
            );
            let _ = writeln!(out, "replay: {}\n", escape::code(&scenario.replay));
            last = Some(scenario);
        }
        let _ = writeln!(
            out,
            "- **{} {}**: {} (limit: {}; observed: {})",
            check.name(),
            check.verdict.word(),
            escape::markdown(&check.explanation),
            escape::markdown(&check.limit),
            escape::markdown(&check.observed)
        );
    }
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "✅",
        Verdict::NotProven | Verdict::Inconclusive => "⚠️",
        Verdict::Failed => "❌",
    }
}
