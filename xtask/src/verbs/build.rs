//! `cargo xtask build`: the driver, linked but not signed.

use std::process::ExitCode;

use anyhow::Result;
use waverig_kit::{Arch, BuildOptions, Built};

use super::{Options, Verb};
use crate::context::Context;
use crate::setup;
use crate::stop::Usage;

pub(super) const VERB: Verb = Verb {
    name: "build",
    about: "Builds waverig.sys, without signing it.",
    options: "[--arch x64|arm64] [--out FOLDER] [--fault NAME]",
    run,
};

/// The drivers with a deliberate fault that a test may ask for: Cargo features of the driver's package, whose images
/// carry [`FAULT_MARK`]. Packaging refuses them unless it is told the same name.
pub(crate) const FAULTS: &[&str] = &[
    "fault-drop-period",
    "fault-slip-frame",
    "fault-leak-pool",
    "fault-wild-write",
    "fault-panic",
    "fault-endless-loop",
    "fault-record-gather",
    "fault-record-late",
    "fault-record-stale",
    "fault-crossed-taps",
    "fault-trust-length",
    "fault-keep-reads",
    "fault-keep-closed",
    "fault-lose-race",
    "fault-late-cancel",
    "fault-share-outlives",
    "fault-keep-timer",
    "fault-forget-unwind",
    "fault-unchecked-mapping",
    "fault-run-through-pause",
    "fault-stop-pauses",
    "fault-open-always",
    "fault-copy-all",
    "fault-millisecond-clock",
    "fault-32-bit-clock",
    "fault-steer-jump",
    "fault-keep-rate",
    "fault-any-packet",
    "fault-packet-end",
    "fault-count-ticks",
    "fault-stale-lap",
];

/// The bytes that every image with a deliberate fault carries (`driver/src/fault.rs`).
pub(crate) const FAULT_MARK: &[u8] = b"WAVERIG-DELIBERATE-FAULT";

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    let built = build(context, arch(options)?, options.fault.as_deref())?;
    println!("{}", built.sys.display());
    println!("next: cargo xtask package{}", of_arch(arch(options)?));
    Ok(ExitCode::SUCCESS)
}

/// Sets the host up and builds the driver, with a deliberate fault if one is named.
///
/// # Errors
/// An unknown fault is wrong use; a host that lacks something and may not be changed, a compiler error.
pub(crate) fn build(context: &Context, arch: Arch, fault: Option<&str>) -> Result<Built> {
    let features = match fault {
        None => Vec::new(),
        Some(name) if FAULTS.contains(&name) => vec![name.to_owned()],
        Some(name) => {
            return Err(Usage(format!(
                "there is no fault {name:?}; there are {}",
                FAULTS.join(", ")
            ))
            .into());
        }
    };
    setup::driver(context, arch)?;
    let what = match fault {
        None => format!("waverig.sys for {}", arch.name()),
        Some(name) => format!(
            "waverig.sys for {} with the deliberate fault {name}",
            arch.name()
        ),
    };
    context.ui.step("build", &what, || {
        waverig_kit::build(&*context.exec, &kit_options(context, arch, features))
    })
}

/// Lints the driver, which needs the same set-up as building it.
///
/// # Errors
/// A host that lacks something, a lint that is not kept.
pub(crate) fn lint(context: &Context) -> Result<()> {
    let arch = Arch::X64;
    setup::driver(context, arch)?;
    waverig_kit::lint(&*context.exec, &kit_options(context, arch, Vec::new()))
}

/// The architecture that `--arch` names, x64 without one.
///
/// # Errors
/// Wrong use for a name that is none.
pub(super) fn arch(options: &Options) -> Result<Arch> {
    let Some(name) = options.arch.as_deref() else {
        return Ok(Arch::X64);
    };
    let found = Arch::ALL.into_iter().find(|arch| arch.name() == name);
    found.ok_or_else(|| {
        let names = Arch::ALL.map(Arch::name).join(", ");
        Usage(format!(
            "there is no architecture {name:?}; there are {names}"
        ))
        .into()
    })
}

/// The option that says so, for the next command.
fn of_arch(arch: Arch) -> String {
    match arch {
        Arch::X64 => String::new(),
        other => format!(" --arch {}", other.name()),
    }
}

fn kit_options(context: &Context, arch: Arch, features: Vec<String>) -> BuildOptions {
    BuildOptions {
        workspace: context.workspace(),
        arch,
        features,
        output: context.layout.linked(arch),
    }
}
