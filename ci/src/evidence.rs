//! What a run gave: collected reply by reply, kept whatever happens.

use std::collections::BTreeMap;

use waverig_protocol::inspection::Inspection;
use waverig_protocol::noise::{Noise, Time};
use waverig_protocol::timeline::Stamped;
use waverig_protocol::{
    Finding, Installed, MachineInfo, PROTOCOL_VERSION, Program, Recorded, Reply, Severity,
};

/// Everything a machine told about one scenario.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The machine.
    pub machine: MachineInfo,
    /// What the installation led to; `None` when it did not get that far.
    pub installed: Option<Installed>,
    /// What the installed device offers, when it was looked at.
    pub inspection: Option<Box<Inspection>>,
    /// Why the machine would not install the package.
    pub refused: Option<String>,
    /// What the tap delivered to the main program, in the order it came.
    pub capture: Vec<Piece>,
    /// What other programs were given, each in its own format.
    pub captures: BTreeMap<Program, Vec<Piece>>,
    /// What was observed, in the order it came.
    pub timeline: Vec<Stamped>,
    /// What the driver recorded, in order.
    pub recorded: Vec<Recorded>,
    /// Records that were overwritten before they were read.
    pub records_lost: u64,
    /// Rules that were broken.
    pub findings: Vec<Finding>,
    /// The crash, if there was one.
    pub fault: Option<Fault>,
    /// How late the machine's own timers were, before and after.
    pub noise: Vec<Noise>,
    /// The machine's log.
    pub log: Vec<String>,
    /// Why the run ended before it was done, as the host saw it.
    pub incomplete: Option<String>,
}

/// A stretch of captured audio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Index of its first frame in the stream.
    pub first_frame: u64,
    /// Its frames, in the program's format.
    pub bytes: Vec<u8>,
}

/// A crash of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened and where, in one line.
    pub summary: String,
    /// The report for people.
    pub text: String,
    /// The report for programs; may be empty.
    pub json: Vec<u8>,
}

impl Fault {
    /// The beginning of the report: what, where, why, and how to see it again.
    pub fn head(&self) -> &str {
        self.text.split("\n\n").next().unwrap_or_default()
    }
}

impl Evidence {
    /// No evidence yet.
    pub fn new(machine: MachineInfo) -> Self {
        Self {
            machine,
            installed: None,
            inspection: None,
            refused: None,
            capture: Vec::new(),
            captures: BTreeMap::new(),
            timeline: Vec::new(),
            recorded: Vec::new(),
            records_lost: 0,
            findings: Vec::new(),
            fault: None,
            noise: Vec::new(),
            log: Vec::new(),
            incomplete: None,
        }
    }

    /// No evidence yet, of a machine on which the package is installed.
    pub fn on(machine: MachineInfo, installed: Option<Installed>) -> Self {
        Self {
            installed,
            ..Self::new(machine)
        }
    }

    /// No evidence, of a machine that has not said what it is.
    pub fn none() -> Self {
        Self::new(MachineInfo {
            version: PROTOCOL_VERSION,
            system: "never came up".into(),
            qpc_frequency: 1,
            time: Time::Virtual,
        })
    }

    /// Keeps what one reply of the machine says.
    pub fn take(&mut self, reply: Reply, payload: Vec<u8>) {
        match reply {
            Reply::Events { events } => self.timeline.extend(events),
            Reply::Capture {
                program,
                first_frame,
            } => self.pieces(program).push(Piece {
                first_frame,
                bytes: payload,
            }),
            Reply::Recorded { records, lost } => {
                self.recorded.extend(records);
                self.records_lost += lost;
            }
            Reply::Noise(noise) => self.noise.push(noise),
            Reply::Log { line } => self.log.push(line),
            Reply::Finding(finding) => self.findings.push(finding),
            Reply::Fault { summary, text } => {
                self.fault = Some(Fault {
                    summary,
                    text,
                    json: payload,
                });
            }
            Reply::Ready(info) => self.machine = info,
            Reply::Installed(installed) => self.installed = Some(installed),
            Reply::Inspected { inspection } => self.inspection = Some(inspection),
            Reply::Refused(refusal) => {
                self.ended_early(&refusal.reason);
                self.refused = Some(refusal.reason);
            }
            // Hostile programs, services that fail, interleavings and agents are not judged here.
            Reply::Done
            | Reply::Up(_)
            | Reply::Checked { .. }
            | Reply::Left { .. }
            | Reply::File { .. }
            | Reply::FuzzFound { .. }
            | Reply::Lived(_)
            | Reply::FaultFound { .. }
            | Reply::InterleaveFound { .. }
            | Reply::Interleaved(_)
            | Reply::Fuzzed(_)
            | Reply::Window { .. } => {}
        }
    }

    /// The noisiest that the machine was.
    pub fn noise(&self) -> Option<Noise> {
        self.noise.iter().copied().max_by_key(|noise| noise.most)
    }

    fn pieces(&mut self, program: Program) -> &mut Vec<Piece> {
        match program {
            Program::Main => &mut self.capture,
            other => self.captures.entry(other).or_default(),
        }
    }

    /// The crash and the broken rules as people read them.
    pub fn diagnostics(&self) -> Vec<String> {
        let errors = self.findings.iter();
        let errors = errors.filter(|finding| finding.severity == Severity::Error);
        let crash = self.fault.iter().map(|fault| fault.head().to_owned());
        crash.chain(errors.map(Finding::words)).collect()
    }

    /// What a program was given, in the order it came.
    pub fn capture_of(&self, program: Program) -> &[Piece] {
        match program {
            Program::Main => &self.capture,
            other => self.captures.get(&other).map_or(&[], Vec::as_slice),
        }
    }

    /// Says why there will be no more evidence; the first reason counts.
    pub fn ended_early(&mut self, reason: &str) {
        self.incomplete.get_or_insert_with(|| reason.to_owned());
    }
}
