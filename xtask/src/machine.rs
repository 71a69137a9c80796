//! Which test machine a run takes.

use std::env;
use std::env::consts::EXE_EXTENSION;
use std::ffi::OsString;

use anyhow::{Context as _, Result};
use waverig_kit::SOURCES;
use waverig_vm::{Machine, Sim};

use crate::context::Context;
use crate::optimised;
use crate::stop::Usage;
use crate::verbs::SIMULATOR;

/// The machine that `--machine` names. `auto` takes the strongest one there is.
///
/// # Errors
/// A name that is not a machine is wrong use.
pub(crate) fn select(context: &Context, name: &str) -> Result<Box<dyn Machine>> {
    match name {
        "auto" | "sim" => {
            let this = env::current_exe()
                .context("this program cannot find its own file to start the simulator")?;
            let args = words(context, SIMULATOR);
            Ok(Box::new(Sim::new(this, args)))
        }
        other => Err(Usage(format!(
            "there is no machine {other:?}; there are auto and sim (the only one so far)"
        ))
        .into()),
    }
}

/// The simulator as far as the compiler optimises it, for runs of hours of virtual time: builds it first, which takes minutes and
/// so is nothing for a test.
///
/// # Errors
/// When it does not compile.
pub(crate) fn optimised(context: &Context) -> Result<Box<dyn Machine>> {
    let built = context.ui.step("build", "the simulator, optimised", || {
        optimised::build(context, "simulator", &["--package", "waverig-sim"])
    })?;
    let program = built.join("waverig-sim").with_extension(EXE_EXTENSION);
    Ok(Box::new(Sim::new(program, words(context, "session"))))
}

/// What the simulator's program is told, after the word that makes it one.
fn words(context: &Context, verb: &str) -> Vec<OsString> {
    let mut sources = OsString::from(format!("{SOURCES}="));
    sources.push(context.layout.root());
    let mut words = vec![OsString::from(verb), "--sources".into(), sources];
    if let Some(folder) = &context.coverage {
        words.extend(["--coverage".into(), folder.into()]);
    }
    if let Some(folder) = &context.debugger {
        words.extend(["--debugger".into(), folder.into()]);
    }
    words
}
