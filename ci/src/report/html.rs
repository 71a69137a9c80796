//! The report as one page to look at: verdicts, what was measured, and pictures. No script, nothing from elsewhere.

use std::fmt::Write as _;

use super::diagnostics::{self, SHOWN};
use super::{RunReport, escape};
use crate::verdict::{CheckResult, ScenarioReport, Verdict};

/// What the page may load: nothing, should a machine's text ever get past the escapes.
const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
<meta name=\"viewport\" content=\"width=device-width\">\n\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n";

const STYLE: &str = include_str!("html.css");

/// The run as a page.
pub fn html(report: &RunReport) -> String {
    let verdict = report.verdict();
    let mut out = format!(
        "{HEAD}<title>waverig: {0}</title>\n<style>\n{STYLE}</style>\n<h1>waverig: <span class=\"{1}\">{0}</span></h1>\n",
        verdict.word(),
        class(verdict)
    );
    let _ = writeln!(out, "<dl>");
    let run = &report.run;
    let machine = format!("{} ({}), seed {}", run.machine, run.system, run.seed);
    let mut facts = vec![
        ("machine", machine),
        ("driver, SHA-256", run.driver_sha256.clone()),
    ];
    facts.push(("endpoints", run.endpoints.join(", ")));
    facts.push(("this machine cannot prove", run.cannot_prove.join(", ")));
    facts.extend(run.remarks.iter().map(|remark| ("", remark.clone())));
    facts.extend(
        report
            .faults
            .iter()
            .map(|tally| ("services that failed", tally.line())),
    );
    facts.extend(
        report
            .interleaved
            .iter()
            .map(|it| ("two processors", it.line())),
    );
    // Writing to a string cannot fail.
    for (name, text) in facts.iter().filter(|(_, text)| !text.is_empty()) {
        let _ = writeln!(out, "<dt>{name}<dd>{}", escape::html(text));
    }
    let _ = writeln!(out, "</dl>");
    for problem in &report.problems {
        let (title, text) = (escape::html(&problem.title), escape::html(&problem.text));
        let _ = writeln!(out, "<p class=\"failed\">{title}</p>\n<p>{text}</p>");
        fenced(&mut out, &problem.shown);
    }
    for (text, names) in diagnostics::of_run(report).iter().take(SHOWN) {
        fenced(&mut out, text);
        let _ = writeln!(out, "<p>{}</p>", escape::html(&diagnostics::names(names)));
    }
    table(&mut out, report);
    for (index, scenario) in report.scenarios.iter().enumerate() {
        section(&mut out, index, scenario);
    }
    out + "</html>\n"
}

fn fenced(out: &mut String, text: &str) {
    if !text.is_empty() {
        let _ = writeln!(out, "<pre>{}</pre>", escape::html(text));
    }
}

/// What did not pass first: it is what somebody looks for.
fn table(out: &mut String, report: &RunReport) {
    if report.scenarios.is_empty() {
        return;
    }
    let mut order: Vec<usize> = (0..report.scenarios.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(report.scenarios[*index].verdict));
    let _ = writeln!(
        out,
        "<table>\n<tr><th>scenario<th>verdict<th>checks<th>took<th>what it shows"
    );
    for index in order {
        let scenario = &report.scenarios[index];
        let _ = writeln!(
            out,
            "<tr><td><a href=\"#s{index}\">{}</a><td class=\"{}\">{}<td class=\"number\">{}<td class=\"number\">{:.2} s<td>{}",
            escape::html(&scenario.scenario),
            class(scenario.verdict),
            scenario.verdict.word(),
            scenario.checks.len(),
            report.duration(index).as_secs_f64(),
            escape::html(&scenario.about)
        );
    }
    let _ = writeln!(out, "</table>");
}

fn section(out: &mut String, index: usize, scenario: &ScenarioReport) {
    let open = if scenario.verdict == Verdict::Passed {
        ""
    } else {
        " open"
    };
    let _ = writeln!(
        out,
        "<details id=\"s{index}\"{open}>\n<summary>{} <span class=\"{}\">{}</span></summary>\n<p>{}</p>\n<p>again: <code>{}</code></p>",
        escape::html(&scenario.scenario),
        class(scenario.verdict),
        scenario.verdict.word(),
        escape::html(&scenario.about),
        escape::html(&scenario.replay)
    );
    let complaints: Vec<&CheckResult> = scenario.complaints().collect();
    for check in &complaints {
        let _ = writeln!(
            out,
            "<p><span class=\"{}\">{} {}</span>: {}</p>",
            class(check.verdict),
            check.name(),
            check.verdict.word(),
            escape::html(&check.explanation)
        );
    }
    for picture in &scenario.pictures {
        // The title holds numbers and names of this crate's own, the picture nothing else.
        let _ = writeln!(
            out,
            "<figure><figcaption>{}</figcaption>{}</figure>",
            escape::html(&picture.title),
            picture.svg
        );
    }
    let _ = writeln!(
        out,
        "<table>\n<tr><th>check<th>verdict<th>limit<th>observed"
    );
    for check in &scenario.checks {
        let _ = writeln!(
            out,
            "<tr><td>{}<td class=\"{}\">{}<td>{}<td>{}",
            check.name(),
            class(check.verdict),
            check.verdict.word(),
            escape::html(&check.limit),
            escape::html(&check.observed)
        );
    }
    let _ = writeln!(out, "</table>\n</details>");
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::NotProven | Verdict::Inconclusive => "unclear",
        Verdict::Failed => "failed",
    }
}
