//! Broken rules of a whole run: each once, with the scenarios that broke it.

use super::RunReport;

/// Diagnostics that a summary shows.
pub(super) const SHOWN: usize = 5;

/// What makes two diagnostics the same: the rule and the place, or what was done when there is no place.
fn key(text: &str) -> (&str, &str) {
    let first = text.lines().next().unwrap_or_default();
    let rule = first.split(": ").next().unwrap_or_default();
    let place = text
        .lines()
        .find(|line| line.trim_start().starts_with("--> "));
    (rule, place.unwrap_or(first))
}

/// The first of each.
pub(crate) fn distinct(all: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for text in all {
        if !kept.iter().any(|known| key(known) == key(&text)) {
            kept.push(text);
        }
    }
    kept
}

/// Of all scenarios, each with the names of those that have it.
pub(super) fn of_run(report: &RunReport) -> Vec<(&str, Vec<&str>)> {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for scenario in &report.scenarios {
        for text in &scenario.diagnostics {
            match all.iter_mut().find(|(known, _)| key(known) == key(text)) {
                Some((_, names)) if names.last() == Some(&scenario.scenario.as_str()) => {}
                Some((_, names)) => names.push(&scenario.scenario),
                None => all.push((text, vec![&scenario.scenario])),
            }
        }
    }
    all
}

/// `in a, b and 3 more`.
pub(super) fn names(names: &[&str]) -> String {
    let shown = names.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(3) {
        0 => format!("in {shown}"),
        more => format!("in {shown} and {more} more"),
    }
}
