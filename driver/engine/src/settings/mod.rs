//! The settings of a device: made from what stands in its hardware key, whatever that is.
//!
//! A value that is not there leaves the default, and so does one of the wrong type, out of range or with characters that no
//! name may have; then [`Settings::set`] says what was found, so that the driver can tell. Nothing a user can write into
//! the registry keeps a device from starting.

mod name;
mod raw;

pub use name::{Name, NameError};
pub use raw::{Problem, Raw};

use crate::capability::RATES;
use crate::format::SampleFormat;
use crate::units::FrameRate;

/// Most cables of a device.
pub const MAX_CABLES: u8 = 8;
/// Most channels of a stream.
pub const MAX_CHANNELS: u16 = 16;

/// The default rate: 48 kHz, which with 24 bits is what AES67 asks of every device.
const RATE: FrameRate = FrameRate::new(48_000).unwrap();

/// How the default sample format is spelled.
const SAMPLES: [(&str, SampleFormat); 5] = [
    ("pcm16", SampleFormat::Pcm16),
    ("pcm24", SampleFormat::Pcm24),
    ("pcm24-in32", SampleFormat::Pcm24In32),
    ("pcm32", SampleFormat::Pcm32),
    ("float32", SampleFormat::Float32),
];

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// How many cables the device has: `REG_DWORD`, 1 to [`MAX_CABLES`].
    Cables,
    /// The most channels of a stream: `REG_DWORD`, 1 to [`MAX_CHANNELS`].
    Channels,
    /// Rate of the default format in hertz: `REG_DWORD`, one of those that streams can have.
    DefaultRate,
    /// Samples of the default format: `REG_SZ`, `pcm16`, `pcm24`, `pcm24-in32`, `pcm32` or `float32`.
    DefaultSample,
    /// Channels of the default format: `REG_DWORD`, 1 to `Channels`.
    DefaultChannels,
    /// What the render endpoints are called: `REG_SZ`, see [`Name`].
    RenderName,
    /// What the capture endpoints are called: `REG_SZ`, see [`Name`].
    CaptureName,
}

impl Setting {
    /// All of them, in the order in which they are to be set.
    pub const ALL: [Self; 7] = [
        Self::Cables,
        Self::Channels,
        Self::DefaultRate,
        Self::DefaultSample,
        Self::DefaultChannels,
        Self::RenderName,
        Self::CaptureName,
    ];

    /// What is allowed, for people.
    #[must_use]
    pub const fn allowed(self) -> &'static str {
        match self {
            Self::Cables => "REG_DWORD, 1 to 8",
            Self::Channels => "REG_DWORD, 1 to 16",
            Self::DefaultRate => "REG_DWORD, a rate that streams can have",
            Self::DefaultSample => "REG_SZ, pcm16, pcm24, pcm24-in32, pcm32 or float32",
            Self::DefaultChannels => "REG_DWORD, 1 to Channels",
            Self::RenderName | Self::CaptureName => "REG_SZ, at most 60 printing characters",
        }
    }

    /// Name of the value in the registry; ASCII.
    #[must_use]
    pub const fn value_name(self) -> &'static str {
        match self {
            Self::Cables => "Cables",
            Self::Channels => "Channels",
            Self::DefaultRate => "DefaultRate",
            Self::DefaultSample => "DefaultSample",
            Self::DefaultChannels => "DefaultChannels",
            Self::RenderName => "RenderName",
            Self::CaptureName => "CaptureName",
        }
    }
}

/// The format that is proposed to whoever has no wish of his own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultFormat {
    /// Frames per second.
    pub rate: FrameRate,
    /// How a sample is stored.
    pub sample: SampleFormat,
    /// Channels in a frame; at most [`Settings::channels`].
    pub channels: u16,
}

/// What a device is set to; every value is in its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Cables, 1 to [`MAX_CABLES`].
    pub cables: u8,
    /// The most channels of a stream, 1 to [`MAX_CHANNELS`].
    pub channels: u16,
    /// The default format.
    pub default_format: DefaultFormat,
    /// What the render endpoints are called; `None` leaves it to the INF.
    pub render_name: Option<Name>,
    /// What the capture endpoints are called; `None` leaves it to the INF.
    pub capture_name: Option<Name>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cables: 1,
            channels: 2,
            default_format: DefaultFormat {
                rate: RATE,
                sample: SampleFormat::Pcm24,
                channels: 2,
            },
            render_name: None,
            capture_name: None,
        }
    }
}

impl Settings {
    /// Takes over one value. [`Setting::Channels`] is to be set before [`Setting::DefaultChannels`].
    ///
    /// # Errors
    /// What is wrong with the value; the setting is at its default then.
    pub fn set(&mut self, setting: Setting, raw: Raw<'_>) -> Result<(), Problem> {
        match setting {
            Setting::Cables => {
                self.cables = raw.number(1..=u32::from(MAX_CABLES))?;
            }
            Setting::Channels => {
                self.channels = raw.number(1..=u32::from(MAX_CHANNELS))?;
                // Who has fewer channels than the default format has not asked for more by leaving that alone.
                self.default_format.channels = self.default_format.channels.min(self.channels);
            }
            Setting::DefaultRate => {
                let hertz = raw.dword()?;
                let known = RATES.into_iter().find(|rate| rate.hertz() == hertz);
                self.default_format.rate = known.ok_or(Problem::OutOfRange { found: hertz })?;
            }
            Setting::DefaultSample => {
                let text = raw.text()?;
                let found = SAMPLES.iter().find(|(word, _)| text.is(word));
                self.default_format.sample = found.ok_or(Problem::UnknownWord)?.1;
            }
            Setting::DefaultChannels => {
                self.default_format.channels = raw.number(1..=u32::from(self.channels))?;
            }
            Setting::RenderName => self.render_name = Name::from_text(raw.text()?)?,
            Setting::CaptureName => self.capture_name = Name::from_text(raw.text()?)?,
        }
        Ok(())
    }
}

const _: () = assert!(MAX_CABLES == 8 && MAX_CHANNELS == 16 && Name::MAX_UNITS == 60);

#[cfg(test)]
mod tests;
