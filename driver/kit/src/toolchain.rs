//! What the pinned Rust toolchain offers: its sysroot, this host's triple, the linker that comes with it.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::{Arch, Invocation, Runner, Workspace};

/// The Rust toolchain that builds the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// `rustc --print sysroot`.
    pub(crate) sysroot: PathBuf,
    /// This host's triple.
    pub(crate) host: String,
    /// The commit the compiler was built from, which names the standard library's sources in symbol files.
    pub(crate) commit: String,
}

impl Toolchain {
    /// Asks `rustc`, in the workspace so that `rust-toolchain.toml` applies.
    pub(crate) fn find(runner: &dyn Runner, workspace: &Workspace) -> Result<Self> {
        let sysroot = ask(runner, workspace, &["--print", "sysroot"])?;
        let version = ask(runner, workspace, &["-vV"])?;
        let field = |name: &str| {
            let line = version.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned())
                .with_context(|| format!("`rustc -vV` does not say {name:?}"))
        };
        Ok(Self {
            sysroot: sysroot.trim().into(),
            host: field("host:")?,
            commit: field("commit-hash:")?,
        })
    }

    /// The folder of `rust-lld`.
    pub(crate) fn linker_folder(&self) -> PathBuf {
        self.sysroot
            .join("lib/rustlib")
            .join(&self.host)
            .join("bin")
    }

    /// LLVM's linker, of the compiler's own version.
    pub(crate) fn lld(&self) -> PathBuf {
        self.linker_folder().join("rust-lld")
    }

    /// Where the standard library's sources lie when they are installed; rustc then names them so.
    pub(crate) fn library_sources(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib/src/rust")
    }

    /// The folder that exists when the standard library for `arch` is installed.
    pub(crate) fn target_folder(&self, arch: Arch) -> PathBuf {
        self.sysroot
            .join("lib/rustlib")
            .join(arch.triple())
            .join("lib")
    }
}

fn ask(runner: &dyn Runner, workspace: &Workspace, args: &[&str]) -> Result<String> {
    let rustc = Invocation::new("rustc").args(args).cwd(workspace.root());
    let output = runner
        .run(&rustc)
        .context("cannot start rustc; install Rust from https://rustup.rs and open a new shell")?;
    ensure!(
        output.success(),
        "`{}` failed: {}",
        rustc.line(),
        output.stderr.trim()
    );
    Ok(output.stdout)
}
