//! What one run on a machine gave, whatever went wrong.

use waverig_protocol::timeline::Stamped;
use waverig_protocol::{Finding, Installed, MachineInfo};

/// Frames the tap delivered without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturePiece {
    /// Index of the first frame.
    pub first_frame: u64,
    /// The frames, in the scenario's format.
    pub bytes: Vec<u8>,
}

/// How a machine's life ended before it should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// The step it was in: `install`, `run`, ….
    pub step: &'static str,
    /// One line: what happened and where.
    pub summary: String,
    /// The machine's whole report, when it could still give one.
    pub report: Option<String>,
}

/// What was observed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// What the machine is; `None` when it never came up.
    pub machine: Option<MachineInfo>,
    /// What the installation led to; `None` when it did not get that far.
    pub installed: Option<Installed>,
    /// Why the machine would not install the package.
    pub refused: Option<String>,
    /// Observations, in order of time.
    pub events: Vec<Stamped>,
    /// What the tap delivered.
    pub capture: Vec<CapturePiece>,
    /// Rules the driver broke.
    pub findings: Vec<Finding>,
    /// How the machine ended, if not by request.
    pub crash: Option<Crash>,
    /// Whether every step, removal and shut-down included, was carried out.
    pub complete: bool,
}
