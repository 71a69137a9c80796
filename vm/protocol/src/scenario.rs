//! What a machine is asked to play: the part of a scenario that does not depend on the kind of machine.

use serde::{Deserialize, Serialize};

/// One scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name: the name of its file.
    #[serde(default)]
    pub name: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// How much signal is played, in milliseconds.
    pub duration_ms: u32,
    /// What is played.
    pub signal: Signal,
    /// In which format.
    pub format: Format,
    /// By what kind of client.
    pub client: Client,
    /// What reads the tap.
    #[serde(default)]
    pub tap: Tap,
    /// What goes wrong on purpose.
    #[serde(default, rename = "disturbance")]
    pub disturbances: Vec<Disturbance>,
}

impl Scenario {
    /// Frames of signal that are played.
    pub fn frames(&self) -> u64 {
        u64::from(self.duration_ms) * u64::from(self.format.rate) / 1000
    }
}

/// A reference signal; `waverig-signal` generates it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Signal {
    /// A sine on all channels, each channel a quarter of a period behind the one before.
    Sine {
        /// Hertz.
        frequency: f64,
        /// Decibels below full scale, as a number ≤ 0.
        level_db: f64,
    },
    /// A pattern in which every sample names its frame and channel, so that any lost, repeated or altered frame
    /// shows. Never all zero.
    Counter,
}

/// How samples are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sample {
    /// 16-bit PCM.
    Pcm16,
    /// 24-bit PCM in three bytes.
    Pcm24,
    /// 24-bit PCM in the upper three bytes of four.
    Pcm24In32,
    /// 32-bit PCM.
    Pcm32,
    /// 32-bit IEEE float.
    Float32,
}

impl Sample {
    /// Bytes one sample takes.
    pub fn bytes(self) -> usize {
        match self {
            Self::Pcm16 => 2,
            Self::Pcm24 => 3,
            Self::Pcm24In32 | Self::Pcm32 | Self::Float32 => 4,
        }
    }

    /// Bits that carry the sample's value.
    pub fn valid_bits(self) -> u16 {
        match self {
            Self::Pcm16 => 16,
            Self::Pcm24 | Self::Pcm24In32 => 24,
            Self::Pcm32 | Self::Float32 => 32,
        }
    }
}

/// A stream's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Format {
    /// Frames per second.
    pub rate: u32,
    /// Channels in a frame.
    pub channels: u16,
    /// How a sample is stored.
    pub sample: Sample,
}

impl Format {
    /// Bytes in a frame.
    pub fn frame_bytes(&self) -> usize {
        usize::from(self.channels) * self.sample.bytes()
    }
}

/// The program that plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Client {
    /// Waits for the driver's notification and writes the packet that has become free.
    EventDriven {
        /// Frames in a packet; the buffer holds two.
        packet_frames: u32,
    },
    /// Has a buffer without notifications, asks for the position at intervals and keeps a lead ahead of it.
    Polling {
        /// Frames in the buffer.
        buffer_frames: u32,
        /// Milliseconds between two looks at the position.
        interval_ms: u32,
    },
}

/// The program that reads the tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tap {
    /// Each read completes when this many frames are there.
    pub read_frames: u32,
    /// Reads kept pended at a time.
    #[serde(default = "one")]
    pub reads: u32,
}

fn one() -> u32 {
    1
}

impl Default for Tap {
    fn default() -> Self {
        // 1 ms at 48 kHz: the packet time AES67 demands of every sender.
        Self {
            read_frames: 48,
            reads: 1,
        }
    }
}

/// Something that goes wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Disturbance {
    /// The client does nothing for a while, as if its process were not scheduled.
    ClientStall {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// The driver's timer callbacks do not run for a while, as if the processor were held by somebody else.
    TimerStall {
        /// When, in milliseconds of stream time.
        at_ms: u32,
        /// For how long, in milliseconds.
        for_ms: u32,
    },
}
