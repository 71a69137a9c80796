//! `cargo xtask bless`: shows how this run differs from the goldens, then makes it the golden.

use std::process::ExitCode;

use anyhow::{Result, bail};
use waverig_ci::golden;

use super::{Options, Verb, package};
use crate::context::Context;
use crate::machine;
use crate::play::{self, Plan};

pub(super) const VERB: Verb = Verb {
    name: "bless",
    about: "Shows how a run differs from the goldens, then makes it the golden, if all else about it is right.",
    options: "[--filter NAME] [--seed N] [--out FOLDER] [--goldens FOLDER]",
    run,
};

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    let plan = Plan::new(context, options)?;
    package::make(context, None)?;
    let played = play::play(context, &*machine::select(context, &plan.machine)?, &plan)?;
    if let Some(problem) = played.problems.first() {
        bail!("{}: {}", problem.title, problem.text);
    }
    let mut refused = 0;
    for run in &played.runs {
        let blessing = if run.file.sweep.is_some() {
            golden::bless_sweep(&plan.goldens, &run.file, &run.formats, &played.run)
        } else {
            golden::bless(&plan.goldens, &run.file, &run.evidence, &played.run)
        };
        match blessing {
            Ok(blessing) if blessing.differences.is_empty() => {
                println!("{}: as it was", run.file.name());
            }
            Ok(blessing) => {
                println!("{}:", run.file.name());
                for difference in &blessing.differences {
                    println!("  {difference}");
                }
                blessing.write()?;
            }
            Err(error) => {
                refused += 1;
                println!("{error}");
            }
        }
    }
    if refused > 0 {
        bail!("{refused} of {} runs were not blessed", played.runs.len());
    }
    println!("next: git diff ci/golden, then cargo xtask vm-test");
    Ok(ExitCode::SUCCESS)
}
