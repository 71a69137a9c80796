//! From one format to another: samples, channels, rate. Integers only, no allocation, no division per frame.
//!
//! A [`Converter`] makes the output frames that are due from a [`Source`] of input frames, which it asks by number; what the
//! source does not have is silence. Both count on one time axis: input frame `i` sounds at `i / input rate`, and
//! [`Converter::seek`] says where on it the next output frame lies, as an exact fraction. Each further one lies
//! `input rate / output rate` frames on, in integers, so nothing drifts however long it runs.
//!
//! - **Same format**: the bytes, untouched, floats included.
//! - **Samples** (`sample.rs`): through 32-bit fixed point; widening exact, narrowing to the nearest, saturated.
//! - **Channels** (`route.rs`): copied by speaker, with a fold for mono; the table stands there.
//! - **Rate** (`rate.rs`): a linear-phase filter of 64 frames of the lower rate (`kernel.rs`). Between any two of
//!   the eleven rates it passes up to 0.4 of the lower rate within 0.001 dB, stops from 0.5 of it on by 96 dB, adds distortion
//!   and noise of -104 dB of the signal (the tests' limits), and delays by [`Converter::latency`]. Audio beyond full scale
//!   saturates.

mod direct;
mod float;
mod kernel;
mod rate;
mod route;
mod sample;

pub use rate::Place;

use crate::format::Format;
use crate::units::{FrameRate, Frames, Hns};
use rate::Resampler;
use route::Route;

/// The most channels converted.
pub const MOST_CHANNELS: u16 = 16;

/// The largest of the rates, for [`storage_samples`].
const HIGHEST_RATE: FrameRate = FrameRate::new(192_000).unwrap();

/// Input frames that lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Frames in the converter's input format. What is behind the last whole frame is ignored.
    Audio(&'a [u8]),
    /// So many frames are not there, or not to be had.
    Silence(u64),
}

/// Where input frames come from.
pub trait Source {
    /// The frames from `first` on that lie together, at least one. At most `most` of them are used, which is at least 1.
    ///
    /// Numbers may be negative or not written yet. An answer without frames is taken as silence.
    fn frames(&self, first: i64, most: u64) -> Piece<'_>;
}

/// Makes frames of one format from frames of another.
#[derive(Clone, Debug)]
pub struct Converter {
    from: Format,
    to: Format,
    route: Route,
    rate: Rate,
}

#[derive(Clone, Debug)]
enum Rate {
    /// Number of the next frame.
    Equal {
        next: i64,
    },
    Other(Resampler),
}

impl Converter {
    /// A converter whose next frame is input frame 0. `None` for more than [`MOST_CHANNELS`] channels, none, or rates that are
    /// more than 24 times apart.
    #[must_use]
    pub fn new(from: &Format, to: &Format) -> Option<Self> {
        let channels = 1..=MOST_CHANNELS;
        if !channels.contains(&from.channels) || !channels.contains(&to.channels) {
            return None;
        }
        let rate = if from.rate == to.rate {
            Rate::Equal { next: 0 }
        } else {
            Rate::Other(Resampler::new(from.rate, to.rate)?)
        };
        Some(Self {
            from: *from,
            to: *to,
            route: Route::new(from, to),
            rate,
        })
    }

    /// The input's format.
    #[must_use]
    pub fn from(&self) -> &Format {
        &self.from
    }

    /// The output's format.
    #[must_use]
    pub fn to(&self) -> &Format {
        &self.to
    }

    /// Into how many parts an input frame is divided: [`Place::part`] counts them. 1 for equal rates.
    #[must_use]
    pub fn parts(&self) -> u32 {
        match &self.rate {
            Rate::Equal { .. } => 1,
            Rate::Other(resampler) => resampler.parts(),
        }
    }

    /// How much later than it sounds in the input a frame comes out, in input frames: 0 for equal rates, otherwise half the
    /// filter and one frame, so that an output frame never needs input that sounds after it.
    #[must_use]
    pub fn latency(&self) -> Frames {
        match &self.rate {
            Rate::Equal { .. } => Frames::ZERO,
            Rate::Other(resampler) => Frames(resampler.latency()),
        }
    }

    /// [`Self::latency`] as a time, rounded up.
    #[must_use]
    pub fn latency_time(&self) -> Hns {
        self.from.rate.time(self.latency())
    }

    /// Whether the output's bytes are the input's.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        matches!(self.rate, Rate::Equal { .. })
            && self.from.sample == self.to.sample
            && self.route.is_identity()
    }

    /// The next output frame sounds at `place` of the input; its audio is that of [`Self::latency`] earlier. After a seek the
    /// input is read anew.
    pub fn seek(&mut self, place: Place) {
        match &mut self.rate {
            Rate::Equal { next } => *next = place.frame,
            Rate::Other(resampler) => resampler.seek(place),
        }
    }

    /// Where the output frame `frames` after the one at `origin` sounds.
    #[must_use]
    pub fn place_after(&self, origin: Place, frames: Frames) -> Place {
        match &self.rate {
            Rate::Equal { .. } => origin.moved(frames.0),
            Rate::Other(resampler) => resampler.after(origin, frames.0),
        }
    }

    /// Fills `out` with the next frames; bytes behind the last whole frame are left alone.
    ///
    /// `storage` is memory that stays with this converter until the next [`Self::seek`], [`storage_samples`] long; equal rates
    /// need none. With too little of it, frames of another rate are silence.
    pub fn convert<S: Source + ?Sized>(&mut self, source: &S, storage: &mut [i32], out: &mut [u8]) {
        match &mut self.rate {
            Rate::Equal { next } => {
                direct::convert(&self.from, &self.to, &self.route, source, next, out);
            }
            Rate::Other(resampler) => {
                resampler.convert(&self.from, &self.to, &self.route, source, storage, out);
            }
        }
    }
}

/// Storage that a converter to `to` needs from any format, in 32-bit numbers.
#[must_use]
pub fn storage_samples(to: &Format) -> usize {
    rate::storage_samples(HIGHEST_RATE, to)
}

#[cfg(test)]
mod tests;
