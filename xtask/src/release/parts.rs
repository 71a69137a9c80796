//! Everything of a release that nobody has signed: the files whose bytes the commit alone decides.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use waverig_kit::Arch;
use waverig_package::package::Unsigned;

use crate::context::Context;
use crate::installer;
use crate::layout;
use crate::verbs::package::{self, NAME};

/// The installer, without a package in it.
pub(super) const SETUP: &str = "waverig-setup.exe";
/// The program inside test machines.
pub(super) const AGENT: &str = "waverig-agent.exe";
/// The AES67 sender.
pub(super) const SENDER: &str = "waverig-aes67.exe";

/// Builds them into `folder`, which is emptied before; gives their names.
///
/// # Errors
/// What the build or a rule of the package says.
pub(crate) fn make(context: &Context, arch: Arch, folder: &Path) -> Result<Vec<String>> {
    let unsigned = package::unsigned(context, arch)?;
    layout::fresh(folder)?;
    let mut files = vec![
        (format!("{NAME}.sys"), unsigned.sys),
        (format!("{NAME}.inf"), unsigned.inf),
        (format!("{NAME}.cat"), unsigned.cat),
    ];
    files.extend(unsigned.pdb.map(|pdb| (format!("{NAME}.pdb"), pdb)));
    // Programs are for x64; what Windows on Arm makes of them nobody has seen.
    if arch == Arch::X64 {
        let programs = installer::programs(context)?;
        files.push((SETUP.into(), package::read(&programs.setup)?));
        files.push((AGENT.into(), package::read(&programs.agent)?));
        files.push((SENDER.into(), package::read(&programs.sender)?));
    }
    for (name, bytes) in &files {
        write(&folder.join(name), bytes)?;
    }
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

/// Reads the package's files again.
///
/// # Errors
/// A file that is not there.
pub(crate) fn read(context: &Context, folder: &Path) -> Result<Unsigned> {
    let read = |extension: &str| package::read(&folder.join(NAME).with_extension(extension));
    let stated = package::stated(&context.layout, &package::WAVERIG)?;
    Ok(Unsigned {
        name: NAME.to_owned(),
        version: stated.version.to_string(),
        sys: read("sys")?,
        inf: read("inf")?,
        cat: read("cat")?,
        pdb: Some(read("pdb")?),
    })
}

/// Writes a file.
pub(crate) fn write(path: &PathBuf, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
