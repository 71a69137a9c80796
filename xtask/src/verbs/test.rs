//! `cargo xtask test`: everything that must pass before a change lands: format, lints, tests, Miri, the chain.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use waverig_kit::Invocation;

use super::{Options, Verb};
use crate::context::Context;
use crate::{setup, stop};

pub(super) const VERB: Verb = Verb {
    name: "test",
    about: "Sets the host up, then: format, lints, unit, property and end-to-end tests, Miri. What CI runs.",
    options: "",
    run,
};

/// What is run, each in the workspace; all of them, even when one fails, so that one run tells everything.
const STEPS: &[(&str, &[&str])] = &[
    ("format", &["fmt", "--all", "--check"]),
    (
        "lints",
        &["clippy", "--all-targets", "--", "--deny", "warnings"],
    ),
    ("tests", &["test", "--no-fail-fast"]),
    (
        "engine under Miri",
        &["+nightly", "miri", "test", "--package", "waverig-engine"],
    ),
];

fn run(context: &mut Context, _: &Options) -> Result<ExitCode> {
    setup::tests(context)?;
    let mut failed = Vec::new();
    for (name, args) in STEPS {
        let command = Invocation::new("cargo")
            .args(args.iter().copied())
            .cwd(context.layout.root())
            .inherit();
        let passed = context
            .ui
            .step("test", &format!("{name}: {}", command.line()), || {
                let output = context.exec.run(&command).context("cannot start cargo")?;
                Ok(output.success())
            })?;
        if !passed {
            context.ui.say("test", &format!("{name}: FAILED"));
            failed.push((*name, command.line()));
        }
    }
    for (name, line) in &failed {
        println!("failed: {name}; again: {line}");
    }
    // One line that says how many of the steps above there were, in the form that test runners' readers know.
    println!(
        "{} passed, {} failed",
        STEPS.len() - failed.len(),
        failed.len()
    );
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(stop::FAILED)
    })
}
