//! A release, step by step: build, build again and compare, play, sign, pack, describe. A journal in its folder says which steps are
//! done, so that an interrupted release goes on.

mod about;
mod pack;
mod parts;
mod publish;
mod sign;
mod source;
mod twice;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use waverig_kit::Arch;
use waverig_release::journal::{Journal, Start};

use crate::context::Context;
use crate::layout;
use source::Source;

pub(crate) use parts::make as make_parts;

/// What is released, and how far.
pub(crate) struct Wish {
    pub(crate) kind: Kind,
    /// Who signs: a file that says so; the test certificate without one.
    pub(crate) signer: Option<PathBuf>,
    /// Everything but signing and publishing, of any commit.
    pub(crate) dry_run: bool,
    /// Which scenarios a dry run plays; all of them without one.
    pub(crate) filter: Option<String>,
    /// Put on the releases' page when it is whole.
    pub(crate) publish: bool,
}

/// What is signed, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A package for machines in test mode that trust its certificate.
    Test,
    /// A cabinet for Microsoft's attestation, which gives a package back that every machine takes.
    Attestation,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Test, Self::Attestation];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Attestation => "attestation",
        }
    }

    /// What becomes of the files, for who judges them.
    fn release(self) -> waverig_package::package::Release {
        match self {
            Self::Test => waverig_package::package::Release::TestSigned,
            Self::Attestation => waverig_package::package::Release::Attestation,
        }
    }
}

/// The folder of unsigned files, below the release's.
const UNSIGNED: &str = "unsigned";
/// The folder of signed ones.
const SIGNED: &str = "signed";
/// The folder with what people get.
const FILES: &str = "files";

/// A release under way.
struct Release<'a> {
    context: &'a Context,
    wish: &'a Wish,
    source: Source,
    folder: PathBuf,
    journal: Journal,
    started: u64,
}

/// Where a release of this version is made, below the output folder.
fn folder(context: &Context) -> PathBuf {
    context
        .layout
        .rig()
        .join("release")
        .join(env!("CARGO_PKG_VERSION"))
}

/// Makes the release, or what a dry run has of it.
///
/// # Errors
/// A checkout of which no release may be made, with every reason; what a step says.
pub(crate) fn make(context: &Context, wish: &Wish) -> Result<()> {
    let source = Source::look(context)?;
    if !source.objections.is_empty() {
        let all = source.objections.join("\n  ");
        if !wish.dry_run {
            bail!(
                "no release is made of this checkout:\n  {all}\n`cargo xtask release --dry-run` does all the rest"
            );
        }
        context
            .ui
            .say("release", &format!("a release would be refused:\n  {all}"));
    }
    if !wish.dry_run {
        sign::check(context, wish)?;
    }
    let folder = folder(context);
    let (journal, start) = Journal::open(&folder, wishes(wish, &source)?)
        .with_context(|| format!("cannot use {}", folder.display()))?;
    match start {
        Start::New => {}
        Start::Resumed(steps) if steps.is_empty() => {}
        Start::Resumed(steps) => context
            .ui
            .say("release", &format!("goes on after: {}", steps.join(", "))),
        Start::Clean(why) => context.ui.say("release", &format!("starts clean: {why}")),
    }
    let mut release = Release {
        context,
        wish,
        source,
        folder,
        journal,
        started: now(),
    };
    release.build()?;
    release.build_again()?;
    release.play()?;
    if !wish.dry_run {
        release.sign()?;
    }
    release.pack()?;
    release.describe()?;
    release.summary();
    if wish.publish {
        publish::publish(context, release.source.version, &release.folder.join(FILES))?;
        context
            .ui
            .say("publish", &format!("v{} is out", release.source.version));
    }
    Ok(())
}

/// Everything that decides what a release's files are.
fn wishes(wish: &Wish, source: &Source) -> Result<BTreeMap<String, String>> {
    let signer = match &wish.signer {
        Some(path) => {
            waverig_package::Sha256Digest::of(&crate::verbs::package::read(path)?).to_string()
        }
        None => "the test certificate".to_owned(),
    };
    let mut commit = source.commit.clone();
    if source.changed {
        // What was changed may change again.
        commit += &format!(" with changes, at {}", now());
    }
    let words = [
        ("commit", commit),
        ("kind", wish.kind.name().to_owned()),
        ("signer", signer),
        ("dry run", wish.dry_run.to_string()),
        (
            "scenarios",
            wish.filter.clone().unwrap_or_else(|| "all".into()),
        ),
    ];
    Ok(words.map(|(name, value)| (name.to_owned(), value)).into())
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

impl Release<'_> {
    /// Does a step unless it is done, and notes the files that it made.
    fn step(&mut self, name: &str, work: impl FnOnce(&Self) -> Result<Vec<String>>) -> Result<()> {
        if self.journal.has(name) {
            return Ok(());
        }
        let files = work(self)?;
        self.journal
            .done(name, &files)
            .with_context(|| format!("cannot note that {name} is done"))
    }

    fn build(&mut self) -> Result<()> {
        self.step("build", |release| {
            let made = parts::make(release.context, Arch::X64, &release.folder.join(UNSIGNED))?;
            Ok(made
                .into_iter()
                .map(|name| format!("{UNSIGNED}/{name}"))
                .collect())
        })
    }

    fn build_again(&mut self) -> Result<()> {
        let names = names(&self.journal, "build", UNSIGNED);
        self.step("build again", |release| {
            same_twice(
                release.context,
                Arch::X64,
                &release.folder.join(UNSIGNED),
                &names,
            )?;
            Ok(Vec::new())
        })
    }

    fn play(&mut self) -> Result<()> {
        self.step("play", |release| {
            let filter = release.wish.filter.as_deref();
            sign::play(
                release.context,
                filter,
                &release.folder.join(UNSIGNED),
                &release.folder,
            )
        })
    }

    fn sign(&mut self) -> Result<()> {
        self.step("sign", sign::sign)
    }

    fn pack(&mut self) -> Result<()> {
        self.step("pack", pack::pack)
    }

    fn describe(&mut self) -> Result<()> {
        self.step("describe", about::write)
    }

    /// What there is now, and what comes next.
    fn summary(&self) {
        let files = self
            .journal
            .files("pack")
            .chain(self.journal.files("describe"));
        for name in files {
            println!("{}", self.folder.join(name).display());
        }
        if self.wish.dry_run {
            println!("dry run: nothing was signed, nothing was published");
            println!(
                "next: a tag v{} on a clean commit, then cargo xtask release",
                self.source.version
            );
        } else if !self.wish.publish {
            match self.wish.kind {
                Kind::Test => match &self.wish.signer {
                    // Without it the test certificate would sign another one.
                    Some(file) => println!(
                        "next: cargo xtask release --publish --signer {}",
                        file.display()
                    ),
                    None => println!("next: cargo xtask release --publish"),
                },
                Kind::Attestation => println!(
                    "next: hand the cabinet in at the Hardware Dev Center, then `cargo xtask returned`: docs/releasing.md"
                ),
            }
        }
    }
}

/// The names of what a step made below a folder.
fn names(journal: &Journal, step: &str, folder: &str) -> Vec<String> {
    let below = |name: &str| {
        name.strip_prefix(folder)?
            .strip_prefix('/')
            .map(str::to_owned)
    };
    journal.files(step).filter_map(below).collect()
}

/// Builds twice under different conditions and says whether the bytes are equal: a release's first two steps by themselves.
///
/// # Errors
/// What the builds say; files that differ, each with its first difference.
pub(crate) fn verify(context: &Context, arch: Arch) -> Result<()> {
    let first = context.layout.rig().join(UNSIGNED);
    let names = parts::make(context, arch, &first)?;
    same_twice(context, arch, &first, &names)
}

fn same_twice(context: &Context, arch: Arch, first: &Path, names: &[String]) -> Result<()> {
    let (compared, conditions) = context.ui.step("verify", "the same again, elsewhere", || {
        twice::compare(context, arch, first, names)
    })?;
    println!(
        "built twice; the second time: {}",
        conditions.differ.join(", ")
    );
    for same in &conditions.same {
        println!("not varied: {same}");
    }
    let mut differ = Vec::new();
    for file in &compared {
        match &file.difference {
            None => println!("equal    {}  {}", file.sha256, file.name),
            Some(difference) => {
                println!("differs  {}  {}", file.sha256, file.name);
                differ.push(format!("{}: {difference}", file.name));
            }
        }
    }
    if differ.is_empty() {
        return Ok(());
    }
    bail!(
        "{} of {} files differ; the first difference of each:\n  {}\nboth builds are kept: {} and {}",
        differ.len(),
        compared.len(),
        differ.join("\n  "),
        first.display(),
        context.layout.rig().join("again").display()
    )
}

/// Makes `folder` if need be and gives it back.
fn made(folder: PathBuf) -> Result<PathBuf> {
    layout::make(&folder)?;
    Ok(folder)
}
