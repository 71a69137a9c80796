//! Not for people: this program as the simulator, started by itself as the child process that is the test machine.

use std::process::ExitCode;

/// The word on the command line.
pub(crate) const NAME: &str = "__simulator";

/// Serves the protocol on standard input and output until told to shut down.
pub(crate) fn run() -> ExitCode {
    waverig_sim::session::main_stdio()
}
