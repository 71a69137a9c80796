//! A base image that a guest starts from: it is never written to, every guest has an overlay of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::disk::{self, Layout};
use crate::result;

/// Formats that `qemu-img` tells apart and that base images come in.
const FORMATS: [&str; 3] = ["raw", "qcow2", "vhdx"];
/// The guest's own disk, in its folder.
pub(super) const OVERLAY: &str = "overlay.qcow2";
/// What its firmware remembers, there.
pub(super) const VARIABLES: &str = "variables.fd";

/// UEFI firmware for guests: its code, and what it knows at first.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// Read-only.
    pub code: PathBuf,
    /// Every guest gets a copy.
    pub variables: PathBuf,
}

impl Firmware {
    /// Gives a guest its copy.
    pub(super) fn remember(&self, folder: &Path) -> io::Result<()> {
        fs::copy(&self.variables, folder.join(VARIABLES)).map(drop)
    }
}

/// A base image and what a guest of it is made of.
#[derive(Clone, Debug)]
pub struct Image {
    file: PathBuf,
    format: String,
    pub(super) firmware: Firmware,
    /// Memory in MiB.
    pub(super) memory: u32,
    /// Number of processors.
    pub(super) processors: u32,
    /// What the disk that goes home is like.
    pub(super) result: ResultDisk,
}

/// The disk that goes home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultDisk {
    /// With logs.
    Small,
    /// With a partition, and room for the dump of a Windows kernel.
    ForDumps,
}

impl ResultDisk {
    /// Makes it.
    ///
    /// # Errors
    /// When the host is out of space.
    pub(super) fn make(self, file: &Path) -> io::Result<()> {
        let (layout, size) = match self {
            Self::Small => (Layout::Whole, 16 << 20),
            Self::ForDumps => (Layout::Partition, result::FOR_DUMPS),
        };
        disk::make_as(layout, file, result::LABEL, size, &[])
    }
}

impl Image {
    /// Looks at a base image.
    ///
    /// # Errors
    /// When it is none that a guest can start from; the text names the file and says what to do.
    pub fn open(
        file: &Path,
        firmware: Firmware,
        (memory, processors): (u32, u32),
        result: ResultDisk,
    ) -> io::Result<Self> {
        let wrong = |what: &str| io::Error::other(format!("{}: {what}", file.display()));
        let file = file
            .canonicalize()
            .map_err(|error| wrong(&format!("the base image cannot be opened: {error}")))?;
        let output = Command::new("qemu-img")
            .args(["info", "--output=json"])
            .arg(&file)
            .output()
            .map_err(|error| wrong(&format!("qemu-img cannot be started: {error}")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(wrong(&format!("qemu-img cannot read it: {}", said.trim())));
        }
        let format = format(&output.stdout).map_err(|what| wrong(&what))?;
        Ok(Self {
            file,
            format,
            firmware,
            memory,
            processors,
            result,
        })
    }

    /// Makes a guest's own disk in its folder, and its firmware's memory.
    ///
    /// # Errors
    /// When the host is out of space, or the image is gone.
    pub(super) fn overlay(&self, folder: &Path) -> io::Result<()> {
        self.firmware.remember(folder)?;
        let output = Command::new("qemu-img")
            .args(["create", "-q", "-f", "qcow2", "-F", &self.format, "-b"])
            .arg(&self.file)
            .arg(folder.join(OVERLAY))
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!(
            "no overlay on {}: {}",
            self.file.display(),
            said.trim()
        )))
    }
}

/// The format in what `qemu-img info --output=json` says.
fn format(info: &[u8]) -> Result<String, String> {
    let info: Value = serde_json::from_slice(info).map_err(|error| error.to_string())?;
    let format = info["format"].as_str().unwrap_or("?");
    // Whatever is no image of another format is raw to qemu-img, a text file, too.
    let size = info["virtual-size"].as_u64().unwrap_or(0);
    if !FORMATS.contains(&format) {
        return Err(format!(
            "a base image is {}, not {format}",
            FORMATS.join(", ")
        ));
    }
    if size < 1 << 20 {
        return Err(format!("a disk of {size} bytes is no base image"));
    }
    Ok(format.to_owned())
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn the_format_of_an_image_is_read() {
        let check = |info: &str, expect: Result<&str, &str>| match (format(info.as_bytes()), expect)
        {
            (Ok(format), Ok(expect)) => assert_eq!(format, expect),
            (Err(error), Err(expect)) => assert!(error.contains(expect), "{error}"),
            (got, _) => panic!("{info}: {got:?}"),
        };
        check(
            r#"{"virtual-size": 33554432, "format": "vhdx"}"#,
            Ok("vhdx"),
        );
        check(r#"{"virtual-size": 33554432, "format": "raw"}"#, Ok("raw"));
        check(
            r#"{"virtual-size": 33554432, "format": "vmdk"}"#,
            Err("raw, qcow2, vhdx, not vmdk"),
        );
        check(
            r#"{"virtual-size": 512, "format": "raw"}"#,
            Err("a disk of 512 bytes"),
        );
        check("", Err("EOF"));
    }
}
