//! `cargo xtask ci`: everything a CI job runs: build, sign, package, test machine, verdicts.

use std::process::ExitCode;

use anyhow::Result;

use super::vm_test::{self, Faults};
use super::{Options, Verb, package};
use crate::context::Context;
use crate::machine;
use crate::play::Plan;

pub(super) const VERB: Verb = Verb {
    name: "ci",
    about: "From source to verdict: builds, signs, packages, plays on a test machine, judges.",
    options: "[--machine auto|sim|qemu|hyperv|runner] [--filter NAME] [--seed N] [--out FOLDER] [--goldens FOLDER] [--deadline SECONDS] [--accel auto|tcg] [--image FILE] [--verifier] [--disposable]",
    run,
};

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    context.trial = machine::trial(options)?;
    // A wrong name is told before minutes are spent on a build.
    let plan = Plan::new(context, options)?;
    package::make(context, None)?;
    let faults = if options.filter.is_none() {
        Faults::Once
    } else {
        Faults::None
    };
    vm_test::test(context, &plan, &faults)
}
