//! `cargo xtask build`: the driver, linked but not signed.

use std::process::ExitCode;

use anyhow::Result;
use waverig_kit::{Arch, BuildOptions, Built};

use super::package::{self, Driver};
use super::{Options, Verb};
use crate::context::Context;
use crate::fault;
use crate::setup;
use crate::stop::Usage;

pub(super) const VERB: Verb = Verb {
    name: "build",
    about: "Builds waverig.sys, without signing it.",
    options: "[--arch x64|arm64] [--out FOLDER] [--fault NAME]",
    run,
};

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
/// A fault that the driver does not have is wrong use; a host that lacks something and may not be changed, a compiler error.
pub(crate) fn build(context: &Context, arch: Arch, fault: Option<&str>) -> Result<Built> {
    build_of(context, &package::WAVERIG, arch, fault)
}

/// [`build`], with the switch for deliberate faults or without; it is off.
pub(crate) fn build_with_faults(context: &Context, arch: Arch, faults: bool) -> Result<Built> {
    compile(context, &package::WAVERIG, arch, faults)
}

/// [`build`] for another of the drivers.
pub(crate) fn build_of(
    context: &Context,
    driver: &Driver,
    arch: Arch,
    fault: Option<&str>,
) -> Result<Built> {
    let built = compile(context, driver, arch, fault.is_some())?;
    if let Some(name) = fault {
        fault::choose_in(&built.sys, name)?;
    }
    Ok(built)
}

fn compile(context: &Context, driver: &Driver, arch: Arch, faults: bool) -> Result<Built> {
    setup::driver(context, arch)?;
    let with = if faults {
        " with deliberate faults"
    } else {
        ""
    };
    let what = format!("{}.sys for {}{with}", driver.name, arch.name());
    let features = if faults {
        vec![fault::FEATURE.to_owned()]
    } else {
        Vec::new()
    };
    context.ui.step("build", &what, || {
        waverig_kit::build(
            &*context.exec,
            &kit_options(context, driver, arch, features),
        )
    })
}

/// Lints the drivers, which needs the same set-up as building it.
///
/// # Errors
/// A host that lacks something, a lint that is not kept.
pub(crate) fn lint(context: &Context) -> Result<()> {
    let arch = Arch::X64;
    setup::driver(context, arch)?;
    for driver in [&package::WAVERIG, &package::WAVECYC] {
        waverig_kit::lint(
            &*context.exec,
            &kit_options(context, driver, arch, Vec::new()),
        )?;
    }
    Ok(())
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

fn kit_options(
    context: &Context,
    driver: &Driver,
    arch: Arch,
    features: Vec<String>,
) -> BuildOptions {
    BuildOptions {
        workspace: context.workspace(),
        package: driver.name,
        arch,
        features,
        output: driver.linked(&context.layout, arch),
    }
}
