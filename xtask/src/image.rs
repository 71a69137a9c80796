//! Base images and what is known of them: a manifest lies beside each.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
#[cfg(target_os = "linux")]
use waverig_kit::Invocation;
use waverig_package::Sha256Digest;

#[cfg(target_os = "linux")]
use crate::context::Context;

/// Which operating system is in it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Linux,
    Windows,
}

/// What a base image is, and what went into it.
#[derive(Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) system: Kind,
    /// What a guest of it gets.
    pub(crate) memory_mib: u32,
    pub(crate) processors: u32,
    /// SHA-256 of the image's file.
    pub(crate) sha256: String,
    /// SHA-256 and name of everything that went in.
    pub(crate) inputs: Vec<String>,
}

impl Manifest {
    /// Reads what lies beside an image.
    ///
    /// # Errors
    /// When there is none, or it says what nobody understands.
    pub(crate) fn of(image: &Path) -> Result<Self> {
        let path = beside(image);
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "{} is no base image of this rig: it lacks its manifest {}; `cargo xtask image build` makes both",
                image.display(),
                path.display()
            )
        })?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    /// Writes it beside its image.
    ///
    /// # Errors
    /// When the host is out of space.
    pub(crate) fn write(&self, image: &Path) -> Result<()> {
        let path = beside(image);
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Whether the image is the one that was made.
    ///
    /// # Errors
    /// When it is not; the text says what to do.
    pub(crate) fn verify(&self, image: &Path) -> Result<()> {
        let now = sha256(image)?;
        if now != self.sha256 {
            bail!(
                "{} was changed since it was made: its SHA-256 is {now}, the manifest says {}; `cargo xtask image build` makes it anew",
                image.display(),
                self.sha256
            );
        }
        Ok(())
    }
}

/// Makes `to` of a disk image in another format; formats as QEMU calls them.
///
/// # Errors
/// When qemu-img fails: the host is out of space.
#[cfg(target_os = "linux")]
pub(crate) fn convert(
    context: &Context,
    from_format: &str,
    from: &Path,
    format: &str,
    to: &Path,
) -> Result<()> {
    let convert = Invocation::new("qemu-img")
        .args(["convert", "-f", from_format, "-O", format])
        .args([from.as_os_str(), to.as_os_str()]);
    context.ui.step("image", &to.display().to_string(), || {
        run(context, &convert)
    })
}

/// Runs a command that must succeed.
///
/// # Errors
/// When it does not, with what it complains of.
#[cfg(target_os = "linux")]
pub(crate) fn run(context: &Context, command: &Invocation) -> Result<()> {
    let line = command.line();
    let output = context.exec.run(command);
    let output = output.with_context(|| format!("`{line}` cannot be started"))?;
    if !output.success() {
        bail!("`{line}` fails: {}", output.stderr.trim());
    }
    Ok(())
}

/// Where an image's manifest lies.
fn beside(image: &Path) -> PathBuf {
    let mut name = image.file_name().unwrap_or_default().to_owned();
    name.push(".json");
    image.with_file_name(name)
}

/// Of a file that may be larger than memory.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    let digest = File::open(path).and_then(Sha256Digest::of_all);
    let digest = digest.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(digest.to_string())
}
