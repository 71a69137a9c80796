//! `cargo xtask test`: everything that must pass before a change lands: format, lints, tests, Miri, the chain.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use waverig_kit::Invocation;

use super::{Options, Verb, build};
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
        let line = command.line();
        let passed = context.ui.step("test", &format!("{name}: {line}"), || {
            let output = context.exec.run(&command).context("cannot start cargo")?;
            Ok(output.success())
        })?;
        if !passed {
            failed.push(format!("{name}; again: {line}"));
        }
    }
    // The driver is no default member: it is compiled for Windows only, through the kit.
    if let Err(error) = context
        .ui
        .step("test", "lints of the driver", || build::lint(context))
    {
        failed.push(format!("lints of the driver: {error:#}"));
    }
    for what in &failed {
        println!("failed: {what}");
    }
    // One line that says how many of the steps above there were, in the form that test runners' readers know.
    let steps = STEPS.len() + 1;
    println!("{} passed, {} failed", steps - failed.len(), failed.len());
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(stop::FAILED)
    })
}
