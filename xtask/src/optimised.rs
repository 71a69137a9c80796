//! Programs that are measured or that run for long: compiled as far as the compiler goes, in a folder beside that of the ordinary ones.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use waverig_kit::Invocation;

use crate::context::Context;

/// Builds what cargo's words name with a profile; gives the folder that holds it.
///
/// # Errors
/// When cargo cannot be started, or something does not compile.
pub(crate) fn build(context: &Context, profile: &str, what: &[&str]) -> Result<PathBuf> {
    let target = context.layout.root().join("target/bench");
    let cargo = Invocation::new("cargo")
        .args(["build", "--quiet", "--locked", "--profile", profile])
        .args(what.iter().copied())
        .args(["--target-dir".as_ref(), target.as_os_str()])
        .cwd(context.layout.root())
        .inherit();
    let output = context.exec.run(&cargo).context("cannot start cargo")?;
    if !output.success() {
        bail!(
            "{} does not compile: see cargo's messages above",
            what.join(" ")
        );
    }
    Ok(target.join(profile))
}
