//! Wave formats (mmreg.h, ksmedia.h); packed to one byte, as the headers are.

use crate::{Guid, KSDATAFORMAT};

/// `WAVEFORMATEX`. 18 bytes, unaligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed)]
pub struct WAVEFORMATEX {
    /// [`WAVE_FORMAT_PCM`], [`WAVE_FORMAT_IEEE_FLOAT`], [`WAVE_FORMAT_EXTENSIBLE`] …
    pub wFormatTag: u16,
    /// Samples in a frame.
    pub nChannels: u16,
    /// Frames per second.
    pub nSamplesPerSec: u32,
    /// Bytes per second.
    pub nAvgBytesPerSec: u32,
    /// Bytes in a frame.
    pub nBlockAlign: u16,
    /// Bits in a sample's container.
    pub wBitsPerSample: u16,
    /// Bytes that follow this structure and belong to the format.
    pub cbSize: u16,
}

/// `WAVEFORMATEXTENSIBLE`. 40 bytes, unaligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed)]
pub struct WAVEFORMATEXTENSIBLE {
    /// `wFormatTag` is [`WAVE_FORMAT_EXTENSIBLE`] and `cbSize` at least 22.
    pub Format: WAVEFORMATEX,
    /// Bits of precision in a sample's container.
    pub wValidBitsPerSample: u16,
    /// `SPEAKER_…` bits of the channels, in the order of the bits.
    pub dwChannelMask: u32,
    /// The encoding.
    pub SubFormat: Guid,
}

/// `KSDATAFORMAT_WAVEFORMATEX`. 82 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed)]
pub struct KSDATAFORMAT_WAVEFORMATEX {
    /// `Specifier` is [`KSDATAFORMAT_SPECIFIER_WAVEFORMATEX`](crate::id::KSDATAFORMAT_SPECIFIER_WAVEFORMATEX).
    pub DataFormat: UnalignedDataFormat,
    /// The wave format.
    pub WaveFormatEx: WAVEFORMATEX,
}

/// `KSDATAFORMAT_WAVEFORMATEXTENSIBLE`. 104 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed)]
pub struct KSDATAFORMAT_WAVEFORMATEXTENSIBLE {
    /// `Specifier` is [`KSDATAFORMAT_SPECIFIER_WAVEFORMATEX`](crate::id::KSDATAFORMAT_SPECIFIER_WAVEFORMATEX).
    pub DataFormat: UnalignedDataFormat,
    /// The wave format.
    pub WaveFormatExt: WAVEFORMATEXTENSIBLE,
}

/// A [`KSDATAFORMAT`] at any address: Rust does not put an aligned structure into a packed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed)]
pub struct UnalignedDataFormat {
    /// See [`KSDATAFORMAT::FormatSize`].
    pub FormatSize: u32,
    /// See [`KSDATAFORMAT::Flags`].
    pub Flags: u32,
    /// See [`KSDATAFORMAT::SampleSize`].
    pub SampleSize: u32,
    /// See [`KSDATAFORMAT::Reserved`].
    pub Reserved: u32,
    /// See [`KSDATAFORMAT::MajorFormat`].
    pub MajorFormat: Guid,
    /// See [`KSDATAFORMAT::SubFormat`].
    pub SubFormat: Guid,
    /// See [`KSDATAFORMAT::Specifier`].
    pub Specifier: Guid,
}

impl From<KSDATAFORMAT> for UnalignedDataFormat {
    fn from(format: KSDATAFORMAT) -> Self {
        let KSDATAFORMAT {
            FormatSize,
            Flags,
            SampleSize,
            Reserved,
            MajorFormat,
            SubFormat,
            Specifier,
        } = format;
        Self {
            FormatSize,
            Flags,
            SampleSize,
            Reserved,
            MajorFormat,
            SubFormat,
            Specifier,
        }
    }
}

/// `WAVE_FORMAT_PCM` (mmreg.h).
pub const WAVE_FORMAT_PCM: u16 = 1;
/// `WAVE_FORMAT_IEEE_FLOAT` (mmreg.h).
pub const WAVE_FORMAT_IEEE_FLOAT: u16 = 3;
/// `WAVE_FORMAT_EXTENSIBLE` (mmreg.h).
pub const WAVE_FORMAT_EXTENSIBLE: u16 = 0xFFFE;

/// `SPEAKER_FRONT_LEFT` (ksmedia.h).
pub const SPEAKER_FRONT_LEFT: u32 = 1;
/// `SPEAKER_FRONT_RIGHT` (ksmedia.h).
pub const SPEAKER_FRONT_RIGHT: u32 = 2;
/// `KSAUDIO_SPEAKER_STEREO` (ksmedia.h).
pub const KSAUDIO_SPEAKER_STEREO: u32 = SPEAKER_FRONT_LEFT | SPEAKER_FRONT_RIGHT;
