//! Builds the driver: Cargo compiles it into a static library, the linker makes the image, both go to the output folder.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::kit::{Kit, prepare};
use crate::link::{self, Job};
use crate::toolchain::Toolchain;
use crate::{Arch, Invocation, Runner, Workspace, files};

/// What the workspace is called in the PDB, so that no folder of this host stands there.
pub const SOURCES: &str = "/waverig";

/// The profile (in the workspace's manifest).
const PROFILE: &str = "driver";
/// Cargo's command that makes the library which is linked.
const COMPILE: [&str; 4] = ["rustc", "--lib", "--crate-type", "staticlib"];

/// What to build, and where to put it.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The checkout.
    pub workspace: Workspace,
    /// The driver's Cargo package, after which its files are called.
    pub package: &'static str,
    /// The processor architecture.
    pub arch: Arch,
    /// Cargo features of the driver's package; deliberate faults are selected so.
    pub features: Vec<String>,
    /// Folder that receives the `.sys`, the `.pdb` and the `.map`; made when absent.
    pub output: PathBuf,
}

/// The files of one build, in [`BuildOptions::output`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The driver image, unsigned.
    pub sys: PathBuf,
    /// Its symbols.
    pub pdb: PathBuf,
    /// The linker's map: sections and symbols with their addresses.
    pub map: PathBuf,
}

/// Builds a driver, preparing the kit first. The same sources, toolchain and headers give the same bytes in any folder.
///
/// # Errors
/// When something that [`crate::requirements`] lists is missing; when the dependencies cannot be had; a compiler or linker that fails; a folder that cannot be written.
pub fn build(runner: &dyn Runner, options: &BuildOptions) -> Result<Built> {
    let workspace = &options.workspace;
    let _lock = lock(workspace)?;
    let toolchain = Toolchain::find(runner, workspace)?;
    let kit = prepare(runner, workspace, &toolchain, options.arch)?;
    let cargo = cargo(options, &kit, &toolchain, &COMPILE);
    let output = runner.run(&cargo).context("cannot start cargo")?;
    if !output.success() {
        bail!("the driver does not compile: see cargo's messages above");
    }
    let target = workspace.driver_target();
    let library = target
        .join(options.arch.triple())
        .join(PROFILE)
        .join(options.package)
        .with_extension("lib");
    let folder = target
        .join("link")
        .join(options.package)
        .join(options.arch.name());
    let job = Job {
        name: options.package,
        code: &library,
        libraries: &[],
        library_folder: &kit.library_folder,
        folder: &folder,
    };
    let image = link::link(runner, &toolchain, options.arch, &job)?;
    let output = &options.output;
    files::make_folder(output)?;
    let file = |extension: &str| output.join(options.package).with_extension(extension);
    let built = Built {
        sys: file("sys"),
        pdb: file("pdb"),
        map: file("map"),
    };
    files::copy(&image.sys, &built.sys)?;
    files::copy(&image.pdb, &built.pdb)?;
    files::copy(&image.map, &built.map)?;
    Ok(built)
}

/// Lints the driver as [`build`] compiles it: clippy, with every warning an error. `options.output` is not used.
///
/// # Errors
/// What [`prepare`] says; a lint that is not kept.
pub fn lint(runner: &dyn Runner, options: &BuildOptions) -> Result<()> {
    let workspace = &options.workspace;
    let _lock = lock(workspace)?;
    let toolchain = Toolchain::find(runner, workspace)?;
    let kit = prepare(runner, workspace, &toolchain, options.arch)?;
    let clippy =
        cargo(options, &kit, &toolchain, &["clippy", "--lib"]).args(["--", "--deny", "warnings"]);
    if !runner.run(&clippy).context("cannot start cargo")?.success() {
        bail!("the driver does not keep the lints: see clippy's messages above");
    }
    Ok(())
}

/// One build at a time in a checkout: builds with different features share folders.
pub(crate) fn lock(workspace: &Workspace) -> Result<File> {
    let folder = workspace.kit();
    files::make_folder(&folder)?;
    let path = folder.join(".lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    file.lock()
        .with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// One of cargo's commands on the driver, with what makes it a driver.
fn cargo(options: &BuildOptions, kit: &Kit, toolchain: &Toolchain, command: &[&str]) -> Invocation {
    let workspace = &options.workspace;
    let mut cargo = Invocation::new("cargo")
        .args(command.iter().copied())
        .args(["--locked", "--package", options.package])
        .args([
            "--profile",
            PROFILE,
            "--target",
            options.arch.triple(),
            "--target-dir",
        ])
        .args([workspace.driver_target()])
        .args(&kit.cargo_args)
        .cwd(workspace.root())
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            rustflags(workspace, kit, toolchain),
        )
        .inherit();
    if !options.features.is_empty() {
        cargo = cargo.args(["--features", &options.features.join(",")]);
    }
    // What decides the driver's bytes stands in the workspace, not in the caller's environment.
    for (name, _) in env::vars_os().filter(|(name, _)| decides_bytes(&name.to_string_lossy())) {
        cargo = cargo.env_remove(name);
    }
    for (name, value) in &kit.env {
        cargo = cargo.env(name, value);
    }
    cargo
}

/// Whether a variable of the environment changes what the compiler makes.
pub(crate) fn decides_bytes(name: &str) -> bool {
    let flags = name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS");
    let exact = [
        "RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "RUSTC_BOOTSTRAP",
        "CARGO_INCREMENTAL",
    ];
    flags || exact.contains(&name) || name.starts_with("CARGO_PROFILE_")
}

/// The compiler's flags as they would be anywhere: this host's folders are called by what they are.
pub(crate) fn flags_in_words(workspace: &Workspace, kit: &Kit, toolchain: &Toolchain) -> String {
    let flags = rustflags(workspace, kit, toolchain);
    let mut words = flags.to_string_lossy().replace('\x1f', " ");
    let mut call = |folder: &Path, name: &str| {
        words = words.replace(&*folder.to_string_lossy(), name);
    };
    // What lies inside another comes first.
    kit.dependency_folders
        .iter()
        .for_each(|folder| call(folder, "DEPENDENCIES"));
    call(&toolchain.library_sources(), "STANDARD_LIBRARY");
    call(workspace.root(), "WORKSPACE");
    words
}

/// The compiler's flags, separated as `CARGO_ENCODED_RUSTFLAGS` wants them.
fn rustflags(workspace: &Workspace, kit: &Kit, toolchain: &Toolchain) -> OsString {
    let dependencies = kit.dependency_folders.iter();
    // The vendored sources lie inside the workspace.
    let places = std::iter::once((workspace.root(), SOURCES))
        .chain(dependencies.map(|folder| (folder.as_path(), "/dependencies")));
    // wdk-build insists on the static C runtime, although a driver links none.
    remapped("-Ctarget-feature=+crt-static", toolchain, places)
}

/// These flags, and what places are called in what is made: the standard library's sources as Rust's own builds call them, then these. The
/// last one that fits wins.
pub(crate) fn remapped<'a>(
    flags: &str,
    toolchain: &Toolchain,
    places: impl IntoIterator<Item = (&'a Path, &'a str)>,
) -> OsString {
    let mut flags = OsString::from(flags);
    let mut remap = |from: &Path, to: &str| {
        flags.push("\x1f--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    };
    let std = format!("/rustc/{}", toolchain.commit);
    remap(&toolchain.library_sources(), &std);
    for (from, to) in places {
        remap(from, to);
    }
    flags
}

#[cfg(test)]
mod tests;
