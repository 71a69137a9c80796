//! Which formats are taken, as data.

use crate::format::{Format, FormatError, SampleFormat};

/// A set of formats: every rate with every channel count in the range and every sample format.
#[derive(Clone, Copy, Debug)]
pub struct Capability {
    /// Rates in hertz, the preferred one first.
    pub rates: &'static [u32],
    /// Fewest and most channels.
    pub channels: (u16, u16),
    /// Sample formats, the preferred one first.
    pub samples: &'static [SampleFormat],
}

impl Capability {
    const fn channels_fit(&self, channels: u16) -> bool {
        channels >= self.channels.0 && channels <= self.channels.1
    }
}

/// What the render pin takes in this version.
pub const RENDER: &[Capability] = &[Capability {
    rates: &[48_000],
    channels: (2, 2),
    samples: &[
        SampleFormat::Pcm32,
        SampleFormat::Pcm24,
        SampleFormat::Pcm24In32,
        SampleFormat::Pcm16,
        SampleFormat::Float32,
    ],
}];

/// Whether a format is in one of the sets; if not, which of its properties is in none.
pub fn accepts(capabilities: &[Capability], format: &Format) -> Result<(), FormatError> {
    let rate = |set: &&Capability| set.rates.contains(&format.rate.hertz());
    let channels = |set: &&Capability| set.channels_fit(format.channels);
    let sample = |set: &&Capability| set.samples.contains(&format.sample);
    if !capabilities.iter().any(|set| rate(&set)) {
        return Err(FormatError::UnsupportedRate);
    }
    if !capabilities.iter().filter(rate).any(|set| channels(&set)) {
        return Err(FormatError::UnsupportedChannels);
    }
    if !capabilities
        .iter()
        .filter(rate)
        .filter(channels)
        .any(|set| sample(&set))
    {
        return Err(FormatError::UnsupportedSample);
    }
    Ok(())
}
