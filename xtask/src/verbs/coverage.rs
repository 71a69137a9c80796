//! `cargo xtask coverage`: which lines of the driver the scenarios execute, by breakpoints in the shipped image.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use waverig_ci::coverage::Coverage;
use waverig_kit::SOURCES;
use waverig_sim::coverage::{Map, PLACES};

use super::package::NAME;
use super::{Options, Verb, faults, fuzz, package};
use crate::context::Context;
use crate::play::{self, Plan};
use crate::{layout, machine, stop};

pub(super) const VERB: Verb = Verb {
    name: "coverage",
    about: "Plays the scenarios, failing services and hostile programs, and shows which lines of the driver were executed.",
    options: "[--filter SCENARIO] [--seed N] [--out FOLDER]",
    run,
};

/// Hostile requests that are sent beside the scenarios: some rounds.
const HOSTILE: u64 = 20_000;

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    let plan = Plan::new(context, options)?;
    package::ensure(context)?;
    let folder = context.layout.rig().join("coverage");
    layout::fresh(&folder)?;
    let machines = folder.join("machines");
    layout::make(&machines)?;
    let map = context.ui.step(
        "coverage",
        "the instructions of the driver, by its PDB",
        || map(context),
    )?;
    let places = serde_json::to_vec(&map.places())?;
    std::fs::write(machines.join(PLACES), places)
        .with_context(|| format!("cannot write to {}", machines.display()))?;
    context.coverage = Some(machines.clone());
    let complete = play(context, &plan, options.filter.is_none())?;
    let (lines, count) = map.executed(&machines)?;
    if count == 0 {
        bail!(
            "no machine told what it executed; their words are in {}",
            context.layout.runs("sim").display()
        );
    }
    let coverage = Coverage(lines);
    coverage.write(&folder, context.layout.root())?;
    print!("{}", coverage.table());
    println!(
        "merged over {count} machines; a line counts when one of its instructions was executed"
    );
    let page = folder.join("index.html");
    println!("written: {}, lcov.info beside it", page.display());
    Ok(if complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(stop::FAILED)
    })
}

/// Plays the scenarios, and everything else when `all`: whether every machine lived to its end. Nothing is judged: the image holds
/// breakpoints.
fn play(context: &Context, plan: &Plan, all: bool) -> Result<bool> {
    let machine = machine::select(context, &plan.machine)?;
    let played = play::play(context, &*machine, plan)?;
    let mut complete = !played.runs.is_empty();
    for problem in &played.problems {
        eprintln!("{}: {}", problem.title, problem.text);
        complete = false;
    }
    for run in &played.runs {
        let parts = std::iter::once(&run.evidence).chain(&run.formats);
        for reason in parts.filter_map(|part| part.incomplete.as_ref()) {
            eprintln!("{} ended early: {reason}", run.file.name());
            complete = false;
        }
    }
    if all {
        let tally = faults::exhaust(context, &faults::all_scenarios(context)?, plan.seed, 0)?;
        complete &= tally.broken.is_empty();
        complete &= fuzz::some(context, HOSTILE, plan.seed)?;
    }
    Ok(complete)
}

/// The driver's instructions. Its own lines are those of sources that lie in this workspace.
fn map(context: &Context) -> Result<Map> {
    let package = context.layout.package();
    let root = context.layout.root();
    let own = |file: &str| {
        let inside = file.strip_prefix(SOURCES)?.replace('\\', "/");
        let inside = inside.trim_start_matches('/').to_owned();
        // What a build script generated is nobody's source.
        let source = !inside.starts_with("target/") && root.join(&inside).is_file();
        source.then_some(inside)
    };
    Map::read(
        &package.join(format!("{NAME}.sys")),
        &package.join(format!("{NAME}.pdb")),
        &own,
    )
}
