//! File operations whose errors name the place and what to look at.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};

/// Makes a folder and those above it.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    let place = || {
        format!(
            "cannot make the folder {}; see that it may be written",
            folder.display()
        )
    };
    fs::create_dir_all(folder).with_context(place)
}

/// Removes a folder and what is in it, if it is there.
pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    absent_is_fine(fs::remove_dir_all(folder)).with_context(|| {
        format!(
            "cannot remove the folder {}; remove it by hand",
            folder.display()
        )
    })
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    absent_is_fine(fs::remove_file(path))
        .with_context(|| format!("cannot remove {}; remove it by hand", path.display()))
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Reads a text file.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a file.
pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    let place = || {
        format!(
            "cannot write {}; see that its folder may be written",
            path.display()
        )
    };
    fs::write(path, bytes).with_context(place)
}

/// Copies a file.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let places = || format!("cannot copy {} to {}", from.display(), to.display());
    fs::copy(from, to).map(drop).with_context(places)
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
