//! The directory source the driver is built from: the locked dependencies as Cargo's own `vendor` command lays them out, with
//! one crate patched. So there is one `Cargo.lock` and no second workspace.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::files;
use crate::patch;
use crate::stamp::Inputs;
use crate::{Invocation, Runner, Workspace};

/// The crate that does not run outside Windows as published, and what makes it run.
const PATCHED: &str = "wdk-build-0.6.0";
const PATCH: &str = include_str!("../data/wdk-build-0.6.0.patch");

/// Fills `target/kit/vendor` unless it already holds what `Cargo.lock` and the patch say.
///
/// `cargo vendor` keeps the times that files have in their archives, so that a new lock file rebuilds only what changed in it.
pub(crate) fn prepare(runner: &dyn Runner, workspace: &Workspace) -> Result<()> {
    let folder = workspace.vendor();
    let lock = workspace.root().join("Cargo.lock");
    let stamp = Inputs::default()
        .add_file(&lock)?
        .add(PATCH)
        .stamp(&workspace.kit(), "vendor");
    if stamp.is_current() {
        return Ok(());
    }
    stamp.clear()?;
    // Cargo takes a crate of the same version for unchanged, so what was built with another patch must go.
    let patch_stamp = Inputs::default()
        .add(PATCH)
        .stamp(&workspace.kit(), "patch");
    if !patch_stamp.is_current() {
        files::remove_folder(&workspace.driver_target())?;
    }
    // Cargo leaves alone what it finds in place, but the patch wants the crate as published.
    let patched = folder.join(PATCHED);
    files::remove_folder(&patched)?;
    let vendor = Invocation::new("cargo")
        .args(["vendor", "--quiet", "--locked", "--versioned-dirs"])
        .args([&folder])
        .cwd(workspace.root());
    let output = runner.run(&vendor).context("cannot start cargo")?;
    if !output.success() {
        bail!(
            "`{}` failed; if the network is at fault, try again:\n{}",
            vendor.line(),
            output.stderr.trim()
        );
    }
    patch_crate(&patched)?;
    patch_stamp.write()?;
    stamp.write()
}

fn patch_crate(folder: &Path) -> Result<()> {
    ensure!(
        folder.is_dir(),
        "Cargo.lock does not name {PATCHED}, the version the kit has a patch for; \
         lock that version or make a patch for the new one in driver/kit/data"
    );
    patch::apply(PATCH, folder)?;
    forget_file_checksums(&folder.join(".cargo-checksum.json"))
}

/// Keeps the checksum of the package, which `Cargo.lock` is checked against, and drops those of its files.
fn forget_file_checksums(path: &Path) -> Result<()> {
    let text = files::read_text(path)?;
    let mut checksum: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    ensure!(
        checksum["package"].is_string(),
        "{} has no package checksum",
        path.display()
    );
    checksum["files"] = serde_json::json!({});
    files::write(path, checksum.to_string())
}

/// How the one crate that is changed differs from the published one: its name, and the digest of the patch.
pub(crate) fn change() -> (&'static str, String) {
    use sha2::{Digest, Sha256};
    (PATCHED, crate::pins::hex(&Sha256::digest(PATCH)))
}

/// Cargo's arguments that put the folder in the place of crates.io.
pub(crate) fn cargo_args(folder: &Path) -> [String; 4] {
    // TOML's basic strings and Rust's debug form agree on the characters that paths have.
    let folder = format!("{:?}", folder.display().to_string());
    [
        "--config".into(),
        r#"source.crates-io.replace-with="waverig-kit""#.into(),
        "--config".into(),
        format!("source.waverig-kit.directory={folder}"),
    ]
}
