//! The agent's program, for a machine that this host starts it on.

use std::env;
use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use waverig_kit::Invocation;

use crate::context::Context;

/// Compiles it with the profile of this program; it lies beside it.
///
/// # Errors
/// When it does not compile.
pub(crate) fn build(context: &Context) -> Result<PathBuf> {
    compile(context, &[], EXE_SUFFIX)
}

/// The same for Windows machines; the host has what that needs.
///
/// # Errors
/// As [`build`].
#[cfg(target_os = "linux")]
pub(crate) fn build_for_windows(context: &Context) -> Result<PathBuf> {
    const TARGET: &str = "x86_64-pc-windows-gnu";
    compile(context, &["--target", TARGET], ".exe")
}

fn compile(context: &Context, target_words: &[&str], suffix: &str) -> Result<PathBuf> {
    let program = env::current_exe().context("this program cannot find its own file")?;
    let (Some(beside), Some(target)) = (program.parent(), program.ancestors().nth(2)) else {
        bail!("{} does not lie in a target folder", program.display());
    };
    let cargo = Invocation::new("cargo")
        .args(["build", "--quiet", "--locked", "--package", "waverig-agent"])
        .args(["--target-dir".as_ref(), target.as_os_str()])
        .args(target_words.iter().copied())
        .cwd(context.layout.root())
        .inherit();
    let output = context.ui.step("build", "the agent", || {
        context.exec.run(&cargo).context("cannot start cargo")
    })?;
    if !output.success() {
        bail!("the agent does not compile: see cargo's messages above");
    }
    let profile = beside.file_name().unwrap_or_default();
    let mut folder = target.to_owned();
    folder.extend(target_words.last());
    Ok(folder.join(profile).join(format!("waverig-agent{suffix}")))
}
