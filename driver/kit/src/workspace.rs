//! Where things lie: the workspace's root and the folders that the kit makes under `target/`.

use std::path::{Path, PathBuf};

/// The folders of one checkout.
///
/// `wdk-build` finds the workspace by walking up from Cargo's output folder to a `Cargo.lock`, so everything lies under
/// `<root>/target` even when `CARGO_TARGET_DIR` says something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace whose `Cargo.lock` lies in `root` (an absolute path).
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder that holds `Cargo.lock`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `target/kit`: what [`crate::prepare`] makes.
    pub fn kit(&self) -> PathBuf {
        self.root.join("target").join("kit")
    }

    /// The directory source of the driver's dependencies.
    pub(crate) fn vendor(&self) -> PathBuf {
        self.kit().join("vendor")
    }

    /// Cargo's target folder for the driver alone: it does not wait for, or disturb, the workspace's own builds.
    pub fn driver_target(&self) -> PathBuf {
        self.root.join("target").join("driver")
    }
}
