//! Not for people: this program as the simulator, started by itself as the child process that is the test machine.

use std::process::ExitCode;

use anyhow::Result;
use waverig_sim::session::Setup;

use crate::stop::Usage;

/// The word on the command line.
pub(crate) const NAME: &str = "__simulator";

/// Serves the protocol on standard input and output until told to shut down.
///
/// # Errors
/// On words that mean nothing to it.
pub(crate) fn run(words: &[String]) -> Result<ExitCode> {
    let setup = Setup::from(words).map_err(Usage)?;
    Ok(waverig_sim::session::main_stdio(&setup))
}
