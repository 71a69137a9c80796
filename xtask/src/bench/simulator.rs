//! What the simulator costs while it plays, by source file, and which rules are looked at in each: the price of strictness.
//!
//! Counted in the simulator that tests and verbs use. A rule that only looks when something is rare, such as a leak at unload, costs
//! nothing here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use waverig_protocol::scenario::Scenario;

use super::by_file::{MAPPED, by_file};
use super::counted;
use crate::context::Context;
use crate::verbs::pace;

/// How long is played, in milliseconds: what starts and stops a stream cancels out.
const DURATIONS: [u32; 2] = [1_000, 3_000];
/// Packets in the difference.
const PACKETS: f64 = 200.0;
/// Files that cost a smaller part are one row.
const SMALL: f64 = 0.005;
/// The simulator's sources, whose file says what a rule is called.
const SOURCES: &str = "vm/sim/src";

/// A file, or what stands for one.
struct Row {
    file: String,
    /// Instructions per packet.
    cost: f64,
    /// Short names of the rules that are looked at in it.
    rules: BTreeSet<String>,
}

/// The table, as Markdown.
///
/// # Errors
/// A machine that fails, a file of callgrind's or a source file that cannot be read.
pub(crate) fn table(context: &Context) -> Result<String> {
    let scenarios: Vec<Scenario> = DURATIONS
        .into_iter()
        .zip(["short", "long"])
        .map(|(duration_ms, name)| Scenario {
            name: name.into(),
            ..pace::scenario(0, duration_ms)
        })
        .collect();
    let texts = counted::lines(context, &scenarios)?;
    let root = context.layout.root();
    let count = |name: &str| {
        let text = texts.get(name).context("it was not counted")?;
        by_file(text, |file| {
            let inside = Path::new(file).strip_prefix(root).ok()?;
            inside.to_str().map(str::to_owned)
        })
    };
    let (short, long) = (count("short")?, count("long")?);
    let names = rule_names(&root.join(SOURCES))?;
    let mut rows = Vec::new();
    for (file, cost) in long {
        let before = short.get(&file).copied().unwrap_or(0.0);
        let text = if file == MAPPED {
            String::new()
        } else {
            fs::read_to_string(root.join(&file)).with_context(|| file.clone())?
        };
        rows.push(Row {
            cost: (cost - before) / PACKETS,
            rules: rules_in(&text, &names),
            file,
        });
    }
    Ok(markdown(rows))
}

fn markdown(mut rows: Vec<Row>) -> String {
    rows.sort_by(|a, b| b.cost.total_cmp(&a.cost));
    let all: f64 = rows.iter().map(|row| row.cost).sum();
    let (large, small): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| row.cost >= all * SMALL);
    let rest = Row {
        file: format!("{} other files", small.len()),
        cost: small.iter().map(|row| row.cost).sum(),
        rules: small.into_iter().flat_map(|row| row.rules).collect(),
    };
    let mut text = format!(
        "## The simulator, by file\n\nA stream of 48 kHz stereo in packets of 10 ms with a tap client, every rule on: {all:.0} \
         instructions per packet. What libraries cost is in the file that calls them; rules are those that the file looks at.\n\n\
         | file | instructions per packet | part | rules |\n|---|--:|--:|---|\n"
    );
    for row in large.iter().chain([&rest]) {
        let rules: Vec<&str> = row.rules.iter().map(String::as_str).collect();
        let _ = writeln!(
            text,
            "| {} | {:.0} | {:.1} % | {} |",
            row.file,
            row.cost,
            100.0 * row.cost / all,
            rules.join(", ")
        );
    }
    text + "\n"
}

/// The short name of each rule, by the name of its constant: rows of the tables in files called rules.rs.
fn rule_names(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut names = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            names.extend(rule_names(&path)?);
        } else if path.ends_with("rules.rs") {
            names.extend(rows_of(&fs::read_to_string(&path)?));
        }
    }
    Ok(names)
}

/// Rows such as `POOL_LEAK: "pool-leak", …`.
fn rows_of(text: &str) -> impl Iterator<Item = (String, String)> {
    text.lines().filter_map(|line| {
        let (constant, rest) = line.trim().split_once(": \"")?;
        let (id, _) = rest.split_once('"')?;
        is_constant(constant).then(|| (constant.to_owned(), id.to_owned()))
    })
}

/// The rules that a source file names.
fn rules_in(text: &str, names: &BTreeMap<String, String>) -> BTreeSet<String> {
    text.split("rules::")
        .skip(1)
        .filter_map(|rest| {
            let end = rest.find(|letter: char| !is_constant(letter.encode_utf8(&mut [0; 4])));
            names.get(&rest[..end.unwrap_or(rest.len())]).cloned()
        })
        .collect()
}

fn is_constant(word: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit();
    !word.is_empty() && word.bytes().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "rules! {\n    POOL_LEAK: \"pool-leak\", false,\n        \"A title: \\\"x\\\".\",\n        \"page\";\n    \
        IRQL_2: \"irql\", true,\n";

    #[test]
    fn a_file_has_the_rules_that_it_names() {
        let names: BTreeMap<_, _> = rows_of(RULES).collect();
        assert_eq!(names.len(), 2);
        let found = rules_in(
            "finding::raise(&rules::POOL_LEAK, text); rules::IRQL_2; rules::NONE",
            &names,
        );
        assert_eq!(found, ["irql", "pool-leak"].map(str::to_owned).into());
    }

    #[test]
    fn small_files_are_one_row() {
        let row = |file: &str, cost| Row {
            file: file.into(),
            cost,
            rules: [format!("of {file}")].into(),
        };
        let text = markdown(vec![row("b", 3.0), row("a", 996.0), row("c", 1.0)]);
        let lines: Vec<&str> = text
            .lines()
            .rev()
            .take_while(|line| !line.contains("--"))
            .collect();
        assert_eq!(
            lines
                .into_iter()
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>(),
            [
                "| 2 other files | 4 | 0.4 % | of b, of c |",
                "| a | 996 | 99.6 % | of a |"
            ]
        );
    }
}
