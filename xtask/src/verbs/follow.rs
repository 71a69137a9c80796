//! `cargo xtask follow`: the way of one frame through a scenario, from the client that plays it to the tap's client.

use std::process::ExitCode;

use anyhow::{Result, bail};
use waverig_ci::follow;

use super::{Options, Verb, package};
use crate::context::Context;
use crate::machine;
use crate::play::{self, Plan};
use crate::stop::{self, Usage};

pub(super) const VERB: Verb = Verb {
    name: "follow",
    about: "Plays one scenario and tells the way of one frame: written, its turn, taken, notified, handed to the tap.",
    options: "[--filter NAME] [--frame N] [--machine auto|sim] [--seed N] [--out FOLDER]",
    run,
};

/// What is followed when the command line does not say.
const SCENARIO: &str = "counter-24bit-event";
const FRAME: u64 = 5_000;

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    let filter = options.filter.clone().or_else(|| Some(SCENARIO.into()));
    let plan = Plan::new(
        context,
        &Options {
            filter,
            machine: options.machine.clone(),
            seed: options.seed,
            ..Options::default()
        },
    )?;
    let [file] = &plan.files[..] else {
        let names: Vec<_> = plan.files.iter().map(|file| file.name()).collect();
        return Err(Usage(format!(
            "one scenario can be followed at a time; name one of {}",
            names.join(", ")
        ))
        .into());
    };
    package::ensure(context)?;
    let machine = machine::select(context, &plan.machine)?;
    let played = play::play(context, &*machine, &plan)?;
    if let Some(problem) = played.problems.first() {
        bail!("{}: {}", problem.title, problem.text);
    }
    let Some(run) = played.runs.first() else {
        bail!(
            "nothing was played; cargo xtask vm-test --filter {} says why",
            file.name()
        );
    };
    let frame = options.frame.unwrap_or(FRAME);
    match follow(&run.evidence, &file.scenario, frame) {
        Ok(text) => {
            print!("{}: {text}", file.name());
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            eprintln!("{}: {reason}", file.name());
            Ok(ExitCode::from(stop::FAILED))
        }
    }
}
