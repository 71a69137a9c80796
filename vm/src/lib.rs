//! Test machines behind one trait.
//!
//! A [`Machine`] is something that can be booted; what comes up speaks `waverig-protocol` over a [`Link`]. The order of
//! a run (trust, stage, install, play, remove, shut down) is the same for every kind and lives in [`run`]. The host
//! owns every deadline: a machine that hangs, crashes or vanishes at any step ends in an [`run::Ending`] that says so,
//! after whatever was observed until then, and leaves no process behind.

pub mod auto;
mod collect;
pub mod disk;
pub mod dump;
mod dumps;
mod guests;
pub mod hostile;
pub mod hyperv;
mod idle;
pub mod interrupt;
pub mod iso;
pub mod kdcom;
pub mod kdnet;
mod line;
mod link;
pub mod linux;
mod payload;
#[cfg(target_os = "linux")]
pub mod qemu;
mod result;
pub mod run;
pub mod runner;
pub mod setup;
mod sim;
mod turn;
mod vhdx;
mod window;

pub use line::Ends;
pub use link::{Link, LinkError};
pub use sim::Sim;

use std::path::Path;

use waverig_protocol::Condition;

/// A kind of test machine.
pub trait Machine: Sync {
    /// Name as given on the command line: `sim`, `qemu`, ….
    fn kind(&self) -> &'static str;

    /// What a run on this machine cannot prove, for every report.
    fn cannot_prove(&self) -> &'static str;

    /// What reports say of how the machine was run.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Starts a fresh machine. What it says outside the protocol goes to files in `evidence`.
    ///
    /// # Errors
    /// A sentence that names what could not be started and why.
    fn boot(&self, evidence: &Path) -> Result<Link, LinkError>;
}

/// A line of a report.
fn condition_in_words(condition: &Condition) -> String {
    let holds = match condition.holds {
        Some(true) => "holds",
        Some(false) => "DOES NOT HOLD",
        None => "unknown",
    };
    format!("{}: {holds}; {}", condition.name, condition.text)
}
