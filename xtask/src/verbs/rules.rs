//! `cargo xtask rules`: what the simulator holds a driver to, as docs/rules.md has it.

use std::process::ExitCode;

use anyhow::Result;
use waverig_sim::rules::{Rule, TABLES};

use super::{Options, Verb};
use crate::context::Context;

pub(super) const VERB: Verb = Verb {
    name: "rules",
    about: "Every rule that the simulator holds a driver to, with where it is written.",
    options: "",
    run,
};

fn run(_: &mut Context, _: &Options) -> Result<ExitCode> {
    print!("{}", table());
    Ok(ExitCode::SUCCESS)
}

/// A line for each, in the order of their names.
fn table() -> String {
    let mut rules: Vec<&Rule> = TABLES
        .iter()
        .flat_map(|table| table.iter().copied())
        .collect();
    rules.sort_by_key(|rule| rule.id);
    let row = |rule: &&Rule| {
        let ends = if rule.fatal { "ends the run" } else { "" };
        format!(
            "| `{}` | {} | {} | {ends} |\n",
            rule.id, rule.title, rule.source
        )
    };
    let rows: String = rules.iter().map(row).collect();
    format!("| rule | a driver | written in | |\n|---|---|---|---|\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/rules.md");

    #[test]
    fn the_page_has_the_table_as_it_is() {
        assert!(
            PAGE.contains(&table()),
            "put what `cargo xtask rules` prints into docs/rules.md"
        );
    }

    #[test]
    fn every_name_on_the_page_is_a_rule() {
        let (before, _) = PAGE.split_once("| rule |").unwrap();
        for name in before.split('`').skip(1).step_by(2) {
            // Verbs, instructions and the sign for a family are no rules.
            let other = ["~", "faults", "interleave", "cli", "popf"].contains(&name);
            let rule = waverig_sim::rules::find(name).is_some();
            let known = rule || other || name.starts_with("cargo ");
            assert!(known, "{name}");
        }
    }
}
