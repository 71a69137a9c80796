//! What a stream's bytes mean: sample format, rate, channels.
//!
//! In every format taken here a frame of silence is all zero, so a cleared place in a buffer is silence.

mod attributes;
mod channels;
mod range;
mod wave;

pub use attributes::{attributes_offset, check_attribute_list, check_attributes};
pub use channels::default_mask;
pub use range::{AudioRange, intersect};

use crate::units::FrameRate;

/// How a sample is stored, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SampleFormat {
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

impl SampleFormat {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Pcm16,
        Self::Pcm24,
        Self::Pcm24In32,
        Self::Pcm32,
        Self::Float32,
    ];

    /// Bytes one sample takes.
    #[must_use]
    pub const fn bytes(self) -> u16 {
        match self {
            Self::Pcm16 => 2,
            Self::Pcm24 => 3,
            Self::Pcm24In32 | Self::Pcm32 | Self::Float32 => 4,
        }
    }

    /// `wBitsPerSample`: bits one sample takes.
    #[must_use]
    pub const fn container_bits(self) -> u16 {
        self.bytes().saturating_mul(8)
    }

    /// `wValidBitsPerSample`: bits of a sample that carry sound.
    #[must_use]
    pub const fn valid_bits(self) -> u16 {
        match self {
            Self::Pcm16 => 16,
            Self::Pcm24 | Self::Pcm24In32 => 24,
            Self::Pcm32 | Self::Float32 => 32,
        }
    }

    /// Whether samples are floating point numbers.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float32)
    }

    fn from_bits(float: bool, container: u16, valid: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|sample| {
            (
                sample.is_float(),
                sample.container_bits(),
                sample.valid_bits(),
            ) == (float, container, valid)
        })
    }
}

/// A stream's format. Whether the driver takes it is [`Capability::accepts`](crate::Capability::accepts)'s to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Frames per second.
    pub rate: FrameRate,
    /// Channels in a frame, 1…[`Self::MAX_CHANNELS`].
    pub channels: u16,
    /// How a sample is stored.
    pub sample: SampleFormat,
    /// `dwChannelMask` (ksmedia.h), never with more bits than there are channels; 0 when the format carried none, or when
    /// its channels have no speaker positions (`KSAUDIO_SPEAKER_DIRECTOUT`).
    pub channel_mask: u32,
}

impl Format {
    /// The most channels any part of this crate deals with.
    pub const MAX_CHANNELS: u16 = 64;

    /// Bytes in a frame.
    #[must_use]
    pub const fn frame_bytes(&self) -> u16 {
        self.channels.saturating_mul(self.sample.bytes())
    }
}

/// Why bytes are no format, or a format is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// There are fewer bytes than the structure has or than it says it has (`FormatSize`, `cbSize`).
    TooShort,
    /// `MajorFormat` is not audio.
    NotAudio,
    /// `Specifier` is not `KSDATAFORMAT_SPECIFIER_WAVEFORMATEX`.
    NotWave,
    /// `wFormatTag` and the subformat GUIDs do not say the same.
    SubFormatMismatch,
    /// `nChannels` is 0 or above [`Format::MAX_CHANNELS`].
    BadChannels,
    /// `nSamplesPerSec` is 0 or above [`FrameRate::MAX`].
    BadRate,
    /// `nBlockAlign` is not channels · container bytes.
    BadBlockAlign,
    /// `nAvgBytesPerSec` is not rate · `nBlockAlign`.
    BadBytesPerSecond,
    /// `wValidBitsPerSample` is 0 or larger than the container.
    BadValidBits,
    /// `dwChannelMask` has bits of `SPEAKER_RESERVED` (ksmedia.h).
    BadChannelMask,
    /// A range whose minimum lies above its maximum.
    EmptyRange,
    /// Neither PCM nor IEEE float, or with a container no sample format has.
    UnsupportedSample,
    /// A rate that is not offered.
    UnsupportedRate,
    /// A channel count that is not offered.
    UnsupportedChannels,
    /// A signal-processing mode that is not offered, or an unknown attribute that is required.
    UnsupportedAttribute,
}

impl FormatError {
    /// Whether the bytes are well formed and the format just is not offered (`STATUS_NOT_SUPPORTED`, `STATUS_NO_MATCH`);
    /// otherwise the caller made a mistake (`STATUS_INVALID_PARAMETER`).
    #[must_use]
    pub const fn is_unsupported(self) -> bool {
        matches!(
            self,
            Self::NotAudio
                | Self::NotWave
                | Self::UnsupportedSample
                | Self::UnsupportedRate
                | Self::UnsupportedChannels
                | Self::UnsupportedAttribute
        )
    }
}

/// Bytes of a `KSDATAFORMAT_WAVEFORMATEXTENSIBLE`, as [`Format::to_ks`] writes it.
pub const KS_EXTENSIBLE_BYTES: usize = 104;

#[cfg(test)]
mod tests;
