//! `cargo xtask test`: everything that must pass before a change lands: format, lints, tests, Miri, the chain.

use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};
use waverig_kit::{Invocation, Runner as _};

use super::{Options, Verb, build};
use crate::context::Context;
use crate::exec::Exec;
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
    // What only Windows compiles of the machines, of the agent and of the sender, for the target that Wine runs in the tests.
    #[cfg(target_os = "linux")]
    (
        "lints of what only Windows compiles",
        &[
            "clippy",
            "--package",
            "waverig-aes67",
            "--package",
            "waverig-agent",
            "--package",
            "waverig-setup",
            "--package",
            "waverig-vm",
            "--target",
            "x86_64-pc-windows-gnu",
            "--",
            "--deny",
            "warnings",
        ],
    ),
    ("tests", &["test", "--no-fail-fast"]),
];

/// Miri without what only unsafe code can break, which the engine forbids itself: two fifths of the time. The nightly workflow runs it with
/// everything.
const MIRI_FLAGS: &str = "-Zmiri-disable-stacked-borrows -Zmiri-disable-validation";

/// Runs beside the steps, since it keeps one processor busy and they seldom need all; what it says follows them.
const BESIDE: (&str, &[&str]) = (
    "engine under Miri",
    &["+nightly", "miri", "test", "--package", "waverig-engine"],
);

fn run(context: &mut Context, _: &Options) -> Result<ExitCode> {
    setup::tests(context)?;
    let (name, args) = BESIDE;
    let beside = cargo(context, args).env("MIRIFLAGS", MIRI_FLAGS);
    let line = beside.line();
    context.ui.say("test", &format!("{name}, beside: {line}"));
    let started = Instant::now();
    let exec = Exec::new()?;
    let other = thread::spawn(move || (exec.run(&beside), started.elapsed()));
    let mut failed = steps(context)?;
    let (output, time) = context.ui.step("test", &format!("{name}: the rest"), || {
        other
            .join()
            .map_err(|_| anyhow!("the thread of {name} panicked"))
    })?;
    let output = output.context("cannot start cargo")?;
    eprint!("{}{}", output.stdout, output.stderr);
    context
        .ui
        .say("", &format!("{name}: {:.1} s", time.as_secs_f32()));
    if !output.success() {
        failed.push(format!("{name}; again: {line}"));
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
    let steps = STEPS.len() + 2;
    println!("{} passed, {} failed", steps - failed.len(), failed.len());
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(stop::FAILED)
    })
}

/// Cargo in the workspace.
fn cargo(context: &Context, args: &[&str]) -> Invocation {
    Invocation::new("cargo")
        .args(args.iter().copied())
        .cwd(context.layout.root())
}

/// Runs every step; gives those that failed, and how to run them again.
fn steps(context: &Context) -> Result<Vec<String>> {
    let mut failed = Vec::new();
    for (name, args) in STEPS {
        let command = cargo(context, args).inherit();
        let line = command.line();
        let passed = context.ui.step("test", &format!("{name}: {line}"), || {
            let output = context.exec.run(&command).context("cannot start cargo")?;
            Ok(output.success())
        })?;
        if !passed {
            failed.push(format!("{name}; again: {line}"));
        }
    }
    Ok(failed)
}
