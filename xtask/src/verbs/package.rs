//! `cargo xtask package`: the signed driver package: .sys, .inf, .cat, .pdb.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Error, Result};
use serde::Deserialize;
use waverig_package::cert::Signer;
use waverig_package::inf::DriverVersion;
use waverig_package::package::{Inputs, Package, Unsigned};
use waverig_package::{Arch, Date, OsBuild, package, pe};
use waverig_protocol::device::Device;
use waverig_vm::run::Job;

use super::build;
use super::{Options, Verb};
use crate::context::Context;
use crate::fault;
use crate::layout::{self, Layout};
use crate::signer;

pub(super) const VERB: Verb = Verb {
    name: "package",
    about: "Builds, signs and packages the driver: .sys, .inf, .cat, .pdb.",
    options: "[--arch x64|arm64] [--out FOLDER] [--fault NAME] [--signer FILE]",
    run,
};

/// Name of the package's files.
pub(crate) const NAME: &str = WAVERIG.name;

/// A driver of this workspace, and how it is packaged.
pub(crate) struct Driver {
    /// Its Cargo package, and the name of the package's files.
    pub(crate) name: &'static str,
    /// Where its manifest and its INF before stamping lie, in the workspace.
    folder: &'static str,
    /// Name of the INF in the package.
    pub(crate) inf: &'static str,
    /// Hardware id of the root-enumerated device.
    pub(crate) hardware_id: &'static str,
}

/// The product.
pub(crate) const WAVERIG: Driver = Driver {
    name: "waverig",
    folder: "driver",
    inf: "waverig.inf",
    hardware_id: r"Root\waverig",
};

/// The WaveCyclic driver that it is compared with.
pub(crate) const WAVECYC: Driver = Driver {
    name: "wavecyc",
    folder: "driver/cyclic",
    inf: "wavecyc.inf",
    hardware_id: r"Root\wavecyc",
};

impl Driver {
    /// The folder of its signed package. What is not the product lies apart.
    pub(crate) fn package(&self, layout: &Layout) -> PathBuf {
        match self.name {
            NAME => layout.package(),
            name => layout.rig().join(name).join("package"),
        }
    }

    /// The folder of what the linker makes of it.
    pub(crate) fn linked(&self, layout: &Layout, arch: waverig_kit::Arch) -> PathBuf {
        match self.name {
            NAME => layout.linked(arch),
            name => layout.rig().join(name).join("linked"),
        }
    }

    /// The INF before stamping.
    fn inx(&self, layout: &Layout) -> PathBuf {
        let folder = layout.root().join(self.folder);
        folder.join(self.name).with_extension("inx")
    }
}

/// Windows 10 2004: the first to export ExAllocatePool2, which wdk-alloc calls.
const MIN_BUILD: OsBuild = OsBuild(19041);

/// The part of the driver's Cargo.toml that the INF needs.
#[derive(Deserialize)]
struct DriverManifest {
    package: DriverPackage,
}

#[derive(Deserialize)]
struct DriverPackage {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    inf: InfMetadata,
}

/// `[package.metadata.inf]`: what `DriverVer` says. In a file, because the same commit must give the same bytes.
#[derive(Deserialize)]
struct InfMetadata {
    date: String,
    version: String,
}

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    let arch = build::arch(options)?;
    let signer = options.signer.as_deref();
    let package = make_for(context, arch, options.fault.as_deref(), signer)?;
    for file in &package.files {
        println!(
            "{}  {}",
            file.sha256,
            package.dir.join(&file.name).display()
        );
    }
    match arch {
        waverig_kit::Arch::X64 => println!("next: cargo xtask vm-test"),
        other => println!(
            "checked, but executed nowhere yet: no test machine here runs {}",
            other.name()
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// The architecture as packages call it.
fn in_package(arch: waverig_kit::Arch) -> Arch {
    match arch {
        waverig_kit::Arch::Arm64 => Arch::Arm64,
        _ => Arch::Amd64,
    }
}

/// Builds the driver for the machines that tests run on and makes the package.
///
/// # Errors
/// What the build says; an image or INF that breaks a rule, with the rule.
pub(crate) fn make(context: &Context, fault: Option<&str>) -> Result<Package> {
    make_for(context, waverig_kit::Arch::X64, fault, None)
}

/// [`make`] for another of the drivers, always anew.
///
/// # Errors
/// Those of [`make`].
pub(crate) fn make_of(context: &Context, driver: &Driver, fault: Option<&str>) -> Result<Package> {
    let arch = waverig_kit::Arch::X64;
    let built = build::build_of(context, driver, arch, fault)?;
    let what = format!("{}, {}.cat", driver.inf, driver.name);
    context.ui.step("package", &what, || {
        let parts = Parts {
            driver,
            image: &read(&built.sys)?,
            pdb: &read(&built.pdb)?,
            inx: &read(&driver.inx(&context.layout))?,
            arch,
            faulty: fault.is_some(),
        };
        let folder = driver.package(&context.layout);
        let signer = signer::load(context, None)?;
        write(&context.layout, &folder, &parts, &signer)
    })
}

/// [`make`] for an architecture; others than x64 are packaged in a folder of their own.
fn make_for(
    context: &Context,
    arch: waverig_kit::Arch,
    fault: Option<&str>,
    signer: Option<&Path>,
) -> Result<Package> {
    let unsigned = built(context, arch, fault)?;
    context.ui.step("package", "waverig.inf, waverig.cat", || {
        let folder = context.layout.package_for(arch);
        let signer = signer::load(context, signer)?;
        signed(&folder, &unsigned, &signer)
    })
}

/// Makes the package when there is none.
///
/// # Errors
/// Those of [`make`].
pub(crate) fn ensure(context: &Context) -> Result<()> {
    if !context.layout.package().is_dir() {
        make(context, None)?;
    }
    Ok(())
}

/// Installs and removes the product's package in `folder`; what else is done, the caller adds.
pub(crate) fn job<'a>(
    folder: &'a Path,
    certificate: &'a [u8],
    device: &'a Device,
    deadline: Duration,
) -> Job<'a> {
    let names = (WAVERIG.inf, WAVERIG.hardware_id);
    Job {
        seed: 1,
        ..Job::new(folder, names, certificate, device, deadline)
    }
}

/// The INF before stamping.
pub(crate) fn inx(context: &Context) -> PathBuf {
    WAVERIG.inx(&context.layout)
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// What a package is made of.
pub(crate) struct Parts<'a> {
    /// Whose they are.
    pub(crate) driver: &'a Driver,
    /// The image as linked.
    pub(crate) image: &'a [u8],
    /// Its symbols.
    pub(crate) pdb: &'a [u8],
    /// The INF before stamping.
    pub(crate) inx: &'a [u8],
    pub(crate) arch: waverig_kit::Arch,
    /// Whether the image may have a deliberate fault.
    pub(crate) faulty: bool,
}

/// What `DriverVer` says: version and day.
pub(crate) struct Stated {
    pub(crate) version: DriverVersion,
    pub(crate) date: Date,
}

/// Reads a driver's `[package.metadata.inf]`.
///
/// # Errors
/// A manifest that does not have it, or in another form.
pub(crate) fn stated(layout: &Layout, driver: &Driver) -> Result<Stated> {
    let manifest = layout.root().join(driver.folder).join("Cargo.toml");
    let metadata = toml::from_str::<DriverManifest>(&fs::read_to_string(&manifest)?)
        .with_context(|| {
            format!(
                "{}: [package.metadata.inf] needs date and version",
                manifest.display()
            )
        })?
        .package
        .metadata
        .inf;
    Ok(Stated {
        date: metadata.date.parse().map_err(Error::msg)?,
        version: metadata.version.parse().map_err(Error::msg)?,
    })
}

/// Signs and writes the package into `folder`, which is emptied before.
///
/// # Errors
/// An image or INF that breaks a rule, with the rule; a folder that cannot be written.
pub(crate) fn write(
    layout: &Layout,
    folder: &Path,
    parts: &Parts<'_>,
    signer: &Signer,
) -> Result<Package> {
    signed(folder, &put_together(layout, parts)?, signer)
}

/// Signs what was put together, into `folder`, which is emptied before.
fn signed(folder: &Path, unsigned: &Unsigned, signer: &Signer) -> Result<Package> {
    layout::fresh(folder)?;
    Ok(package::sign(folder, unsigned, signer)?)
}

/// Builds the product and puts its package together, without signatures.
///
/// # Errors
/// What the build says; an image or INF that breaks a rule, with the rule.
pub(crate) fn unsigned(context: &Context, arch: waverig_kit::Arch) -> Result<Unsigned> {
    built(context, arch, None)
}

/// The same, with a deliberate fault in it if one is named.
fn built(context: &Context, arch: waverig_kit::Arch, fault: Option<&str>) -> Result<Unsigned> {
    let built = build::build(context, arch, fault)?;
    let parts = Parts {
        driver: &WAVERIG,
        image: &read(&built.sys)?,
        pdb: &read(&built.pdb)?,
        inx: &read(&inx(context))?,
        arch,
        faulty: fault.is_some(),
    };
    put_together(&context.layout, &parts)
}

/// A package without signatures.
fn put_together(layout: &Layout, parts: &Parts<'_>) -> Result<Unsigned> {
    let stated = stated(layout, parts.driver)?;
    let arch = in_package(parts.arch);
    Ok(package::unsigned(&Inputs {
        name: parts.driver.name,
        image: parts.image,
        pdb: Some(parts.pdb),
        inx: parts.inx,
        version: stated.version,
        date: stated.date,
        arch,
        min_build: MIN_BUILD,
        rules: pe::Rules {
            arch,
            imports: &["ntoskrnl.exe", "hal.dll", "portcls.sys"],
            exports: &[],
            forbidden: if parts.faulty { &[] } else { &[fault::MARK] },
        },
        time: stated.date.midnight(),
    })?)
}
