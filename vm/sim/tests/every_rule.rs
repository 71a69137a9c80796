//! Every rule of the simulator is broken on purpose somewhere: by a driver of `tests/`, a mock of `src/`, or a mutant.

use std::fs;
use std::path::Path;

use waverig_sim::rules;

/// Rules that no driver can break.
const NOT_BY_DRIVERS: &[&str] = &[
    // It is the simulator's own.
    "simulator-defect",
];

/// Every source file below a folder.
fn sources(folder: &Path, all: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(fs::read_to_string(&path).expect("a source is text"));
        }
    }
}

/// The part of a source file that is tests.
fn tests_of(source: &str) -> &str {
    source
        .find("#[cfg(test)]")
        .or_else(|| source.find("#[test]"))
        .map_or("", |start| &source[start..])
}

#[test]
fn every_rule_is_seen_to_be_broken() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut own = Vec::new();
    sources(&here.join("src"), &mut own);
    let mut tests: Vec<String> = own
        .iter()
        .map(|source| tests_of(source).to_owned())
        .collect();
    sources(&here.join("tests"), &mut tests);
    let mutants = fs::read_to_string(here.join("../../ci/mutants.toml"));
    tests.push(mutants.expect("the catalogue is there"));
    let tests = tests.concat();
    let mut missing = Vec::new();
    for rule in rules::TABLES.iter().flat_map(|table| table.iter()) {
        // `NAME: "id", …` in a table of rules: tests in `src/` say the name.
        let row = format!(": \"{}\",", rule.id);
        let name = own
            .iter()
            .flat_map(|source| source.lines())
            .find_map(|line| {
                let (name, _) = line.split_once(&row)?;
                Some(format!("rules::{}", name.trim()))
            });
        let name = name.expect("every rule stands in a table");
        let named = tests.contains(rule.id)
            || tests.match_indices(&name).any(|(at, _)| {
                let after = tests[at + name.len()..].chars().next();
                after.is_some_and(|c| !c.is_alphanumeric() && c != '_')
            });
        if !named && !NOT_BY_DRIVERS.contains(&rule.id) {
            missing.push(rule.id);
        }
    }
    missing.sort_unstable();
    assert_eq!(missing, [""; 0], "rules that no test breaks");
}
