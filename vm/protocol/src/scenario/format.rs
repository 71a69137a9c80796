//! A stream's format.

use serde::{Deserialize, Serialize};

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
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Pcm16,
        Self::Pcm24,
        Self::Pcm24In32,
        Self::Pcm32,
        Self::Float32,
    ];

    /// The one with so many bits in its container, of which `valid` count; `None` when there is no such.
    pub fn of(float: bool, bits: u16, valid: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|sample| {
            (*sample == Self::Float32) == float
                && sample.bytes() * 8 == usize::from(bits)
                && sample.valid_bits() == valid
        })
    }

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
