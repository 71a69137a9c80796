//! `cargo xtask package`: the signed driver package: .sys, .inf, .cat, .pdb.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Error, Result};
use serde::Deserialize;
use waverig_package::cert::Identity;
use waverig_package::inf::DriverVersion;
use waverig_package::package::{Inputs, Package};
use waverig_package::{Arch, Date, OsBuild, UnixTime, package, pe};

use super::build::{self, FAULT_MARK};
use super::{Options, Verb};
use crate::context::Context;
use crate::layout;

pub(super) const VERB: Verb = Verb {
    name: "package",
    about: "Builds, signs and packages the driver: .sys, .inf, .cat, .pdb.",
    options: "[--out FOLDER] [--fault NAME]",
    run,
};

/// Name of the package's files.
pub(crate) const NAME: &str = "waverig";
/// Name of the INF in the package.
pub(crate) const INF: &str = "waverig.inf";
/// Hardware id of the root-enumerated device.
pub(crate) const HARDWARE_ID: &str = r"Root\waverig";

/// Windows 10 2004: the first to export ExAllocatePool2, which wdk-alloc calls.
const MIN_BUILD: OsBuild = OsBuild(19041);

/// Subject of the certificate that is made on first use.
const SUBJECT: &str = "CN=waverig test certificate";

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
    let package = make(context, options.fault.as_deref())?;
    for file in &package.files {
        println!(
            "{}  {}",
            file.sha256,
            package.dir.join(&file.name).display()
        );
    }
    println!("next: cargo xtask vm-test");
    Ok(ExitCode::SUCCESS)
}

/// The identity that signs test packages, made on first use.
///
/// # Errors
/// A certificate or key that is damaged, expired, or not a pair; the text says what to remove.
pub(crate) fn identity(context: &Context) -> Result<Identity> {
    let folder = context.layout.certificate();
    let identity = Identity::ensure(&folder, SUBJECT, UnixTime::now())?;
    if identity.created() {
        context.ui.say(
            "sign",
            &format!(
                "made a test certificate in {} (not in git)",
                folder.display()
            ),
        );
    }
    Ok(identity)
}

/// Builds the driver and makes the package.
///
/// # Errors
/// What the build says; an image or INF that breaks a rule, with the rule.
pub(crate) fn make(context: &Context, fault: Option<&str>) -> Result<Package> {
    let built = build::build(context, fault)?;
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let manifest = context.layout.root().join("driver/Cargo.toml");
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
    let date: Date = metadata.date.parse().map_err(Error::msg)?;
    let version: DriverVersion = metadata.version.parse().map_err(Error::msg)?;
    context.ui.step("package", "waverig.inf, waverig.cat", || {
        let folder = context.layout.package();
        layout::fresh(&folder)?;
        let forbidden: &[&[u8]] = if fault.is_some() { &[] } else { &[FAULT_MARK] };
        Ok(package::build(
            &folder,
            &Inputs {
                name: NAME,
                image: &read(&built.sys)?,
                pdb: Some(&read(&built.pdb)?),
                inx: &read(&context.layout.root().join("driver/waverig.inx"))?,
                version,
                date,
                arch: Arch::Amd64,
                min_build: MIN_BUILD,
                rules: pe::Rules {
                    arch: Arch::Amd64,
                    imports: &["ntoskrnl.exe", "hal.dll", "portcls.sys"],
                    exports: &[],
                    forbidden,
                },
                identity: &identity(context)?,
                time: date.midnight(),
            },
        )?)
    })
}
