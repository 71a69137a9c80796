//! Not for people: this program as the simulator, started by itself as the child process that is the test machine; with words behind
//! it, as the program `waverig-sim`.

use std::process::ExitCode;

use anyhow::Result;
use waverig_sim::session::Setup;

use crate::stop::Usage;

/// The word on the command line.
pub(crate) const NAME: &str = "__simulator";

/// Serves the protocol on standard input and output until told to shut down; with a driver's name, tries that one out.
///
/// # Errors
/// On words that mean nothing to it, and on a driver that cannot be tried out.
pub(crate) fn run(words: &[String]) -> Result<ExitCode> {
    if words.first().is_some_and(|word| !word.starts_with('-')) {
        return waverig_sim::program::run(words);
    }
    let setup = Setup::from(words).map_err(Usage)?;
    Ok(waverig_sim::session::main_stdio(&setup))
}
