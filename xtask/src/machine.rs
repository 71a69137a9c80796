//! Which test machine a run takes.

use std::env;
use std::ffi::OsString;

use anyhow::{Context as _, Result};
use waverig_kit::SOURCES;
use waverig_vm::{Machine, Sim};

use crate::context::Context;
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
            let mut sources = OsString::from(format!("{SOURCES}="));
            sources.push(context.layout.root());
            let mut args = vec![OsString::from(SIMULATOR), "--sources".into(), sources];
            if let Some(folder) = &context.coverage {
                args.extend(["--coverage".into(), folder.into()]);
            }
            if let Some(folder) = &context.debugger {
                args.extend(["--debugger".into(), folder.into()]);
            }
            Ok(Box::new(Sim::new(this, args)))
        }
        other => Err(Usage(format!(
            "there is no machine {other:?}; there are auto and sim (the only one so far)"
        ))
        .into()),
    }
}
