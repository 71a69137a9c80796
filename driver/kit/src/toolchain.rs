//! What the pinned Rust toolchain offers: its sysroot, this host's triple, the linker that comes with it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::{Arch, Invocation, Runner, Workspace};

/// The Rust toolchain that builds the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// `rustc --print sysroot`.
    pub(crate) sysroot: PathBuf,
    /// `rustc --print host-tuple`.
    pub(crate) host: String,
}

impl Toolchain {
    /// Asks `rustc`, in the workspace so that `rust-toolchain.toml` applies.
    pub(crate) fn find(runner: &dyn Runner, workspace: &Workspace) -> Result<Self> {
        let ask = Invocation::new("rustc")
            .args(["--print", "sysroot", "--print", "host-tuple"])
            .cwd(workspace.root());
        let output = runner.run(&ask).context(
            "cannot start rustc; install Rust from https://rustup.rs and open a new shell",
        )?;
        let lines: Vec<_> = output.stdout.lines().collect();
        let [sysroot, host] = lines[..] else {
            bail!("`{}` failed: {}", ask.line(), output.stderr.trim());
        };
        Ok(Self {
            sysroot: sysroot.into(),
            host: host.into(),
        })
    }

    /// The folder of `rust-lld`.
    pub(crate) fn linker_folder(&self) -> PathBuf {
        self.sysroot
            .join("lib/rustlib")
            .join(&self.host)
            .join("bin")
    }

    /// The folder that exists when the standard library for `arch` is installed.
    pub(crate) fn target_folder(&self, arch: Arch) -> PathBuf {
        self.sysroot
            .join("lib/rustlib")
            .join(arch.triple())
            .join("lib")
    }
}
