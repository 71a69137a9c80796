//! Which formats a device takes: every rate with every channel count up to the device's most and every sample format.

use crate::format::{AudioRange, Format, FormatError, SampleFormat, default_mask};
use crate::settings::Settings;
use crate::units::FrameRate;

/// Every rate that is taken, from the lowest up.
pub const RATES: [FrameRate; 11] = [
    FrameRate::new(8_000).unwrap(),
    FrameRate::new(11_025).unwrap(),
    FrameRate::new(16_000).unwrap(),
    FrameRate::new(22_050).unwrap(),
    FrameRate::new(32_000).unwrap(),
    FrameRate::new(44_100).unwrap(),
    FrameRate::new(48_000).unwrap(),
    FrameRate::new(88_200).unwrap(),
    FrameRate::new(96_000).unwrap(),
    FrameRate::new(176_400).unwrap(),
    FrameRate::new(192_000).unwrap(),
];

/// Every sample format, the one that holds most first: 24 bits in three bytes before the same in four, because they need
/// less room.
const BEST_FIRST: [SampleFormat; 5] = [
    SampleFormat::Pcm32,
    SampleFormat::Pcm24,
    SampleFormat::Pcm24In32,
    SampleFormat::Pcm16,
    SampleFormat::Float32,
];

/// The formats that one device takes, and the one it prefers. It is the same for all its pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    channels: u16,
    preferred_channels: u16,
    rate: FrameRate,
    sample: SampleFormat,
}

impl Capability {
    /// The most channels a device can be given.
    pub const MOST_CHANNELS: u16 = 16;
    /// How many ranges describe a device ([`Self::ranges`]).
    pub const RANGES: usize = RATES.len().saturating_mul(2);
    /// 48 kHz, 24 bits: what AES67 asks of every device.
    const USUAL: (FrameRate, SampleFormat) = (FrameRate::new(48_000).unwrap(), SampleFormat::Pcm24);

    /// A device with up to `channels` channels that prefers a rate (in hertz) and a sample format. Channels out of range
    /// become the nearest count in range, a rate that is not taken becomes 48 kHz.
    #[must_use]
    pub fn new(channels: u16, rate: u32, sample: SampleFormat) -> Self {
        let taken = RATES.into_iter().find(|taken| taken.hertz() == rate);
        Self {
            channels: channels.clamp(1, Self::MOST_CHANNELS),
            preferred_channels: channels.clamp(1, Self::MOST_CHANNELS),
            rate: taken.unwrap_or(Self::USUAL.0),
            sample,
        }
    }

    /// What a device takes that is set up so.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let format = settings.default_format;
        let all = Self::new(settings.channels, format.rate.hertz(), format.sample);
        Self {
            preferred_channels: format.channels.clamp(1, all.channels),
            ..all
        }
    }

    /// A device with up to `channels` channels that prefers the usual format.
    #[must_use]
    pub fn usual(channels: u16) -> Self {
        let (rate, sample) = Self::USUAL;
        Self::new(channels, rate.hertz(), sample)
    }

    /// Most channels of a format.
    #[must_use]
    pub const fn channels(&self) -> u16 {
        self.channels
    }

    /// Bytes in the largest frame.
    #[must_use]
    pub const fn frame_bytes(&self) -> u16 {
        self.channels.saturating_mul(4)
    }

    /// Bytes in a second of the largest format.
    #[must_use]
    pub fn second_bytes(&self) -> usize {
        let most = RATES.map(FrameRate::hertz).into_iter().max();
        let bytes = most.unwrap_or(0).saturating_mul(self.frame_bytes().into());
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// The format that the device proposes.
    #[must_use]
    pub const fn preferred(&self) -> Format {
        Format {
            rate: self.rate,
            channels: self.preferred_channels,
            sample: self.sample,
            channel_mask: default_mask(self.preferred_channels),
        }
    }

    /// Whether a format is taken; if not, which of its properties is not.
    ///
    /// # Errors
    /// [`FormatError::UnsupportedRate`] or [`FormatError::UnsupportedChannels`]; every sample format is taken.
    pub fn accepts(&self, format: &Format) -> Result<(), FormatError> {
        if !RATES.contains(&format.rate) {
            return Err(FormatError::UnsupportedRate);
        }
        if !(1..=self.channels).contains(&format.channels) {
            return Err(FormatError::UnsupportedChannels);
        }
        Ok(())
    }

    /// The ranges that together hold exactly what is taken, the preferred rate first and then from the highest down; PCM before
    /// float.
    ///
    /// A range with a span of rates would hold rates that nobody takes, so each rate has its own. The span of bits holds
    /// nothing else, because containers are whole bytes.
    pub fn ranges(&self) -> impl Iterator<Item = AudioRange> {
        let max_channels = u32::from(self.channels);
        self.rates().flat_map(move |rate| {
            [false, true].map(|float| AudioRange {
                pcm: !float,
                float,
                max_channels,
                bits: if float { (32, 32) } else { (16, 32) },
                rates: (rate.hertz(), rate.hertz()),
            })
        })
    }

    /// Every rate, the preferred one first.
    pub(crate) fn rates(&self) -> impl Iterator<Item = FrameRate> {
        preferred_first(self.rate, RATES.into_iter().rev())
    }

    /// Every sample format, the preferred one first.
    pub(crate) fn samples(&self) -> impl Iterator<Item = SampleFormat> {
        preferred_first(self.sample, BEST_FIRST.into_iter())
    }
}

fn preferred_first<T: Copy + PartialEq>(
    preferred: T,
    all: impl Iterator<Item = T>,
) -> impl Iterator<Item = T> {
    core::iter::once(preferred).chain(all.filter(move |one| *one != preferred))
}
