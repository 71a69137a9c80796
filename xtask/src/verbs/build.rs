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
    options: "[--out FOLDER] [--fault NAME]",
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
    "fault-trust-length",
];

/// The bytes that every image with a deliberate fault carries (`driver/src/fault.rs`).
pub(crate) const FAULT_MARK: &[u8] = b"WAVERIG-DELIBERATE-FAULT";

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    let built = build(context, options.fault.as_deref())?;
    println!("{}", built.sys.display());
    println!("next: cargo xtask package");
    Ok(ExitCode::SUCCESS)
}

/// Sets the host up and builds the driver, with a deliberate fault if one is named.
///
/// # Errors
/// An unknown fault is wrong use; a host that lacks something and may not be changed, a compiler error.
pub(crate) fn build(context: &Context, fault: Option<&str>) -> Result<Built> {
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
    setup::driver(context)?;
    let what = match fault {
        None => "waverig.sys for x64".to_owned(),
        Some(name) => format!("waverig.sys for x64 with the deliberate fault {name}"),
    };
    context.ui.step("build", &what, || {
        waverig_kit::build(&*context.exec, &options(context, features))
    })
}

/// Lints the driver, which needs the same set-up as building it.
///
/// # Errors
/// A host that lacks something, a lint that is not kept.
pub(crate) fn lint(context: &Context) -> Result<()> {
    setup::driver(context)?;
    waverig_kit::lint(&*context.exec, &options(context, Vec::new()))
}

fn options(context: &Context, features: Vec<String>) -> BuildOptions {
    BuildOptions {
        workspace: context.workspace(),
        arch: Arch::X64,
        features,
        output: context.layout.linked(),
    }
}
