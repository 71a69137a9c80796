//! `KSDATARANGE_AUDIO` (ksmedia.h), and the format that two ranges have in common.

use crate::capability::Capability;
use crate::units::FrameRate;

use super::wave::{Head, SPECIFIER_WAVEFORMATEX, SUBTYPE_FLOAT, SUBTYPE_PCM, TYPE_AUDIO};
use super::{Format, FormatError, SampleFormat, default_mask};

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

    /// Whether the range holds formats of a rate and a sample format. Bits are those of the container, `wBitsPerSample`
    /// (inferred: ksmedia.h and its pages leave open whether valid bits are meant).
    fn holds(&self, rate: FrameRate, sample: SampleFormat) -> bool {
        let bits = u32::from(sample.container_bits());
        let kind = if sample.is_float() {
            self.float
        } else {
            self.pcm
        };
        kind && (self.bits.0..=self.bits.1).contains(&bits)
            && (self.rates.0..=self.rates.1).contains(&rate.hertz())
    }

    /// Whether the range holds a format.
    #[must_use]
    pub fn contains(&self, format: &Format) -> bool {
        u32::from(format.channels) <= self.max_channels && self.holds(format.rate, format.sample)
    }
}

/// The best format that lies in both ranges and is taken: in the device's preferred rate and sample format where they allow it,
/// and with the most channels. `None` is `STATUS_NO_MATCH` (WDK: `IMiniport::DataRangeIntersection`).
#[must_use]
pub fn intersect(
    client: &AudioRange,
    ours: &AudioRange,
    capability: &Capability,
) -> Option<Format> {
    let most = client.max_channels.min(ours.max_channels);
    let channels = u16::try_from(most)
        .unwrap_or(u16::MAX)
        .min(capability.channels());
    if channels == 0 {
        return None;
    }
    let both = |rate, sample| client.holds(rate, sample) && ours.holds(rate, sample);
    capability.rates().find_map(|rate| {
        let sample = capability.samples().find(|&sample| both(rate, sample))?;
        Some(Format {
            rate,
            channels,
            sample,
            channel_mask: default_mask(channels),
        })
    })
}
