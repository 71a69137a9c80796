//! `cargo xtask installer`: the signed program that installs, updates, lists and removes the device.

use std::process::ExitCode;

use anyhow::Result;

use super::{Options, Verb, package};
use crate::context::Context;
use crate::{installer, signer};

pub(super) const VERB: Verb = Verb {
    name: "installer",
    about: "Packs the signed package into one signed program for people: docs/installer.md.",
    options: "[--stub FILE] [--signer FILE] [--out FOLDER]",
    run,
};

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    package::ensure(context)?;
    let stub = match &options.stub {
        Some(stub) => stub.clone(),
        None => installer::programs(context)?.setup,
    };
    let layout = &context.layout;
    let to = layout.rig().join("installer");
    let signer = signer::load(context, options.signer.as_deref())?;
    let file = installer::make(context, &stub, &layout.package(), &to, &signer)?;
    println!("{}", file.display());
    println!("next: on a Windows test machine, waverig-setup install");
    Ok(ExitCode::SUCCESS)
}
