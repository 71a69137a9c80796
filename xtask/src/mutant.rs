//! Faulty drivers and packages: each a small named change, the command that must reject it, and what that must say.
//!
//! The catalogue is data, `ci/mutants.toml`.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use waverig_kit::Arch;
use waverig_package::cert::Signer;

use crate::fault;
use crate::layout::Layout;
use crate::stop::Usage;
use crate::verbs::package::{self, Parts};

/// Every mutant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    mutant: Vec<Mutant>,
}

/// A faulty driver or package.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// What goes wrong; a deliberate fault of the driver says so itself.
    #[serde(default)]
    pub(crate) about: String,
    pub(crate) change: Change,
    /// What follows `cargo xtask`: it must end with exit code 1.
    pub(crate) run: String,
    /// What that must say, or the report of a crash.
    pub(crate) expect: Vec<String>,
}

/// What a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Timing,
    Data,
    Memory,
    Locking,
    State,
    Pnp,
    Description,
    Inf,
    Signature,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}

/// How a good package becomes a bad one. Whatever is not said here is right: images are sealed, packages signed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Change {
    /// A deliberate fault of the driver is switched on (`driver/src/fault.rs`).
    Fault(String),
    /// Pieces of the INF's text, each replaced wherever it stands.
    Inf(Vec<(String, String)>),
    /// One bit in the middle of a file, after signing.
    Flip(String),
    /// The second half of a file is cut off, after signing.
    Truncate(String),
    /// A file is missing.
    Remove(String),
    /// A certificate signs that the machine does not trust.
    Stranger,
}

/// The whole catalogue.
///
/// # Errors
/// A file that cannot be read, with the line; a name that stands twice.
pub(crate) fn load(path: &Path) -> Result<Vec<Mutant>> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| path.display().to_string())
}

fn parse(text: &str) -> Result<Vec<Mutant>> {
    let all = toml::from_str::<Catalogue>(text)?.mutant;
    for (index, mutant) in all.iter().enumerate() {
        let name = &mutant.name;
        let twice = all[..index].iter().any(|other| other.name == *name);
        ensure!(!twice, "two mutants are called {name}");
        ensure!(!mutant.expect.is_empty(), "{name}: expect says nothing");
        let itself = matches!(mutant.change, Change::Fault(_));
        ensure!(
            itself == mutant.about.is_empty(),
            "{name}: about is for what is no fault of the driver, and needed there"
        );
    }
    Ok(all)
}

/// Those whose name or kind is `filter`, else those whose name contains it.
///
/// # Errors
/// Wrong use when there are none.
pub(crate) fn select(all: Vec<Mutant>, filter: Option<&str>) -> Result<Vec<Mutant>> {
    let Some(filter) = filter else {
        return Ok(all);
    };
    let exactly = |mutant: &Mutant| mutant.name == filter || mutant.kind.to_string() == filter;
    let names: Vec<_> = all.iter().map(|mutant| mutant.name.clone()).collect();
    let any = all.iter().any(exactly);
    let chosen: Vec<_> = all
        .into_iter()
        .filter(|mutant| {
            if any {
                exactly(mutant)
            } else {
                mutant.name.contains(filter)
            }
        })
        .collect();
    if chosen.is_empty() {
        let names = names.join(", ");
        return Err(Usage(format!("no mutant is called {filter:?}; there are {names}")).into());
    }
    Ok(chosen)
}

/// The good driver as it was built, once with and once without the switch for deliberate faults.
pub(crate) struct Sources {
    /// Signs, and is trusted.
    pub(crate) signer: Signer,
    /// Signs [`Change::Stranger`].
    pub(crate) stranger: Signer,
    /// Image and symbols.
    pub(crate) good: [Vec<u8>; 2],
    /// The same with the switch, which is off.
    pub(crate) faulty: [Vec<u8>; 2],
    pub(crate) inx: String,
}

/// Makes the mutant's package in `folder`.
///
/// # Errors
/// A change that changes nothing; what packaging says, which for a wrong INF may be the expected end.
pub(crate) fn make(
    layout: &Layout,
    sources: &Sources,
    change: &Change,
    folder: &Path,
) -> Result<()> {
    let [mut image, pdb] = match change {
        Change::Fault(_) => sources.faulty.clone(),
        _ => sources.good.clone(),
    };
    let mut inx = sources.inx.clone();
    match change {
        Change::Fault(name) => fault::choose(&mut image, name)?,
        Change::Inf(replacements) => {
            for (old, new) in replacements {
                ensure!(inx.contains(old), "the INF does not say {old:?}");
                inx = inx.replace(old, new);
            }
        }
        _ => {}
    }
    let parts = Parts {
        driver: &package::WAVERIG,
        image: &image,
        pdb: &pdb,
        inx: inx.as_bytes(),
        arch: Arch::X64,
        faulty: matches!(change, Change::Fault(_)),
    };
    let signer = match change {
        Change::Stranger => &sources.stranger,
        _ => &sources.signer,
    };
    package::write(layout, folder, &parts, signer)?;
    tamper(change, folder)
}

/// What is done to a package after it was signed.
fn tamper(change: &Change, folder: &Path) -> Result<()> {
    match change {
        Change::Flip(file) => {
            let path = folder.join(file);
            let mut bytes = package::read(&path)?;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
            fs::write(path, bytes)?;
        }
        Change::Truncate(file) => {
            let path = folder.join(file);
            let bytes = package::read(&path)?;
            fs::write(path, &bytes[..bytes.len() / 2])?;
        }
        Change::Remove(file) => fs::remove_file(folder.join(file))?,
        Change::Fault(_) | Change::Inf(_) | Change::Stranger => {}
    }
    Ok(())
}

/// What became of a mutant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was rejected for the expected reason: the line that says so.
    Killed(String),
    /// It was rejected, but this was not said.
    OtherReason(String),
    /// It was not rejected.
    Survived,
}

/// Judges how the command ended that was to reject a mutant, and what it said.
pub(crate) fn judge(expect: &[String], code: Option<i32>, said: &str) -> Outcome {
    // 2 and 3 are wrong use and a host that lacks something: nothing was shown.
    if code == Some(0) {
        return Outcome::Survived;
    }
    let missing = expect.iter().find(|words| !said.contains(*words));
    match (code, missing) {
        (Some(1), None) => {
            let line = said.lines().find(|line| line.contains(&expect[0]));
            Outcome::Killed(excerpt(line.unwrap_or(&expect[0]), &expect[0]))
        }
        (Some(1), Some(words)) => Outcome::OtherReason(words.clone()),
        (code, _) => Outcome::OtherReason(format!("exit code 1, it was {code:?}")),
    }
}

/// Characters of a line that a table has room for.
const EXCERPT: usize = 100;

/// A line from `words` on, cut to what a table has room for.
fn excerpt(line: &str, words: &str) -> String {
    let start = line.find(words).unwrap_or(0);
    let mut chars = line[start..].trim().chars();
    let mut text: String = chars.by_ref().take(EXCERPT).collect();
    if chars.next().is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_counts_only_with_its_reason() {
        let check = |code, said: &str, outcome| {
            assert_eq!(
                judge(&["reason".into(), "place".into()], code, said),
                outcome
            );
        };
        check(
            Some(1),
            "x\n  the reason\nplace",
            Outcome::Killed("reason".into()),
        );
        check(Some(1), "the reason", Outcome::OtherReason("place".into()));
        check(Some(0), "the reason, place", Outcome::Survived);
        let other = |code: &str| Outcome::OtherReason(format!("exit code 1, it was {code}"));
        check(Some(2), "the reason, place", other("Some(2)"));
        check(None, "the reason, place", other("None"));
    }

    #[test]
    fn the_catalogue_says_what_is_wrong_with_it() {
        let check = |text: &str, expect: &str| {
            let said = format!("{:#}", parse(text).map(|all| all.len()).expect_err("wrong"));
            assert!(said.contains(expect), "{said:?} does not say {expect:?}");
        };
        let row = "[[mutant]]\nname = 'a'\nkind = 'data'\nchange = { fault = 'a' }\nrun = 'ci'\n";
        let good = format!("{row}expect = ['x']\n");
        assert_eq!(parse(&good).expect("it is right").len(), 1);
        check(&format!("{good}{good}"), "two mutants are called a");
        check(&format!("{row}expect = []\n"), "expect says nothing");
        check(&format!("{good}about = 'b'\n"), "about is for");
        check(&good.replace("fault", "fury"), "unknown variant `fury`");
        check(&good.replace("'data'", "'date'"), "unknown variant `date`");
    }
}
