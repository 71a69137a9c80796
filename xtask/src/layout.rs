//! Where things lie: the sources, and the folder that everything is written to.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use waverig_kit::Arch;

/// The folders of a run.
pub(crate) struct Layout {
    root: PathBuf,
    rig: PathBuf,
}

impl Layout {
    /// The workspace this program was built from, writing to `out` or `target/rig`.
    pub(crate) fn new(out: Option<PathBuf>) -> Result<Self> {
        // Cargo names the folder of the sources it was asked to run; the one that was compiled in is a different
        // checkout's when two share a target folder.
        let xtask =
            env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&xtask)
            .parent()
            .context("xtask's own folder has no parent")?
            .to_owned();
        let rig = match out {
            Some(out) => std::path::absolute(out)?,
            None => root.join("target").join("rig"),
        };
        Ok(Self { root, rig })
    }

    /// The workspace.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Everything a run writes.
    pub(crate) fn rig(&self) -> &Path {
        &self.rig
    }

    /// The driver as linked, before it is packaged.
    pub(crate) fn linked(&self, arch: Arch) -> PathBuf {
        self.rig.join(for_arch("linked", arch))
    }

    /// The signed package for the machines that tests run on.
    pub(crate) fn package(&self) -> PathBuf {
        self.package_for(Arch::X64)
    }

    /// The signed package.
    pub(crate) fn package_for(&self, arch: Arch) -> PathBuf {
        self.rig.join(for_arch("package", arch))
    }

    /// Evidence and verdicts of one kind of machine.
    pub(crate) fn runs(&self, machine: &str) -> PathBuf {
        self.rig.join("runs").join(machine)
    }

    /// The test certificate and its key: kept between runs, out of git, one for all folders that are written to.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.root.join("target").join("certificate")
    }

    /// The catalogue of faulty drivers and packages.
    pub(crate) fn mutants(&self) -> PathBuf {
        self.root.join("ci").join("mutants.toml")
    }

    /// `ci/scenarios`.
    pub(crate) fn scenarios(&self) -> PathBuf {
        self.root.join("ci").join("scenarios")
    }

    /// `ci/golden`.
    pub(crate) fn goldens(&self) -> PathBuf {
        self.root.join("ci").join("golden")
    }
}

/// x64 is what everything else here is about; others get a name of their own.
fn for_arch(folder: &str, arch: Arch) -> String {
    match arch {
        Arch::X64 => folder.to_owned(),
        other => format!("{folder}-{}", other.name()),
    }
}

/// Makes `folder` anew and empty.
pub(crate) fn fresh(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot empty {}", folder.display()));
        }
        _ => {}
    }
    make(folder)
}

/// Makes `folder` and its parents.
pub(crate) fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| {
        format!(
            "cannot write to {}; make it writable, or choose another folder with --out",
            folder.display()
        )
    })
}
