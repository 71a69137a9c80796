//! `cargo xtask image build` and `cargo xtask image verify`: base images for guests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use waverig_kit::Invocation;
use waverig_vm::qemu::LINUX;

use super::{Options, Verb};
use crate::context::Context;
use crate::image::{self, Kind, Manifest};
use crate::stop::Usage;
use crate::{guest, setup};

pub(super) const BUILD: Verb = Verb {
    name: "image build",
    about: "Makes a base image that guests start from: --linux has the agent and is for trying the rig. FILE's ending says the format: .img, .qcow2 or .vhdx.",
    options: "[--linux] [--image FILE] [--out FOLDER]",
    run: build,
};

pub(super) const VERIFY: Verb = Verb {
    name: "image verify",
    about: "Says whether a base image is still the one that was made, and what went into it.",
    options: "[--image FILE]",
    run: verify,
};

/// The file that `--image` names.
fn named(options: &Options) -> Result<&PathBuf> {
    let file = options.image.as_ref();
    Ok(file.ok_or_else(|| Usage("which image? --image FILE says it".into()))?)
}

/// The format that a file's ending stands for, as QEMU calls it.
fn format(file: &Path) -> Result<&'static str> {
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("img" | "raw") => Ok("raw"),
        Some("qcow2") => Ok("qcow2"),
        Some("vhdx") => Ok("vhdx"),
        _ => Err(Usage(format!(
            "{} ends in neither .img, .qcow2 nor .vhdx",
            file.display()
        ))
        .into()),
    }
}

fn build(context: &mut Context, options: &Options) -> Result<ExitCode> {
    let file = named(options)?;
    let format = format(file)?;
    if !options.linux {
        let text = "an image of what? --linux makes one with the rig's own Linux guest";
        return Err(Usage(text.into()).into());
    }
    context.claim()?;
    setup::images(context)?;
    let raw = context.layout.rig().join("base.img");
    let inputs = guest::image(context, &raw)?;
    let convert = Invocation::new("qemu-img")
        .args(["convert", "-f", "raw", "-O", format])
        .args([raw.as_os_str(), file.as_os_str()]);
    let converted = context.ui.step("image", &file.display().to_string(), || {
        context
            .exec
            .run(&convert)
            .context("qemu-img cannot be started")
    })?;
    if !converted.success() {
        bail!("`{}` fails: {}", convert.line(), converted.stderr.trim());
    }
    fs::remove_file(&raw).with_context(|| format!("cannot remove {}", raw.display()))?;
    let (memory_mib, processors) = LINUX;
    let manifest = Manifest {
        system: Kind::Linux,
        memory_mib,
        processors,
        sha256: image::sha256(file)?,
        inputs: inputs.lines().map(str::to_owned).collect(),
    };
    manifest.write(file)?;
    println!(
        "made: {}\nnext: cargo xtask vm-test --machine qemu --image {}",
        file.display(),
        file.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn verify(context: &mut Context, options: &Options) -> Result<ExitCode> {
    let file = named(options)?;
    let manifest = Manifest::of(file)?;
    context
        .ui
        .step("image", "its hash", || manifest.verify(file))?;
    println!("{} is what was made, of:", file.display());
    for input in &manifest.inputs {
        println!("  {input}");
    }
    Ok(ExitCode::SUCCESS)
}
