//! `cargo xtask debug`: a machine that somebody can look at: the simulator waits for gdb before DriverEntry, a guest stays up after its
//! session.

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use waverig_kit::SOURCES;
use waverig_sim::debugger::{self, SCRIPT, SYMBOLS};

use super::package::NAME;
use super::{Options, Verb, package, vm_test};
use crate::context::Context;
use crate::play::{self, Plan};
use crate::stop::Usage;
use crate::{hold, interrupt, layout, machine, setup, stop};

pub(super) const VERB: Verb = Verb {
    name: "debug",
    about: "Plays one scenario on a machine to look at: the simulator waits for gdb before DriverEntry, a guest stays up afterwards with its console; says how to attach.",
    options: "[--machine sim|qemu|hyperv] [--filter SCENARIO] [--seed N] [--out FOLDER] [--deadline SECONDS] [--accel auto|tcg] [--sabotage WHAT:STEP] [--image FILE] [--transcript FILE]",
    run,
};

/// How often the waiting machine is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// Of a guest whose session ended well.
const JUDGED: &str = "the verdict is above";
/// Somebody thinks while the machine stands.
const DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    context.trial = machine::trial(options)?;
    let mut plan = Plan::new(context, options)?;
    if options.filter.is_some() && plan.files.len() != 1 {
        let names: Vec<&str> = plan.files.iter().map(|file| file.name()).collect();
        let text = format!("one scenario is played; there are {}", names.join(", "));
        return Err(Usage(text).into());
    }
    plan.files.truncate(1);
    let Some(file) = plan.files.first() else {
        bail!("there is no scenario");
    };
    if !context.layout.package().is_dir() {
        package::make(context, None)?;
    }
    #[cfg(target_os = "linux")]
    if plan.machine == "qemu" {
        return guest(context, &plan);
    }
    if plan.machine == "hyperv" {
        interrupt::on_signal();
        let hyperv = machine::hyperv::machine(context, Some(hold::hyperv()))?;
        let code = vm_test::on(context, &hyperv, &plan, &vm_test::Faults::None)?;
        hyperv.hold(JUDGED);
        return Ok(code);
    }
    setup::debug(context)?;
    let folder = context.layout.rig().join("debug");
    layout::fresh(&folder)?;
    context
        .ui
        .step("debug", "symbols for gdb, by the driver's PDB", || {
            symbols(context, &folder.join(SYMBOLS))
        })?;
    context.debugger = Some(folder.clone());
    let machine = machine::select(context, &plan.machine)?;
    let over = AtomicBool::new(false);
    let played = thread::scope(|scope| {
        scope.spawn(|| tell(&folder, &over));
        let played = play::one_scenario(context, &*machine, file, plan.seed, DEADLINE);
        over.store(true, Ordering::Relaxed);
        played
    })?;
    let evidence = &played.evidence;
    if let Some(fault) = &evidence.fault {
        println!("{}", fault.head());
    }
    Ok(match &evidence.incomplete {
        None => {
            println!("{} was played to its end", file.name());
            ExitCode::SUCCESS
        }
        Some(reason) => {
            println!("{} ended early: {reason}", file.name());
            ExitCode::from(stop::FAILED)
        }
    })
}

/// Plays in a guest, judges, and leaves the guest up.
#[cfg(target_os = "linux")]
fn guest(context: &Context, plan: &Plan) -> Result<ExitCode> {
    setup::look(context)?;
    let config = machine::qemu::config(context)?;
    let key = config.network.then(hold::key).transpose()?;
    let config = waverig_vm::qemu::Config {
        hold: Some(hold::qemu(key)),
        ..config
    };
    let qemu = waverig_vm::qemu::Qemu::new(config)?;
    let code = vm_test::on(context, &qemu, plan, &vm_test::Faults::None)?;
    qemu.hold(JUDGED);
    Ok(code)
}

/// Says how to attach, once the machine waits.
fn tell(folder: &Path, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        if let Some(process) = debugger::process(folder) {
            println!(
                "the machine waits before DriverEntry; in another terminal, from this folder:\n  gdb -p {process} -x {}\n\
                 then for example:\n  break driver/src/entry.rs:28\n  break waverig_sim::report::end\n  continue\n  backtrace",
                folder.join(SCRIPT).display()
            );
            return;
        }
        thread::sleep(LOOK);
    }
}

fn symbols(context: &Context, to: &Path) -> Result<()> {
    let package = context.layout.package();
    let name = |file: &str| match file.strip_prefix(SOURCES) {
        Some(inside) => inside.replace('\\', "/").trim_start_matches('/').to_owned(),
        None => file.replace('\\', "/"),
    };
    debugger::write_symbols(
        &package.join(format!("{NAME}.sys")),
        &package.join(format!("{NAME}.pdb")),
        context.layout.root(),
        &name,
        to,
    )
}
