//! `cargo xtask vm-test`: plays the scenarios on a test machine and judges what came out.

use std::env;
use std::process::ExitCode;

use anyhow::Result;
use waverig_ci::report::{self, RunReport};
use waverig_ci::{Verdict, golden, judge, sweep};
use waverig_vm::Machine;

use super::{Options, Verb, faults, interleave, package};
use crate::context::Context;
use crate::machine;
use crate::play::{self, Plan, Played};
use crate::stop;

pub(super) const VERB: Verb = Verb {
    name: "vm-test",
    about: "Plays the scenarios on a test machine with the package that is there, and judges what comes out.",
    options: "[--machine auto|sim|qemu|hyperv|runner] [--filter NAME] [--seed N] [--out FOLDER] [--goldens FOLDER] [--deadline SECONDS] [--accel auto|tcg] [--restart] [--verifier] [--sabotage WHAT:STEP] [--dump FILE] [--image FILE] [--transcript FILE] [--disposable]",
    run,
};

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    context.trial = machine::trial(options)?;
    let plan = Plan::new(context, options)?;
    package::ensure(context)?;
    test(context, &plan, &Faults::None)
}

/// Whether services are to fail, too, and processors to be interleaved.
pub(crate) enum Faults {
    None,
    /// Each of those of the scenarios for that once, and some interleavings.
    Once,
}

/// Plays, judges, reports.
///
/// # Errors
/// When the package or the folder for evidence cannot be used; whatever the machine does is a verdict, not an error.
pub(crate) fn test(context: &Context, plan: &Plan, faults: &Faults) -> Result<ExitCode> {
    let machine = machine::select(context, &plan.machine)?;
    on(context, &*machine, plan, faults)
}

/// The same on this machine.
///
/// # Errors
/// As [`test`].
pub(super) fn on(
    context: &Context,
    machine: &dyn Machine,
    plan: &Plan,
    faults: &Faults,
) -> Result<ExitCode> {
    let verdict = run_on(context, machine, plan, faults)?;
    if verdict == Verdict::Passed {
        println!("next: cargo xtask test, before a change lands");
    }
    // Only what was shown to be right is green.
    Ok(match verdict {
        Verdict::Passed => ExitCode::SUCCESS,
        Verdict::Inconclusive => ExitCode::from(stop::INCONCLUSIVE),
        Verdict::NotProven | Verdict::Failed => ExitCode::from(stop::FAILED),
    })
}

/// Plays, judges, reports; gives what it came to.
///
/// # Errors
/// As [`test`].
pub(crate) fn run_on(
    context: &Context,
    machine: &dyn Machine,
    plan: &Plan,
    faults: &Faults,
) -> Result<Verdict> {
    let played = play::play(context, machine, plan)?;
    let mut report = judged(plan, played);
    // A driver that cannot be played on would only break the same rules again and again.
    if matches!(faults, Faults::Once) && report.verdict() == Verdict::Passed {
        let files = faults::all_scenarios(context)?;
        report.faults = Some(faults::exhaust(context, &files, plan.seed, 0)?);
        report.interleaved = Some(interleave::some(context)?);
    }
    report::write_run(context.layout.rig(), &report)?;
    print!("{}", report::terminal(&report, context.ui.colour()));
    // Set by GitHub's runners, always to "true" ("Default environment variables").
    if env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        print!("{}", report::annotations(&report));
    }
    let rig = context.layout.rig();
    for file in ["report.html", "summary.md"] {
        println!("written: {}", rig.join(file).display());
    }
    Ok(report.verdict())
}

/// Judges each scenario and writes its files.
fn judged(plan: &Plan, played: Played) -> RunReport {
    let mut report = RunReport {
        run: played.run,
        scenarios: Vec::new(),
        problems: played.problems,
        faults: None,
        interleaved: None,
        durations: Vec::new(),
    };
    for run in played.runs {
        let (verdict, written) = if run.file.sweep.is_some() {
            let golden = golden::load_sweep(&plan.goldens, &run.file);
            let (golden, machine, parts) = (golden.as_ref(), &run.evidence, &run.formats);
            let verdict = sweep::judge(&run.file, machine, parts, golden, &report.run);
            let written = report::write_sweep(&run.folder, &run.file, parts, &verdict);
            (verdict, written)
        } else {
            let golden = golden::load(&plan.goldens, &run.file);
            let verdict = judge(&run.file, &run.evidence, golden.as_ref(), &report.run);
            let written = report::write_scenario(&run.folder, &run.file, &run.evidence, &verdict);
            (verdict, written)
        };
        if let Err(error) = written {
            report.problems.push(report::Problem {
                title: format!("the evidence of {} is not whole", run.file.name()),
                text: error.to_string(),
                shown: String::new(),
            });
        }
        report.scenarios.push(verdict);
        report.durations.push(run.duration);
    }
    report
}
