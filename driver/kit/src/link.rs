//! Links the driver's static library into `waverig.sys`, with paths that are the same on every machine.
//!
//! Cargo could link a cdylib, but then the symbol file would hold the absolute paths of the objects and of the linker, its
//! identifier (a hash of its bytes) would go into the image, and rustc would export every `no_mangle` name. A static library
//! linked from inside one folder, by names relative to it, has none of that.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::toolchain::Toolchain;
use crate::{Arch, Invocation, Runner, files};

/// The libraries wdk-build links into a WDM driver (`Config::base_libraries`).
const LIBRARIES: [&str; 4] = [
    "BufferOverflowFastFailK.lib",
    "ntoskrnl.lib",
    "hal.lib",
    "wmilib.lib",
];

/// The linker's arguments, apart from the machine, its inputs and its version.
///
/// From wdk-build's `configure_binary_build` (which takes them from WindowsDriver.KernelMode.props), and:
/// `/Brepro` and the two PDB paths make the bytes depend on the inputs only; `/RELEASE` sets the checksum; the section flags are
/// those that link.exe gives a driver and lld does not; `.retplne` without attributes kept a driver from loading
/// (error 998, windows-drivers-rs issue 182). Equal functions are not folded, so that a stack names the function that ran.
const ARGUMENTS: [&str; 24] = [
    "/NOLOGO",
    "/DRIVER:WDM",
    "/KERNEL",
    "/SUBSYSTEM:NATIVE,10.0",
    "/OSVERSION:10.0",
    "/ENTRY:DriverEntry",
    "/NODEFAULTLIB",
    "/MANIFEST:NO",
    "/DYNAMICBASE",
    "/HIGHENTROPYVA",
    "/NXCOMPAT",
    "/INTEGRITYCHECK",
    "/TSAWARE:NO",
    "/ALIGN:4096",
    "/OPT:REF,NOICF",
    "/MERGE:.retplne=.rdata",
    "/SECTION:.text,ERP",
    "/SECTION:.rdata,RP",
    "/SECTION:.data,RWP",
    "/SECTION:.pdata,RP",
    "/SECTION:INIT,ERD",
    "/DEBUG",
    "/Brepro",
    "/RELEASE",
];

/// The version in the image's header is the workspace's.
const VERSION: &str = concat!(
    "/VERSION:",
    env!("CARGO_PKG_VERSION_MAJOR"),
    ".",
    env!("CARGO_PKG_VERSION_MINOR")
);

/// The linker's arguments for every driver, apart from names of files.
pub(crate) fn arguments_in_words(arch: Arch) -> String {
    let machine = format!("/MACHINE:{}", arch.linker_machine());
    let of_all = ARGUMENTS.into_iter().chain([machine.as_str(), VERSION]);
    let libraries = LIBRARIES.iter().chain(arch.extra_libraries()).copied();
    of_all.chain(libraries).collect::<Vec<_>>().join(" ")
}

/// A driver to link.
pub(crate) struct Job<'a> {
    /// What its files are called, without a suffix.
    pub(crate) name: &'a str,
    /// Its code: a static library or an object.
    pub(crate) code: &'a Path,
    /// Import libraries that it needs beside those of every driver.
    pub(crate) libraries: &'a [&'a str],
    /// Where all of them lie.
    pub(crate) library_folder: &'a Path,
    /// Where everything is made.
    pub(crate) folder: &'a Path,
}

/// What [`link`] makes, in the folder it was told.
pub(crate) struct Image {
    pub(crate) sys: PathBuf,
    pub(crate) pdb: PathBuf,
    pub(crate) map: PathBuf,
}

/// Links a driver with the kernel's libraries.
pub(crate) fn link(
    runner: &dyn Runner,
    toolchain: &Toolchain,
    arch: Arch,
    job: &Job<'_>,
) -> Result<Image> {
    let Job {
        name,
        code,
        folder,
        library_folder,
        ..
    } = *job;
    files::make_folder(folder)?;
    let suffix = code.extension().unwrap_or_default().to_string_lossy();
    let input = format!("{name}.{suffix}");
    files::copy(code, &folder.join(&input))?;
    let libraries = || {
        let of_all = LIBRARIES.iter().chain(arch.extra_libraries());
        of_all.chain(job.libraries)
    };
    for name in libraries() {
        files::copy(&library_folder.join(name), &folder.join(name))?;
    }
    // The linker writes its own path and its working folder into the symbol file: it is found through PATH, by name.
    let program = toolchain.linker_folder();
    let link = Invocation::new("rust-lld")
        .args(["-flavor", "link"])
        .args(ARGUMENTS)
        .args([
            format!("/MACHINE:{}", arch.linker_machine()),
            VERSION.into(),
        ])
        .args([
            format!("/PDBALTPATH:{name}.pdb"),
            format!("/PDBSOURCEPATH:/{name}"),
            format!("/OUT:{name}.sys"),
            format!("/PDB:{name}.pdb"),
            format!("/MAP:{name}.map"),
            input,
        ])
        .args(libraries())
        .env("PATH", &program)
        .cwd(folder);
    let output = runner.run(&link).with_context(|| {
        format!(
            "cannot start rust-lld in {}; reinstall the Rust toolchain",
            program.display()
        )
    })?;
    if !output.success() {
        bail!(
            "linking {name}.sys failed (in {}):\n{}{}",
            folder.display(),
            output.stdout,
            output.stderr
        );
    }
    Ok(Image {
        sys: folder.join(format!("{name}.sys")),
        pdb: folder.join(format!("{name}.pdb")),
        map: folder.join(format!("{name}.map")),
    })
}
