//! `cargo xtask image …`: base images for guests.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use waverig_vm::setup::answer::{self, Choices, Edition};

use super::{Options, Verb};
use crate::context::Context;
#[cfg(target_os = "linux")]
use crate::guest;
use crate::image::{Kind, Manifest};
use crate::installation::{self, Wish};
use crate::machine;
use crate::stop::Usage;

pub(super) const BUILD: Verb = Verb {
    name: "image build",
    about: "Makes a base image that guests start from, of an installation medium: Windows, or with --linux the rig's own. FILE's ending says the format: .img, .qcow2 or .vhdx.",
    options: "[--iso FILE] [--image FILE] [--machine qemu|hyperv] [--linux] [--edition NAME] [--product-key KEY] [--language TAG] [--memory MIB] [--disk GIB] [--deadline SECONDS] [--accel auto|tcg] [--sabotage WHAT:STEP] [--out FOLDER]",
    run: build,
};

pub(super) const ANSWERS: Verb = Verb {
    name: "image answers",
    about: "Prints the answer file that a Windows is installed with, and does nothing.",
    options: "[--edition NAME] [--product-key KEY] [--language TAG]",
    run: answers,
};

#[cfg(target_os = "linux")]
pub(super) const MEDIUM: Verb = Verb {
    name: "image medium",
    about: "Makes an installation medium with the rig's Linux guest, which goes the way of Windows Setup: for trying image build --iso.",
    options: "[--iso FILE] [--out FOLDER]",
    run: medium,
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
    let medium = options.iso.as_ref().ok_or_else(|| {
        let text = "an image of what? --iso FILE is the medium that installs it; `cargo xtask image medium` makes one to try";
        Usage(text.into())
    })?;
    context.claim()?;
    context.trial = machine::trial(options)?;
    let here = if cfg!(windows) { "hyperv" } else { "qemu" };
    let machine = options.machine.as_deref().unwrap_or(here);
    let wish = Wish {
        medium,
        machine,
        system: if options.linux {
            Kind::Linux
        } else {
            Kind::Windows
        },
        choices: choices(options),
        memory_mib: options.memory,
        disk_gib: options.disk,
    };
    let manifest = installation::build(context, &wish, file, format)?;
    manifest.write(file)?;
    println!(
        "made: {}\nnext: cargo xtask vm-test --machine {machine} --image {}",
        file.display(),
        file.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// What the command line chooses of a Windows.
fn choices(options: &Options) -> Choices {
    let chosen = Choices::default();
    Choices {
        edition: options
            .edition
            .as_deref()
            .map_or(chosen.edition, Edition::from),
        product_key: options.product_key.clone(),
        language: options.language.clone().unwrap_or(chosen.language),
    }
}

fn answers(_: &mut Context, options: &Options) -> Result<ExitCode> {
    print!("{}", answer::file(&choices(options))?);
    Ok(ExitCode::SUCCESS)
}

#[cfg(target_os = "linux")]
fn medium(context: &mut Context, options: &Options) -> Result<ExitCode> {
    let file = options.iso.as_ref();
    let file = file.ok_or_else(|| Usage("to which file? --iso FILE says it".into()))?;
    context.claim()?;
    guest::medium(context, file)?;
    println!(
        "made: {0}\nnext: cargo xtask image build --iso {0} --linux --image base.vhdx",
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
