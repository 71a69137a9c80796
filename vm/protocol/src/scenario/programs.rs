//! The programs of a scenario beside its main player: recorders, players on other cables, further readers of a tap.
//!
//! Times are milliseconds after the scenario began, which is when the main reader of the tap opens it.

use serde::{Deserialize, Serialize};

use super::{Client, Disturbance, Format, Signal};

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
    /// When its stream runs.
    #[serde(default)]
    pub start_ms: u32,
    /// When it stops its stream.
    pub stop_ms: u32,
    /// What it does wrong on purpose; times are those of its own stream.
    #[serde(default, rename = "disturbance")]
    pub disturbances: Vec<Disturbance>,
}

/// A further program that plays. One player at most plays on a cable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Player {
    /// Which cable, counted from 1; the main player has the first.
    pub cable: u8,
    /// What is played.
    pub signal: Signal,
    /// In which format.
    pub format: Format,
    /// By what kind of client.
    pub client: Client,
    /// When its stream runs.
    #[serde(default)]
    pub start_ms: u32,
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
    #[serde(default = "super::one")]
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
