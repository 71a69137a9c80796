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
    pub read_frames: u32,
    /// Reads kept pended at a time.
    #[serde(default = "super::one")]
    pub reads: u32,
    /// When it opens the tap.
    #[serde(default)]
    pub open_ms: u32,
    /// When it closes it; when the stream has ended if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_ms: Option<u32>,
}

fn first() -> u8 {
    1
}
