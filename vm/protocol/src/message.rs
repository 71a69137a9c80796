//! Requests and replies.

use serde::{Deserialize, Serialize};

use crate::Program;
use crate::device::Device;
use crate::fault::{Failed, Life, Lives};
use crate::fuzz::{Round, Tally};
use crate::inspection::Inspection;
use crate::interleave::{Order, Schedule, Tally as Tried};
use crate::noise::{Noise, Time};
use crate::scenario::{Format, Scenario};
use crate::timeline::Stamped;

/// Version of this protocol; both sides must speak the same.
pub const PROTOCOL_VERSION: u32 = 4;

/// What the host asks for. A payload travels with the requests that say so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// First of all. Answered by [`Reply::Ready`].
    Hello {
        /// [`PROTOCOL_VERSION`] of the host.
        version: u32,
    },
    /// A file for the machine; payload: its bytes. Answered by [`Reply::Done`].
    Stage {
        /// A bare file name, no folders.
        name: String,
    },
    /// The same for a file that lies on the machine's payload disk below [`crate::HELD`] under the same name: a slow line need not carry it. Answered
    /// by [`Reply::Done`].
    StageHeld {
        /// A bare file name, no folders.
        name: String,
        /// SHA-256 of what lies there, lower-case hexadecimal.
        sha256: String,
    },
    /// A certificate the machine shall trust as a root and as a publisher; payload: DER. Answered by [`Reply::Done`].
    Trust,
    /// Creates the device and installs the staged driver package. Answered by [`Reply::Installed`] or
    /// [`Reply::Refused`].
    Install {
        /// File name of the staged INF.
        inf: String,
        /// Hardware id of the device node to create.
        hardware_id: String,
        /// What stands in its hardware key before the package is installed.
        device: Box<Device>,
    },
    /// Installs a staged driver as somebody has it lying about: unsigned, in no package. Answered as [`Request::Install`].
    TryOut {
        /// File name of the staged image.
        driver: String,
        /// File name of the staged INF.
        inf: String,
    },
    /// Plays a scenario. Answered by [`Reply::Events`] and [`Reply::Capture`] as they come, then [`Reply::Done`].
    Run {
        /// What to play.
        scenario: Box<Scenario>,
        /// Seeds whatever the machine may choose freely (how late a timer expires, for example).
        seed: u64,
    },
    /// Looks at what the installed device offers. Answered by [`Reply::Inspected`].
    Inspect,
    /// Lets hostile programs loose. Answered by [`Reply::FuzzFound`] when one breaks a rule, then [`Reply::Fuzzed`].
    Fuzz {
        /// What they do.
        round: Round,
    },
    /// Removes and starts the device again and again while services fail. Answered by a [`Reply::Lived`] for each life, until one breaks
    /// a rule, which [`Reply::FaultFound`] tells; then [`Reply::Done`].
    Faults {
        /// What is played, and what fails.
        lives: Box<Lives>,
    },
    /// Tries interleavings of two processors. Answered by [`Reply::InterleaveFound`] when one breaks a rule, then
    /// [`Reply::Interleaved`].
    Interleave {
        /// Which.
        order: Order,
    },
    /// Removes the device and unloads the driver. An agent that carries its requests out itself removes what any agent has left there, also
    /// when that is nothing. Answered by [`Reply::Done`].
    Remove,
    /// The session ends after this, and with it a machine that is a process. Answered by [`Reply::Done`].
    Shutdown,
    /// To the agent, between sessions: what does this machine fulfil of what a run needs? Answered by [`Reply::Checked`].
    Check,
    /// To the agent, between sessions: the operating system starts anew. Answered by [`Reply::Done`], and when it is up again by
    /// [`Reply::Up`].
    Restart,
    /// To the agent, between sessions: the operating system ends. Answered by [`Reply::Done`].
    PowerOff,
    /// To the agent, between sessions: from its next start on the operating system verifies these drivers; without any, those that it
    /// verified before the first such request. Answered by [`Reply::Done`].
    Verify {
        /// File names of drivers: `waverig.sys`.
        drivers: Vec<String>,
    },
    /// To the agent: what is there of a driver, of this run or of one before? Answered by [`Reply::Left`].
    Leftovers {
        /// Hardware id of its device nodes.
        hardware_id: String,
    },
    /// To the agent: what did the operating system write about what happened? Answered by a [`Reply::File`] for each piece of each file,
    /// then [`Reply::Done`].
    Collect,
    /// To the agent, while nothing plays: how late do this machine's timers wake whoever waits? Answered by [`Reply::Noise`].
    Noise {
        /// How often it waits, for [`crate::noise::PERIOD`] each.
        waits: u32,
    },
}

impl Request {
    /// The word by which logs and deliberate failures call it, as on the line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Stage { .. } | Self::StageHeld { .. } => "stage",
            Self::Trust => "trust",
            Self::Install { .. } => "install",
            Self::Run { .. } => "run",
            Self::Inspect => "inspect",
            Self::Fuzz { .. } => "fuzz",
            Self::Faults { .. } => "faults",
            Self::Interleave { .. } => "interleave",
            Self::TryOut { .. } => "try-out",
            Self::Remove => "remove",
            Self::Shutdown => "shutdown",
            Self::Check => "check",
            Self::Restart => "restart",
            Self::PowerOff => "power-off",
            Self::Verify { .. } => "verify",
            Self::Leftovers { .. } => "leftovers",
            Self::Collect => "collect",
            Self::Noise { .. } => "noise",
        }
    }
}

/// What the machine answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// The agent of a machine with an operating system is there; said once after each boot, unasked.
    Up(Up),
    /// What the machine fulfils.
    Checked {
        /// One thing each.
        conditions: Vec<Condition>,
    },
    /// What is there of a driver; nothing after a run that cleaned up behind itself.
    Left {
        /// Device nodes, packages in the driver store, services, certificates: a line each.
        items: Vec<String>,
    },
    /// A piece of a file that the operating system wrote; payload: its bytes.
    File {
        /// A bare file name.
        name: String,
        /// Where in the file the piece belongs, in bytes.
        offset: u64,
    },
    /// How late the machine's timers are.
    Noise(Noise),
    /// The machine is up.
    Ready(MachineInfo),
    /// The request was carried out.
    Done,
    /// The package was installed and the device started.
    Installed(Installed),
    /// The machine would not do it; nothing was changed.
    Refused(Refusal),
    /// What the installed device offers.
    Inspected {
        /// All of it.
        inspection: Box<Inspection>,
    },
    /// Observations, in order of time.
    Events {
        /// The observations.
        events: Vec<Stamped>,
    },
    /// Audio that a program was given, in order; payload: frames in the program's format (see
    /// [`Scenario::format_of`]). What the main program was given is what the tap delivered.
    Capture {
        /// Which program.
        #[serde(default, skip_serializing_if = "Program::is_main")]
        program: Program,
        /// Index of the payload's first frame.
        first_frame: u64,
    },
    /// Hostile programs broke a rule, which [`Reply::Finding`] or [`Reply::Fault`] tells.
    FuzzFound {
        /// Number of the request in the whole of all rounds.
        iteration: u64,
        /// What the request was.
        what: String,
    },
    /// A round of hostile programs is over.
    Fuzzed(Tally),
    /// A life of the device in which services failed is over.
    Lived(Box<Life>),
    /// A rule was broken in a life in which services failed; [`Reply::Finding`] or [`Reply::Fault`] tells which.
    FaultFound {
        /// Which services were to fail.
        plan: Vec<u64>,
        /// Those that did.
        failed: Vec<Failed>,
    },
    /// An interleaving broke a rule, which [`Reply::Finding`] or [`Reply::Fault`] tells.
    InterleaveFound {
        /// Which one.
        schedule: Schedule,
        /// Where the processors were, and what went wrong for programs.
        what: String,
    },
    /// The interleavings of an order were tried.
    Interleaved(Box<Tried>),
    /// A line for the machine's log.
    Log {
        /// The line, without its end.
        line: String,
    },
    /// How many bytes in all the host may have sent since the agent began ([`crate::window`]); the line keeps it for itself.
    Window {
        /// The agent begins: what was sent before does not count.
        begin: bool,
        /// So many.
        bytes: u64,
    },
    /// What the driver itself recorded, in order, as read through its tap when the programs had ended.
    Recorded {
        /// The records.
        records: Vec<Recorded>,
        /// Records that had been overwritten by then.
        lost: u64,
    },
    /// A rule was broken; the run goes on.
    Finding(Finding),
    /// The machine crashed (bug check, access violation, …) and ends. `text` is the report for people; payload: the
    /// same as JSON, when there is one.
    Fault {
        /// One line: what happened and where.
        summary: String,
        /// The whole report.
        text: String,
    },
}

impl Reply {
    /// Whether no further reply to the same request follows.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Ready(_)
            | Self::Done
            | Self::Up(_)
            | Self::Checked { .. }
            | Self::Left { .. }
            | Self::Noise(_)
            | Self::Installed(_)
            | Self::Inspected { .. }
            | Self::Refused(_)
            | Self::Fuzzed(_)
            | Self::Interleaved(_)
            | Self::Fault { .. } => true,
            Self::Events { .. }
            | Self::File { .. }
            | Self::Capture { .. }
            | Self::FuzzFound { .. }
            | Self::Lived(_)
            | Self::FaultFound { .. }
            | Self::InterleaveFound { .. }
            | Self::Log { .. }
            | Self::Window { .. }
            | Self::Recorded { .. }
            | Self::Finding(_) => false,
        }
    }
}

/// An event that the driver recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Its number since the driver was loaded.
    pub sequence: u64,
    /// QPC time the driver gave it.
    pub qpc: i64,
    /// What it is: `state`, `starved`, …: the names of `waverig_interface::EventKind`.
    pub kind: String,
    /// The device's number, 0 for none.
    pub device: u8,
    /// The cable's number, 0 for none.
    pub cable: u8,
    /// How often, one directly after the other.
    pub count: u32,
    /// What the kind says.
    pub values: [u64; 3],
    /// The same in words.
    pub text: String,
}

/// What an agent says of itself when it is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Up {
    /// [`PROTOCOL_VERSION`] of the agent.
    pub version: u32,
    /// The operating system with its build, for reports.
    pub system: String,
    /// How often this machine came up since its disks were made, this time included.
    pub boots: u32,
}

/// One thing that a run needs of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// `test-signing`, `audio-services`, ….
    pub name: String,
    /// Whether it holds; `None` when the machine cannot tell.
    pub holds: Option<bool>,
    /// What was found, and when it does not hold, the next step.
    pub text: String,
}

/// What the machine is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineInfo {
    /// [`PROTOCOL_VERSION`] of the machine.
    pub version: u32,
    /// What runs there, for reports: `simulator`, or the operating system with its build.
    pub system: String,
    /// QPC ticks per second.
    pub qpc_frequency: i64,
    /// Whose time its times are in.
    pub time: Time,
}

/// What an installation led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// SHA-256 of the driver file that was loaded, lower-case hexadecimal.
    pub driver_sha256: String,
    /// Endpoints the machine now lists.
    pub endpoints: Vec<Endpoint>,
}

/// An audio endpoint as the machine lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The name people see.
    pub name: String,
    /// Whether it renders (else it captures).
    pub render: bool,
    /// Form factor: `speakers`, `line-connector`, ….
    pub form_factor: String,
    /// Reference string of the topology filter it belongs to.
    pub filter: String,
    /// The most channels in the ranges of the pin that clients open.
    pub most_channels: u32,
    /// The format that the pin proposes for the mode DEFAULT; `None` when it proposes none.
    pub proposed: Option<Format>,
}

/// Why the machine would not install a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The reason: file, what is wrong with it, next step.
    pub reason: String,
}

/// How bad a broken rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The driver is wrong: the verdict is "failed".
    Error,
    /// Worth knowing; the verdict does not change.
    Note,
}

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the rule, `pool-leak` for example.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// What happened.
    pub text: String,
    /// Where: function and line of the driver, when known.
    pub place: Option<String>,
    /// The document or header that states the rule.
    pub source: String,
    /// All of it for people, in several lines: [`crate::diagnostic`]. Empty when there is no more to say.
    #[serde(default)]
    pub shown: String,
}

impl Finding {
    /// All of it for people.
    #[must_use]
    pub fn words(&self) -> String {
        if !self.shown.is_empty() {
            return self.shown.clone();
        }
        let Self {
            rule, text, source, ..
        } = self;
        let place = self.place.as_deref().unwrap_or("unknown place");
        format!("error[{rule}]: {text}\n --> {place}\n  = documentation: {source}")
    }
}
