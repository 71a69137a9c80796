//! `cargo xtask sabotage`: guests that hang, crash, babble and vanish, to show that the rig comes to a verdict every time, with evidence,
//! in time, and leaves nothing behind.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use waverig_protocol::Reply;
use waverig_protocol::device::Device;
use waverig_protocol::scenario::Scenario;
use waverig_vm::qemu::{Config, Qemu};
use waverig_vm::run::{Ending, Job, run as play};

use super::{Options, Verb, package};
use crate::context::Context;
use crate::play::Plan;
use crate::spread::spread;
use crate::stop::Usage;
use crate::{layout, machine, signer, stop};

pub(super) const VERB: Verb = Verb {
    name: "sabotage",
    about: "Guests under QEMU that hang, crash, babble and vanish: shows that each ends in time, in the right words, with evidence, and leaves nothing.",
    options: "[--filter WHAT|STEP|WHAT:STEP,…] [--accel auto|tcg] [--deadline SECONDS] [--out FOLDER]",
    run,
};

/// How many deadlines of a step a guest has to come up: in a boot loop it is seen to start four times.
const BOOTS: u32 = 4;
/// How long a step may take here; a healthy guest's longest takes a fraction of it.
const DEADLINE: Duration = Duration::from_secs(30);
/// What a host may need beyond the deadline to collect evidence and end QEMU.
const COLLECT: Duration = Duration::from_secs(20);
/// Seconds of audio are enough to hang in.
const SCENARIO: &str = "sine-16bit-event";

/// One way to go wrong.
struct Case {
    /// As `user/agent/src/sabotage.rs` knows it.
    what: &'static str,
    at: &'static str,
    /// The step in which the run must break; empty when it must not.
    step: &'static str,
    /// What the reason must say; of a run that must not break, what the machine must have told, when it must.
    says: &'static str,
    /// Files that must be there.
    evidence: &'static [&'static str],
}

const SILENT: &str = "gave no answer within";
const LIVING: &[&str] = &[
    "serial.log",
    "registers.txt",
    "screen.png",
    "result/boots.txt",
];
const GONE: &[&str] = &["serial.log", "result/boots.txt"];

const fn case(
    what: &'static str,
    at: &'static str,
    step: &'static str,
    says: &'static str,
    evidence: &'static [&'static str],
) -> Case {
    Case {
        what,
        at,
        step,
        says,
        evidence,
    }
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    case("hang", "boot", "boot", "was not up within", LIVING),
    case("hang", "hello", "boot", SILENT, LIVING),
    case("hang", "trust", "trust", SILENT, LIVING),
    case("hang", "stage", "stage", SILENT, LIVING),
    case("hang", "install", "install", SILENT, LIVING),
    case("hang", "run", "run", SILENT, LIVING),
    case("hang", "remove", "remove", SILENT, LIVING),
    case("hang", "shutdown", "shutdown", SILENT, LIVING),
    case("crash", "boot", "boot", "the guest crashed", LIVING),
    case("crash", "run", "run", "the guest crashed", LIVING),
    case("restart", "boot", "boot", "a boot loop", LIVING),
    case("restart", "run", "run", "started anew by itself", LIVING),
    case("die", "install", "install", "the agent on Linux", LIVING),
    case("power-off", "boot", "boot", "the guest ended by itself", GONE),
    case("power-off", "run", "run", "the guest ended by itself", GONE),
    case("truncate", "run", "run", SILENT, LIVING),
    case("garble", "run", "run", "damaged frame", LIVING),
    case("noise", "install", "", "", &[]),
    case("fill", "trust", "", "the result disk takes no more", &[]),
];

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    context.trial = machine::trial(options)?;
    let deadline = *context.trial.deadline.get_or_insert(DEADLINE);
    let wanted: Option<Vec<&str>> = options
        .filter
        .as_ref()
        .map(|names| names.split(',').collect());
    let chosen: Vec<&Case> = CASES
        .iter()
        .filter(|case| {
            let whole = format!("{}:{}", case.what, case.at);
            wanted.as_ref().is_none_or(|names| {
                [case.what, case.at, &whole]
                    .iter()
                    .any(|name| names.contains(name))
            })
        })
        .collect();
    if chosen.is_empty() {
        let all: Vec<_> = CASES
            .iter()
            .map(|case| format!("{}:{}", case.what, case.at))
            .collect();
        return Err(Usage(format!(
            "there is no such sabotage; there are {}",
            all.join(", ")
        ))
        .into());
    }
    let plan = Plan::new(
        context,
        &Options {
            filter: Some(SCENARIO.into()),
            ..Options::default()
        },
    )?;
    let scenarios: Vec<Scenario> = plan
        .files
        .iter()
        .map(|file| file.scenario.clone())
        .collect();
    package::ensure(context)?;
    let certificate = signer::load(context, None)?.certificate().der().to_vec();
    let (folder, device) = (context.layout.package(), Device::default());
    let job = Job {
        scenarios: &scenarios,
        ..package::job(&folder, &certificate, &device, deadline)
    };
    let config = machine::qemu::config(context)?;
    let runs = context.layout.rig().join("sabotage");
    layout::fresh(&runs)?;
    context
        .ui
        .say("sabotage", &format!("{} ways to go wrong", chosen.len()));
    let rows = spread(&chosen, |_, case| {
        let name = format!("{}-{}", case.what, case.at);
        let row = one(case, &config, &job, &runs.join(&name));
        context
            .ui
            .say("", &format!("{name} in {:.1} s", row.seconds));
        row
    });
    println!("| sabotage | at | ended | seconds | as it must |\n|---|---|---|---|---|");
    let mut wrong = 0;
    for (case, row) in chosen.iter().zip(&rows) {
        wrong += usize::from(!row.wrong.is_empty());
        let verdict = if row.wrong.is_empty() {
            "yes".into()
        } else {
            format!("NO: {}", row.wrong.join("; "))
        };
        println!(
            "| {} | {} | {} | {:.1} | {verdict} |",
            case.what, case.at, row.ended, row.seconds
        );
    }
    println!(
        "{} of {} ended as they must; evidence: {}",
        rows.len() - wrong,
        rows.len(),
        runs.display()
    );
    Ok(if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(stop::FAILED)
    })
}

/// How one went.
struct Row {
    ended: String,
    seconds: f32,
    /// What is not as it must be.
    wrong: Vec<String>,
}

fn one(case: &Case, config: &Config, job: &Job<'_>, folder: &Path) -> Row {
    let mut wrong = Vec::new();
    let machines = folder.join("machines");
    let config = Config {
        sabotage: Some((case.what.into(), case.at.into())),
        machines: machines.clone(),
        logs: folder.join("guests"),
        boot: BOOTS * job.deadline,
        ..config.clone()
    };
    let evidence = folder.join("evidence");
    let mut told = Vec::new();
    let started = Instant::now();
    let ending = layout::make(&evidence)
        .and_then(|()| Ok(Qemu::new(config)?))
        .and_then(|machine| {
            Ok(play(&machine, job, &evidence, &mut |_, reply, _| {
                if let Reply::Log { line } = reply {
                    told.push(line);
                }
            })?)
        });
    let elapsed = started.elapsed();
    let (step, reason) = match ending {
        Ok(Ending::Complete) => ("", told.join("; ")),
        Ok(Ending::Broken { step, reason, .. }) => (step, reason),
        Err(error) => ("nothing", format!("{error:#}")),
    };
    if step != case.step || !reason.contains(case.says) {
        wrong.push(format!(
            "it must end at {:?} and say {:?}, not at {step:?}: {reason}",
            case.step, case.says
        ));
    }
    for file in case.evidence {
        if !evidence.join(file).is_file() {
            wrong.push(format!("there is no {file}"));
        }
    }
    // The step has its own deadline; a healthy guest needs a fraction of one for all that come before it.
    let most = (BOOTS + 1) * job.deadline + COLLECT;
    if elapsed > most {
        wrong.push(format!("it took more than {} s", most.as_secs()));
    }
    match fs::read_dir(&machines).map(Iterator::count) {
        Ok(0) => {}
        Ok(_) => wrong.push(format!("something is left in {}", machines.display())),
        Err(error) => wrong.push(format!("{}: {error}", machines.display())),
    }
    if let Some(left) = working_in(&machines) {
        wrong.push(format!("process {left} is left"));
    }
    let short = reason
        .split(": the guest last said")
        .next()
        .unwrap_or_default();
    Row {
        ended: if step.is_empty() {
            "complete".into()
        } else {
            format!("at {step}: {short}")
        },
        seconds: elapsed.as_secs_f32(),
        wrong,
    }
}

/// A process that works in a machine's folder: QEMU does.
fn working_in(machines: &Path) -> Option<String> {
    let machines = machines.canonicalize().ok()?;
    let mut processes = fs::read_dir("/proc").ok()?.flatten();
    processes
        .find(|process| {
            fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&machines))
        })
        .map(|process| process.file_name().to_string_lossy().into_owned())
}
