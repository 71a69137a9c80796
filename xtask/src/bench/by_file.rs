//! What a process executed, by source file: callgrind's counts. What libraries cost is charged to the file that called them.
//!
//! The format is that of Valgrind's manual, "Callgrind Format Specification", as `--dump-instr=no --dump-line=yes --compress-pos=no
//! --compress-strings=no` writes it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

/// Code that callgrind knows no file of: the driver, which the simulator maps by itself.
pub(crate) const MAPPED: &str = "the driver";

/// How often what was charged to a library moves on to its caller at most: libraries call each other.
const ROUNDS: usize = 64;

/// A function, by file and name.
type Function = (String, String);

/// A call: who called, from which source file if it is one of ours, how often.
struct Call {
    from: Function,
    charged: Option<String>,
    count: f64,
}

/// Reads one of callgrind's files. `source_of` knows the files that are told apart, and what they are called; the result is the
/// instructions of each.
///
/// # Errors
/// A line that is not of the format.
pub(crate) fn by_file(
    text: &str,
    source_of: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, f64>> {
    let mut files: BTreeMap<String, f64> = BTreeMap::new();
    let mut foreign: BTreeMap<Function, f64> = BTreeMap::new();
    let mut calls: BTreeMap<Function, Vec<Call>> = BTreeMap::new();
    let (mut object, mut function) = (String::new(), Function::default());
    // The source file that pays for what the function does now, and the one that its own lines are in.
    let (mut now, mut home) = (None, None);
    let mut callee = Function::default();
    let mut count = None;
    let mut positions = false;
    for line in text.lines() {
        positions |= line.trim() == "positions: line";
        let (key, value) = line.split_once('=').unwrap_or(("", ""));
        let source = |file: &str| match object.as_str() {
            "???" => Some(MAPPED.to_owned()),
            _ => source_of(file),
        };
        match key {
            "ob" => object = value.to_owned(),
            "fl" => {
                function.0 = value.to_owned();
                home = source(value);
                now.clone_from(&home);
            }
            "fn" => {
                function.1 = value.to_owned();
                callee.0.clone_from(&function.0);
            }
            "fi" | "fe" => now = source(value).or_else(|| home.clone()),
            "cfi" | "cfl" => callee.0 = value.to_owned(),
            "cfn" => callee.1 = value.to_owned(),
            "calls" => {
                let number = value.split_whitespace().next().unwrap_or_default();
                count = Some(number.parse::<f64>().with_context(|| format!("{line:?}"))?);
            }
            _ if line.starts_with(|first: char| first.is_ascii_digit()) => {
                if let Some(count) = count.take() {
                    // The line behind `calls=` is what the called function cost, which it is charged for itself.
                    let to = std::mem::replace(&mut callee, (function.0.clone(), String::new()));
                    calls.entry(to).or_default().push(Call {
                        from: function.clone(),
                        charged: now.clone(),
                        count,
                    });
                    continue;
                }
                let cost = line.split_whitespace().nth(1).unwrap_or("0");
                let cost: f64 = cost.parse().with_context(|| format!("{line:?}"))?;
                match &now {
                    Some(file) => *files.entry(file.clone()).or_default() += cost,
                    None => *foreign.entry(function.clone()).or_default() += cost,
                }
            }
            _ => {}
        }
    }
    ensure!(positions, "it has no positions by line");
    charge(&mut files, foreign, &calls);
    Ok(files)
}

/// Moves what functions of libraries cost to their callers, in the ratio of how often these called, until files of ours have all of it.
fn charge(
    files: &mut BTreeMap<String, f64>,
    mut foreign: BTreeMap<Function, f64>,
    calls: &BTreeMap<Function, Vec<Call>>,
) {
    for _ in 0..ROUNDS {
        let mut next: BTreeMap<Function, f64> = BTreeMap::new();
        for (function, cost) in foreign {
            let callers = calls.get(&function).map_or(&[][..], Vec::as_slice);
            let all: f64 = callers.iter().map(|call| call.count).sum();
            for call in callers {
                let share = cost * call.count / all;
                match &call.charged {
                    Some(file) => *files.entry(file.clone()).or_default() += share,
                    None => *next.entry(call.from.clone()).or_default() += share,
                }
            }
        }
        foreign = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// a.rs calls memcmp twice and a sort of the library once, which calls memcmp once and the driver; a line of a library is inlined
    /// into a.rs, and one of b.rs.
    const FILE: &str = "positions: line\nevents: Ir\n\
        ob=sim\nfl=src/a.rs\nfn=a\n1 10\nfi=/rustc/core.rs\n5 3\nfi=src/b.rs\n7 4\nfe=src/a.rs\n\
        cfi=/libc.c\ncfn=memcmp\ncalls=2 1\n2 100\n\
        cfi=/rustc/sort.rs\ncfn=sort\ncalls=1 1\n2 100\n3 1\n\
        ob=libc\nfl=/libc.c\nfn=memcmp\n1 90\n\
        ob=sim\nfl=/rustc/sort.rs\nfn=sort\n1 8\ncfi=/libc.c\ncfn=memcmp\ncalls=1 1\n2 30\n\
        ob=???\nfl=???\nfn=0x1000\n0 50\ncfi=/libc.c\ncfn=memcmp\ncalls=3 1\n0 30\n";

    #[test]
    fn libraries_are_charged_to_whoever_called() {
        let ours = |file: &str| file.starts_with("src/").then(|| file.to_owned());
        let files = by_file(FILE, ours).unwrap();
        let expect = [
            // 10 + 3 + 1, two of six memcmp, all of sort with its one memcmp.
            ("src/a.rs", 14.0 + 30.0 + 8.0 + 15.0),
            ("src/b.rs", 4.0),
            (MAPPED, 50.0 + 45.0),
        ];
        for (file, cost) in expect {
            let found = files[file];
            assert!((found - cost).abs() < 1e-6, "{file}: {found}, not {cost}");
        }
        assert_eq!(files.len(), 3);
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        assert!(by_file("positions: instr\n0x1 2\n", |_| None).is_err());
        assert!(by_file("positions: line\n1 x\n", |_| None).is_err());
    }
}
