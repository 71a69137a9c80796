//! What went wrong, as GitHub shows it on the lines of a change: workflow commands, one a line.
//!
//! Source: GitHub, "Workflow commands for GitHub Actions", "Setting an error message".

use super::{RunReport, diagnostics};
use crate::verdict::Verdict;

/// GitHub shows ten errors of a step, and no more.
const SHOWN: usize = 10;

/// A line for each broken rule, on the line of the driver that broke it, then one for each scenario that did not pass, on its file.
pub fn annotations(report: &RunReport) -> String {
    let mut lines = Vec::new();
    for problem in &report.problems {
        let place = place(&problem.shown);
        lines.push(command("error", &problem.title, place, &problem.text));
    }
    for (text, names) in diagnostics::of_run(report) {
        let first = text.lines().next().unwrap_or_default();
        let (rule, what) = first.split_once(": ").unwrap_or(("", first));
        let rule = rule
            .split_once('[')
            .map_or(rule, |(_, rule)| rule.trim_end_matches(']'));
        let what = format!("{what} ({})", diagnostics::names(&names));
        lines.push(command("error", rule, place(text), &what));
    }
    for scenario in report
        .scenarios
        .iter()
        .filter(|one| one.verdict != Verdict::Passed)
    {
        let level = match scenario.verdict {
            Verdict::Inconclusive => "warning",
            _ => "error",
        };
        let file = format!("ci/scenarios/{}.toml", scenario.scenario);
        let said: Vec<String> = scenario
            .complaints()
            .map(|check| {
                format!(
                    "{} {}: {}",
                    check.name(),
                    check.verdict.word(),
                    check.explanation
                )
            })
            .chain([format!("again: {}", scenario.replay)])
            .collect();
        let title = format!("{} {}", scenario.scenario, scenario.verdict.word());
        lines.push(command(level, &title, Some((&file, "1")), &said.join("\n")));
    }
    lines.truncate(SHOWN);
    lines.concat()
}

/// File and line that a diagnostic points at, when it names one of the checkout.
fn place(text: &str) -> Option<(&str, &str)> {
    let line = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("--> "))?;
    let place = line.rsplit_once(", ").map_or(line, |(_, place)| place);
    let (file, number) = place.rsplit_once(':')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !file.starts_with('/')).then_some((file, number))
}

fn command(level: &str, title: &str, place: Option<(&str, &str)>, text: &str) -> String {
    let place = place.map_or_else(String::new, |(file, line)| {
        format!(",file={},line={line}", property(file))
    });
    format!(
        "::{level} title={}{place}::{}\n",
        property(title),
        data(text)
    )
}

/// A command ends with its line.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_of_the_checkout_and_a_line() {
        let check = |text: &str, expect| assert_eq!(place(text), expect, "{text}");
        check(
            "error[x]: y\n  --> waverig::f, driver/src/wave.rs:12\n",
            Some(("driver/src/wave.rs", "12")),
        );
        check(
            " --> driver/src/wave.rs:12",
            Some(("driver/src/wave.rs", "12")),
        );
        check("  --> f, /rustc/lib.rs:12", None);
        check("  --> waverig.sys+0x1234", None);
        check("error[x]: y", None);
    }

    #[test]
    fn nothing_in_a_text_ends_the_command() {
        assert_eq!(
            command("error", "a:b,c", Some(("d,e.rs", "7")), "50%\nmore: x, y"),
            "::error title=a%3Ab%2Cc,file=d%2Ce.rs,line=7::50%25%0Amore: x, y\n"
        );
    }
}
