//! `KSDATARANGE_AUDIO` (ksmedia.h), and the format that two ranges have in common.

use crate::capability::Capability;
use crate::units::FrameRate;

use super::wave::{Head, SPECIFIER_WAVEFORMATEX, SUBTYPE_FLOAT, SUBTYPE_PCM, TYPE_AUDIO};
use super::{Format, FormatError};

/// A GUID of zeros stands for anything (`KSDATAFORMAT_TYPE_WILDCARD` and its kin, ks.h).
const WILDCARD: [u8; 16] = [0; 16];

/// A range of formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioRange {
    /// Whether it holds PCM formats.
    pub pcm: bool,
    /// Whether it holds IEEE float formats.
    pub float: bool,
    /// Most channels; `u32::MAX` when there is no limit.
    pub max_channels: u32,
    /// Fewest and most bits per sample.
    pub bits: (u32, u32),
    /// Lowest and highest rate in hertz.
    pub rates: (u32, u32),
}

impl AudioRange {
    /// Reads a `KSDATARANGE_AUDIO` from bytes that a client sent. What follows it (attributes) is left alone.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let Head {
            major,
            sub,
            specifier,
            mut rest,
        } = Head::parse(bytes)?;
        if major != TYPE_AUDIO && major != WILDCARD {
            return Err(FormatError::NotAudio);
        }
        if specifier != SPECIFIER_WAVEFORMATEX && specifier != WILDCARD {
            return Err(FormatError::NotWave);
        }
        let range = Self {
            pcm: sub == SUBTYPE_PCM || sub == WILDCARD,
            float: sub == SUBTYPE_FLOAT || sub == WILDCARD,
            max_channels: rest.u32()?,
            bits: (rest.u32()?, rest.u32()?),
            rates: (rest.u32()?, rest.u32()?),
        };
        if !range.pcm && !range.float {
            return Err(FormatError::UnsupportedSample);
        }
        if range.bits.0 > range.bits.1 || range.rates.0 > range.rates.1 {
            return Err(FormatError::EmptyRange);
        }
        Ok(range)
    }

    fn holds(&self, rate: u32, sample: super::SampleFormat) -> bool {
        let bits = u32::from(sample.valid_bits());
        let kind = if sample.is_float() {
            self.float
        } else {
            self.pcm
        };
        kind && (self.bits.0..=self.bits.1).contains(&bits)
            && (self.rates.0..=self.rates.1).contains(&rate)
    }
}

/// The preferred format that lies in both ranges and is taken: the one that stands first in the tables, with the most
/// channels. `None` is `STATUS_NO_MATCH` (WDK: `IMiniport::DataRangeIntersection`).
#[must_use]
pub fn intersect(
    client: &AudioRange,
    ours: &AudioRange,
    capabilities: &[Capability],
) -> Option<Format> {
    let most = client.max_channels.min(ours.max_channels);
    capabilities.iter().find_map(|set| {
        let channels = u16::try_from(most).unwrap_or(u16::MAX).min(set.channels.1);
        if channels < set.channels.0 {
            return None;
        }
        set.samples.iter().find_map(|&sample| {
            let rate = set
                .rates
                .iter()
                .copied()
                .find(|&rate| client.holds(rate, sample) && ours.holds(rate, sample))?;
            Some(Format {
                rate: FrameRate::new(rate)?,
                channels,
                sample,
                channel_mask: default_mask(channels),
            })
        })
    })
}

/// The usual speakers of a channel count (ksmedia.h: `KSAUDIO_SPEAKER_MONO`, `_STEREO`), 0 (no positions) for others.
const fn default_mask(channels: u16) -> u32 {
    match channels {
        1 => 0x4,
        2 => 0x3,
        _ => 0,
    }
}
