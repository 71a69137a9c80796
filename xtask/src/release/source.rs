//! What a release is made of: a commit, and what must be true of it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use waverig_kit::Invocation;
use waverig_package::Date;
use waverig_release::notes::{self, Notes};

use crate::context::Context;
use crate::verbs::package;

/// The commit that is checked out, and what is said about its version.
pub(crate) struct Source {
    pub(crate) commit: String,
    /// Whether what is built is not only that.
    pub(crate) changed: bool,
    /// When it was committed, in seconds since 1970.
    pub(crate) time: u64,
    /// The version in `Cargo.toml`.
    pub(crate) version: &'static str,
    /// What the changelog says about it.
    pub(crate) notes: Notes,
    /// Why no release may be made of it.
    pub(crate) objections: Vec<String>,
}

impl Source {
    /// Looks at the checkout.
    ///
    /// # Errors
    /// No git, no commit, a changelog that says nothing.
    pub(crate) fn look(context: &Context) -> Result<Self> {
        let commit = git(context, &["rev-parse", "HEAD"])?;
        let time = git(context, &["show", "--no-patch", "--format=%ct", "HEAD"])?;
        let changed = git(context, &["status", "--porcelain"])?;
        let tags = git(context, &["tag", "--points-at", "HEAD"])?;
        let changelog = context.layout.root().join("CHANGELOG.md");
        let text = fs::read_to_string(&changelog)
            .with_context(|| format!("cannot read {}", changelog.display()))?;
        let version = env!("CARGO_PKG_VERSION");
        let notes = notes::of_version(&text, version)
            .map_err(|error| anyhow::anyhow!("{}: {error}", changelog.display()))?;
        let driver = package::stated(&context.layout, &package::WAVERIG)?;
        let facts = Facts {
            version,
            changed: changed.lines().map(str::to_owned).collect(),
            tags: tags.lines().map(str::to_owned).collect(),
            released: notes.date,
            driver: (driver.version.to_string(), driver.date),
        };
        Ok(Self {
            commit,
            changed: !changed.is_empty(),
            time: time.parse().context("git says no time of the commit")?,
            version,
            notes,
            objections: objections(&facts),
        })
    }
}

/// What decides whether a release may be made.
struct Facts<'a> {
    version: &'a str,
    /// `git status --porcelain`.
    changed: Vec<String>,
    /// Of the commit.
    tags: Vec<String>,
    /// The changelog's day.
    released: Option<Date>,
    /// `DriverVer`.
    driver: (String, Date),
}

/// Everything that speaks against a release, each with what to do.
fn objections(facts: &Facts<'_>) -> Vec<String> {
    let Facts {
        version,
        changed,
        tags,
        released,
        driver: (driver, day),
    } = facts;
    let mut all = Vec::new();
    if !changed.is_empty() {
        let some: Vec<&str> = changed.iter().take(5).map(|line| line.trim()).collect();
        all.push(format!(
            "{} files differ from the commit ({}); commit them or put them away",
            changed.len(),
            some.join(", ")
        ));
    }
    let tag = format!("v{version}");
    if !tags.contains(&tag) {
        let found = if tags.is_empty() {
            "none".to_owned()
        } else {
            tags.join(", ")
        };
        all.push(format!(
            "the commit has no tag {tag} (its tags: {found}); `git tag --sign {tag}`, or check the tag out"
        ));
    }
    match released {
        None => all.push(format!(
            "CHANGELOG.md says that {version} is unreleased; write the day there, and in driver/Cargo.toml"
        )),
        Some(released) if released != day => all.push(format!(
            "CHANGELOG.md says {released}, DriverVer in driver/Cargo.toml {day}; they must be one day"
        )),
        Some(_) => {}
    }
    if !driver.starts_with(&format!("{version}.")) {
        all.push(format!(
            "DriverVer in driver/Cargo.toml is {driver}, the version in Cargo.toml {version}; it must begin with that"
        ));
    }
    all
}

/// What git says in the checkout.
fn git(context: &Context, words: &[&str]) -> Result<String> {
    let command = Invocation::new("git")
        .args(words.iter().copied())
        .cwd(context.layout.root());
    let output = context
        .exec
        .run(&command)
        .context("cannot start git, which a release needs; install it")?;
    if !output.success() {
        bail!(
            "`{}` failed in {}; a release is made of a commit\n{}",
            command.line(),
            context.layout.root().display(),
            output.stderr.trim()
        );
    }
    Ok(output.stdout.trim_end().to_owned())
}

/// The files that the commit has, or would have if everything were committed.
pub(crate) fn files(context: &Context) -> Result<Vec<PathBuf>> {
    let listed = git(
        context,
        &[
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
    )?;
    let root = context.layout.root();
    let names = listed.split('\0').filter(|name| !name.is_empty());
    // A file that was deleted and not committed is still listed.
    let there = names
        .map(PathBuf::from)
        .filter(|name| root.join(name).is_file());
    Ok(there.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Facts<'static> {
        let day = Date::new(2026, 11, 20).unwrap();
        Facts {
            version: "0.1.0",
            changed: Vec::new(),
            tags: vec!["v0.1.0".into()],
            released: Some(day),
            driver: ("0.1.0.0".into(), day),
        }
    }

    #[test]
    fn a_release_is_made_of_a_clean_tag_whose_papers_agree() {
        assert_eq!(objections(&good()), Vec::<String>::new());
        let check = |facts: Facts<'_>, expect: &str| {
            let found = objections(&facts);
            assert!(
                found.len() == 1 && found[0].contains(expect),
                "{found:?} is not one that says {expect:?}"
            );
        };
        let changed = vec![" M README.md".into(), "?? x".into()];
        check(
            Facts { changed, ..good() },
            "2 files differ from the commit (M README.md, ?? x)",
        );
        check(
            Facts {
                tags: Vec::new(),
                ..good()
            },
            "no tag v0.1.0 (its tags: none)",
        );
        check(
            Facts {
                tags: vec!["v0.1.00".into()],
                ..good()
            },
            "(its tags: v0.1.00)",
        );
        check(
            Facts {
                released: None,
                ..good()
            },
            "says that 0.1.0 is unreleased",
        );
        let other = Date::new(2026, 11, 21);
        check(
            Facts {
                released: other,
                ..good()
            },
            "says 2026-11-21, DriverVer in driver/Cargo.toml 2026-11-20",
        );
        let driver = ("0.1.1.0".into(), good().driver.1);
        check(
            Facts { driver, ..good() },
            "DriverVer in driver/Cargo.toml is 0.1.1.0",
        );
        // 0.1.0 is not the beginning of 0.1.01.
        let driver = ("0.1.01.0".into(), good().driver.1);
        check(Facts { driver, ..good() }, "it must begin with that");
    }
}
