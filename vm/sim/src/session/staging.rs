//! The folder that staged files are put into; gone when the session ends.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

/// Environment variable with the folder that staged files go below. A host that sets it can clean up after a machine
/// that it had to end; without it they go to the system's folder for temporary files.
const SCRATCH: &str = "WAVERIG_SIM_SCRATCH";

thread_local! {
    static CURRENT: RefCell<Option<PathBuf>> = const { RefCell::new(None) };
}

/// Removes the folder of the session on this thread, when the machine ends without dropping anything.
pub(super) fn remove_current() {
    let folder = CURRENT.try_with(|current| {
        current
            .try_borrow_mut()
            .ok()
            .and_then(|mut current| current.take())
    });
    if let Ok(Some(folder)) = folder {
        // Nobody is left to tell; the report itself is what matters now.
        let _ = fs::remove_dir_all(folder);
    }
}

/// A folder of this process.
pub(super) struct Staging {
    folder: PathBuf,
}

impl Staging {
    /// Makes the folder.
    pub(super) fn new() -> Result<Self, String> {
        let scratch = std::env::var_os(SCRATCH).map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = scratch.join(format!("waverig-sim-{}", std::process::id()));
        // A process before this one with the same number may have been ended before it could clean up.
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .map_err(|error| format!("{}: cannot be emptied: {error}", folder.display()))?;
        }
        fs::create_dir_all(&folder)
            .map_err(|error| format!("{}: cannot be made: {error}", folder.display()))?;
        CURRENT.set(Some(folder.clone()));
        Ok(Self { folder })
    }

    /// Where the files are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts a file into the folder.
    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let bare =
            Path::new(name).file_name().is_some_and(|only| only == name) && !name.contains('\\');
        if !bare {
            return Err(format!("{name:?} is no bare file name"));
        }
        fs::write(self.folder.join(name), bytes)
            .map_err(|error| format!("{name}: cannot be staged: {error}"))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Whatever cannot be removed now is removed by the next process with this number.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
