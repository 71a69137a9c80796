//! `cargo xtask mutants`: makes every faulty driver and package of the catalogue and shows that the rig rejects each, and why.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use waverig_kit::{Arch, Invocation, Runner as _};
use waverig_package::UnixTime;
use waverig_package::cert::Signer;

use super::{Options, Verb, build, package};
use crate::context::Context;
use crate::exec::Exec;
use crate::layout::{self, Layout};
use crate::mutant::{self, Change, Mutant, Outcome, Sources};
use crate::spread::spread;
use crate::{fault, signer, stop};

pub(super) const VERB: Verb = Verb {
    name: "mutants",
    about: "Makes every faulty driver and package of ci/mutants.toml and shows that the rig rejects each for the expected reason.",
    options: "[--filter NAME|KIND] [--out FOLDER]",
    run,
};

/// What was seen of one.
struct Row {
    outcome: Outcome,
    log: PathBuf,
    seconds: f32,
}

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    let all = mutant::load(&context.layout.mutants())?;
    let mutants = mutant::select(all, options.filter.as_deref())?;
    let folder = context.layout.rig().join("mutants");
    layout::fresh(&folder)?;
    let sources = sources(context, &folder)?;
    let table = fault::table(&sources.faulty[0])?;
    if options.filter.is_none() {
        for fault in &table {
            let there = mutants
                .iter()
                .any(|mutant| matches!(&mutant.change, Change::Fault(name) if name == fault.name));
            ensure!(
                there,
                "the driver's fault {} has no row in ci/mutants.toml",
                fault.name
            );
        }
    }
    let rows = play(context, &sources, &mutants, &folder)?;
    let about = |mutant: &Mutant| match &mutant.change {
        Change::Fault(name) => table
            .iter()
            .find(|fault| fault.name == name)
            .map_or_else(String::new, |fault| fault.what.to_owned()),
        _ => mutant.about.clone(),
    };
    let mut page =
        String::from("| mutant | kind | what goes wrong | killed by |\n|---|---|---|---|\n");
    let mut killed = 0;
    for (mutant, row) in mutants.iter().zip(&rows) {
        let (name, kind, seconds) = (&mutant.name, mutant.kind, row.seconds);
        let by = match &row.outcome {
            Outcome::Killed(by) => {
                killed += 1;
                by.clone()
            }
            Outcome::OtherReason(words) => {
                format!(
                    "NOT AS EXPECTED: it does not say {words:?}; see {}",
                    row.log.display()
                )
            }
            Outcome::Survived => format!("SURVIVED `{}`; see {}", mutant.run, row.log.display()),
        };
        println!("{name:<22} {kind:<10} {seconds:>5.1} s  {by}");
        let _ = writeln!(
            page,
            "| {name} | {kind} | {} | {} |",
            about(mutant),
            by.replace('|', "\\|")
        );
    }
    let path = context.layout.rig().join("mutants.md");
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    let (count, passed) = (rows.len(), killed == rows.len());
    println!(
        "{}: {killed} of {count} mutants were killed, each for the expected reason",
        if passed { "passed" } else { "failed" }
    );
    println!("written: {}", path.display());
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(stop::FAILED)
    })
}

/// Builds the driver twice, which serves every mutant.
fn sources(context: &Context, folder: &Path) -> Result<Sources> {
    let pair = |faults| -> Result<[Vec<u8>; 2]> {
        let built = build::build_with_faults(context, Arch::X64, faults)?;
        Ok([package::read(&built.sys)?, package::read(&built.pdb)?])
    };
    let inx = package::read(&package::inx(context))?;
    let stranger = folder.join("stranger");
    Ok(Sources {
        signer: signer::load(context, None)?,
        stranger: Signer::ensure(&stranger, "CN=a stranger", UnixTime::now())?,
        good: pair(false)?,
        faulty: pair(true)?,
        inx: String::from_utf8(inx).context("waverig.inx is ASCII")?,
    })
}

/// Tries every mutant, as many at a time as the host has processors; rows in the order of the catalogue.
fn play(
    context: &Context,
    sources: &Sources,
    mutants: &[Mutant],
    folder: &Path,
) -> Result<Vec<Row>> {
    let (layout, ui) = (&context.layout, &context.ui);
    ui.say("try", &format!("{} mutants", mutants.len()));
    let rows = spread(mutants, |_, mutant| {
        let row = try_one(layout, sources, mutant, &folder.join(&mutant.name));
        ui.say("", &mutant.name);
        row
    });
    rows.into_iter().collect()
}

/// Makes one mutant, runs what must reject it, and judges.
fn try_one(layout: &Layout, sources: &Sources, mutant: &Mutant, folder: &Path) -> Result<Row> {
    let start = Instant::now();
    layout::make(folder)?;
    let (code, said) = match mutant::make(layout, sources, &mutant.change, &folder.join("package"))
    {
        Ok(()) => reject(mutant, folder)?,
        // Packaging is the first to look at an INF.
        Err(error) => (Some(i32::from(stop::FAILED)), format!("package: {error:#}")),
    };
    let log = folder.join("output.txt");
    fs::write(&log, &said).with_context(|| format!("cannot write {}", log.display()))?;
    Ok(Row {
        outcome: mutant::judge(&mutant.expect, code, &said),
        log,
        seconds: start.elapsed().as_secs_f32(),
    })
}

/// Runs the mutant's command on its package: exit code, and all that was said, reports of crashes included.
fn reject(mutant: &Mutant, folder: &Path) -> Result<(Option<i32>, String)> {
    let this = env::current_exe().context("this program cannot find its own file")?;
    let command = Invocation::new(this)
        .args(mutant.run.split_whitespace())
        .args(["--out".as_ref(), folder.as_os_str()]);
    let output = Exec::new()?
        .run(&command)
        .context("xtask cannot start itself")?;
    let mut said = format!("{}\n{}", output.stdout, output.stderr);
    let runs = folder.join("runs").join("sim");
    if let Ok(runs) = fs::read_dir(runs) {
        for run in runs.flatten() {
            if let Ok(report) = fs::read_to_string(run.path().join("report.txt")) {
                said.push_str(&report);
            }
        }
    }
    Ok((output.code, said))
}
