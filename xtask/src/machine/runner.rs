//! This host itself as a machine.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use waverig_vm::Machine;
use waverig_vm::runner::{self, Config, Program, Runner, disposable};

use super::own;
use crate::agent;
use crate::context::Context;
use crate::stop::HostLacks;
use crate::verbs::package;

/// Why `auto` does not take it on Windows, until somebody has seen it work there; then `None`.
const UNSEEN: Option<&str> = Some("never seen on Windows yet; ask for it with --machine runner");

/// How long the agent may take for an answer outside of a session.
const AGENT: Duration = Duration::from_secs(60);

/// Why this host is not for `auto`.
pub(super) fn probe(context: &Context) -> Result<(), String> {
    if !cfg!(windows) {
        return Err("it needs a Windows host".into());
    }
    if let Some(unseen) = UNSEEN {
        return Err(unseen.into());
    }
    disposable(false, |name| env::var(name).ok())?;
    let agents = program(context).map_err(|error| format!("{error:#}"))?;
    let log = context.layout.rig().join("agent.log");
    let conditions = runner::probe(&agents, &log, AGENT);
    conditions.map(drop).map_err(|error| error.to_string())
}

fn program(context: &Context) -> Result<Program> {
    Ok(Program {
        program: agent::build(context)?,
        args: vec!["--stdio".into()],
    })
}

/// The machine.
pub(super) fn select(context: &Context) -> Result<Box<dyn Machine>> {
    if !cfg!(windows) {
        return Err(HostLacks(
            "the machine runner is a Windows host itself, and this is none; --machine sim runs everywhere".into(),
        )
        .into());
    }
    let why =
        disposable(context.trial.disposable, |name| env::var(name).ok()).map_err(HostLacks)?;
    let program = program(context)?;
    // One for the host, whatever folders runs write to.
    let common = env::var_os("ProgramData").map_or_else(env::temp_dir, PathBuf::from);
    let config = Config {
        lock: common.join("waverig").join("runner.lock"),
        deadline: context.trial.deadline.unwrap_or(AGENT),
        hardware_id: package::WAVERIG.hardware_id.into(),
        own: Some(own(context)),
        why,
    };
    let runner =
        Runner::new(config, Arc::new(program)).map_err(|error| HostLacks(error.to_string()))?;
    Ok(Box::new(runner))
}
