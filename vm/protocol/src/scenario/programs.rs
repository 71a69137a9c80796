//! The programs of a scenario beside its main player: recorders, players on other cables, further readers of a tap.
//!
//! Times are milliseconds after the scenario began, which is when the main reader of the tap opens it.

use serde::{Deserialize, Serialize};

use super::{Client, Disturbance, Format, Mode, Signal};

/// A program that captures from a cable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorder {
    /// Which cable, counted from 1.
    #[serde(default = "first")]
    pub cable: u8,
    /// In which format; that of the cable's player when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// What kind of client it is.
    pub client: Client,
    /// In which mode it opens its pin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// It is the recorder before it once more, whose stream was stopped and runs again, on the same pin.
    #[serde(default, skip_serializing_if = "is_false")]
    pub again: bool,
    /// How it gets its pin.
    #[serde(default)]
    pub open: Opening,
    /// When its stream runs.
    #[serde(default)]
    pub start_ms: u32,
    /// When it stops its stream.
    pub stop_ms: u32,
    /// What it does wrong on purpose; times are those of its own stream.
    #[serde(default, rename = "disturbance")]
    pub disturbances: Vec<Disturbance>,
}

/// How a program gets its pin. Of each direction of a cable one program has it at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opening {
    /// It is given to it when it asks.
    #[default]
    AtOnce,
    /// It is not, because another program has it; the program gives up.
    Refused,
    /// It asks every millisecond until the other program has closed it.
    Patient,
}

/// A further program that plays. On a cable one plays after the other; the main player is the first on the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Player {
    /// Which cable, counted from 1.
    pub cable: u8,
    /// It is the player before it on this cable once more, whose stream was stopped and runs again, on the same pin.
    #[serde(default, skip_serializing_if = "is_false")]
    pub again: bool,
    /// How it gets its pin.
    #[serde(default)]
    pub open: Opening,
    /// What is played.
    pub signal: Signal,
    /// In which format.
    pub format: Format,
    /// By what kind of client.
    pub client: Client,
    /// In which mode it opens its pin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// When its stream runs.
    #[serde(default)]
    pub start_ms: u32,
    /// When it stops in the middle of its signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_ms: Option<u32>,
    /// How much signal is played, in milliseconds.
    pub duration_ms: u32,
    /// What it does wrong on purpose; times are those of its own stream.
    #[serde(default, rename = "disturbance")]
    pub disturbances: Vec<Disturbance>,
}

/// A further program that reads a cable's tap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TapClient {
    /// Which cable, counted from 1.
    #[serde(default = "first")]
    pub cable: u8,
    /// Each read completes when this many frames are there.
    #[serde(default)]
    pub read_frames: u32,
    /// Reads kept pended at a time; 0: it reads nothing.
    #[serde(default = "super::client::one")]
    pub reads: u32,
    /// How it steers the cable's clock, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steer: Vec<SteerStep>,
    /// It asks what the clock does at these intervals, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ms: Option<u32>,
    /// When it opens the tap.
    #[serde(default)]
    pub open_ms: u32,
    /// When it closes it; when the stream has ended if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_ms: Option<u32>,
    /// Before it reads, it asks for what it cannot have.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hostile: bool,
    /// It does not read, it shares memory, in which each block has `read_frames`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// What it does wrong on purpose.
    #[serde(default, rename = "disturbance")]
    pub disturbances: Vec<TapDisturbance>,
}

impl Default for TapClient {
    /// What a scenario that leaves everything out means.
    fn default() -> Self {
        Self {
            cable: first(),
            read_frames: 0,
            reads: super::client::one(),
            steer: Vec::new(),
            clock_ms: None,
            open_ms: 0,
            close_ms: None,
            hostile: false,
            share: None,
            disturbances: Vec::new(),
        }
    }
}

/// Memory that a tap client shares with the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Blocks it holds.
    pub slots: u32,
    /// New blocks at which the client is woken.
    #[serde(default = "super::client::one")]
    pub wake_blocks: u32,
}

/// What a tap client does wrong on purpose. Times are milliseconds after the scenario began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum TapDisturbance {
    /// It looks at nothing for a while, and asks for nothing.
    TapSlow {
        /// When.
        at_ms: u32,
        /// For how long.
        for_ms: u32,
    },
    /// It cancels all its requests, as another thread of it may, and sends them again.
    TapCancel {
        /// When.
        at_ms: u32,
    },
    /// Another processor cancels all its requests and is held up for 1.5 ms in the middle of each: what would complete them meanwhile
    /// has to leave them alone. It sends them again.
    TapRace {
        /// When.
        at_ms: u32,
    },
    /// Its process is killed: its requests are cancelled, then its handles closed. It is the last that happens.
    TapKill {
        /// When.
        at_ms: u32,
    },
}

impl TapDisturbance {
    /// When it begins.
    pub fn at_ms(&self) -> u32 {
        match *self {
            Self::TapSlow { at_ms, .. }
            | Self::TapCancel { at_ms }
            | Self::TapRace { at_ms }
            | Self::TapKill { at_ms } => at_ms,
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A tap client steers the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SteerStep {
    /// When.
    pub at_ms: u32,
    /// To which rate, in parts per billion above nominal; left out: it lets go of the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ppb: Option<i32>,
}

fn first() -> u8 {
    1
}
