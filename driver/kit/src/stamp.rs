//! Stamps: a file in a made folder that says from which inputs it was made, so that making it again can be left out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use sha2::{Digest, Sha256};

use crate::files;
use crate::pins::hex;

/// The inputs of a folder, hashed.
#[derive(Default)]
pub(crate) struct Inputs(Sha256);

impl Inputs {
    /// Adds bytes; each part is delimited by its length.
    pub(crate) fn add(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds a path and the bytes of the file it names.
    pub(crate) fn add_file(self, path: &Path) -> Result<Self> {
        let bytes = files::read(path)?;
        Ok(self.add(path.as_os_str().as_encoded_bytes()).add(bytes))
    }

    /// The stamp of these inputs for a folder.
    pub(crate) fn stamp(self, folder: &Path, name: &str) -> Stamp {
        Stamp {
            path: folder.join(format!(".{name}.stamp")),
            value: hex(&self.0.finalize()),
        }
    }
}

/// A stamp file and the value it should hold.
pub(crate) struct Stamp {
    path: PathBuf,
    value: String,
}

impl Stamp {
    /// Whether the folder was made from the same inputs.
    pub(crate) fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|found| found == self.value)
    }

    /// Says that the folder is being made: a crash on the way leaves no stamp.
    pub(crate) fn clear(&self) -> Result<()> {
        files::remove(&self.path)
    }

    /// Says that the folder is made.
    pub(crate) fn write(&self) -> Result<()> {
        files::write(&self.path, &self.value)
    }
}
