//! Another rate: a polyphase filter whose position between input frames is an exact fraction.

use core::num::{NonZeroU32, NonZeroU64, NonZeroU128};

use super::kernel::{ONE_BITS, Stretched, WING, unscaled};
use super::route::{Pick, Route};
use super::{MOST_CHANNELS, Source, direct, sample};
use crate::format::Format;
use crate::units::{FrameRate, mul_div_ceil};

/// How far two rates may lie apart: 192 000 and 8 000.
const MOST_APART: u64 = 24;
/// The most input frames on each side of an output frame.
const MOST_WING: u64 = MOST_APART * WING as u64;

/// A moment on the input's time axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The input frame that sounds, or sounded last.
    pub frame: i64,
    /// How far behind that frame's beginning, in parts ([`parts`](super::Converter::parts)) of a frame.
    pub part: u32,
}

impl Place {
    /// So many whole frames later.
    pub(super) fn moved(self, frames: u64) -> Self {
        Self {
            frame: self.frame.wrapping_add_unsigned(frames),
            ..self
        }
    }
}

/// Input frames per output frame, in lowest terms: `down / up`.
#[derive(Clone, Copy, Debug)]
struct Ratio {
    up: NonZeroU32,
    down: u32,
    /// `down / up` as whole frames and parts.
    step: Place,
    /// 2^63 / up: parts to a fraction of 2^-32 without a division.
    reciprocal: u64,
}

impl Ratio {
    fn new(from: FrameRate, to: FrameRate) -> Option<Self> {
        let common = NonZeroU32::new(common_divisor(from.hertz(), to.hertz()))?;
        let up = NonZeroU32::new(to.hertz() / common)?;
        let down = from.hertz() / common;
        Some(Self {
            up,
            down,
            step: Place {
                frame: (down / up).into(),
                part: down % up,
            },
            reciprocal: (1u64 << 63) / NonZeroU64::from(up),
        })
    }

    /// One output frame later.
    fn next(&self, place: Place) -> Place {
        let frame = place.frame.wrapping_add(self.step.frame);
        let part = place.part.wrapping_add(self.step.part);
        match part.checked_sub(self.up.get()) {
            Some(part) => Place {
                frame: frame.wrapping_add(1),
                part,
            },
            None => Place { frame, part },
        }
    }

    /// So many output frames later. Divides.
    fn after(&self, place: Place, frames: u64) -> Place {
        let parts = u128::from(frames)
            .wrapping_mul(self.down.into())
            .wrapping_add(place.part.into());
        let up = NonZeroU128::from(self.up);
        Place {
            frame: place.frame.wrapping_add((parts / up) as i64),
            part: (parts % up) as u32,
        }
    }

    /// Parts as a fraction of a frame, in units of 2^-32.
    fn fraction(&self, part: u32) -> u32 {
        (u64::from(part).wrapping_mul(self.reciprocal) >> 31) as u32
    }
}

fn common_divisor(a: u32, b: u32) -> u32 {
    match a.checked_rem(b) {
        None => a,
        Some(rest) => common_divisor(b, rest),
    }
}

/// Input frames on each side of an output frame.
fn wing(from: FrameRate, to: FrameRate) -> usize {
    let wing = mul_div_ceil(WING as u64, from.hertz().into(), to.divisor());
    (WING as u64).max(wing) as usize
}

/// Frames of a channel's line: the filter, and as much again so that it seldom has to be moved.
const fn line_frames(wing: usize) -> usize {
    wing.saturating_mul(4)
}

/// See [`storage_samples`](super::storage_samples).
pub(super) fn storage_samples(from: FrameRate, to: &Format) -> usize {
    let wing = wing(from, to.rate).min(MOST_WING as usize);
    let lines = line_frames(wing).saturating_mul(to.channels.min(MOST_CHANNELS).into());
    lines.saturating_add(wing.saturating_mul(2))
}

/// The state of a conversion between two rates.
#[derive(Clone, Debug)]
pub(super) struct Resampler {
    ratio: Ratio,
    wing: usize,
    stretched: Option<Stretched>,
    /// Where the next output frame's filter is centred: [`Self::latency`] before the frame.
    centre: Place,
    /// The input frame at the start of the lines.
    start: i64,
    /// Input frames in the lines.
    filled: usize,
    /// The part whose coefficients are in the storage.
    prepared: Option<u32>,
}

impl Resampler {
    pub(super) fn new(from: FrameRate, to: FrameRate) -> Option<Self> {
        let ratio = Ratio::new(from, to)?;
        let wing = wing(from, to);
        let apart = u64::from(ratio.down).saturating_mul(MOST_APART);
        if wing as u64 > MOST_WING || u64::from(ratio.up.get()) > apart {
            return None;
        }
        let scale = u64::from(ratio.up.get())
            .wrapping_shl(32)
            .checked_div(ratio.down.into())?;
        let mut new = Self {
            ratio,
            wing,
            // A scale of 1 and more does not fit.
            stretched: u32::try_from(scale).ok().map(Stretched::new),
            centre: Place::default(),
            start: 0,
            filled: 0,
            prepared: None,
        };
        new.seek(Place::default());
        Some(new)
    }

    pub(super) fn parts(&self) -> u32 {
        self.ratio.up.get()
    }

    pub(super) fn latency(&self) -> u64 {
        (self.wing as u64).saturating_add(1)
    }

    pub(super) fn seek(&mut self, place: Place) {
        let frame = place.frame.wrapping_sub_unsigned(self.latency());
        let part = place.part.min(self.parts().saturating_sub(1));
        self.centre = Place { frame, part };
        self.filled = 0;
        self.prepared = None;
    }

    pub(super) fn after(&self, origin: Place, frames: u64) -> Place {
        self.ratio.after(origin, frames)
    }

    #[cfg(test)]
    pub(super) fn next_place(&self, place: Place) -> Place {
        self.ratio.next(place)
    }

    /// The first input frame under the filter.
    fn first(&self) -> i64 {
        let before = self.wing.saturating_sub(1) as u64;
        self.centre.frame.wrapping_sub_unsigned(before)
    }

    pub(super) fn convert<S: Source + ?Sized>(
        &mut self,
        from: &Format,
        to: &Format,
        route: &Route,
        source: &S,
        storage: &mut [i32],
        out: &mut [u8],
    ) {
        let taps = self.wing.saturating_mul(2);
        let line = line_frames(self.wing);
        let (coefficients, lines) = storage.split_at_mut(taps.min(storage.len()));
        let frames = out.chunks_exact_mut(to.frame_bytes().into());
        let mut left = frames.len() as u64;
        for frame in frames {
            let first = self.first();
            if !self.holds(first, taps) {
                self.fill(first, left, from, route, source, lines);
            }
            if self.prepared != Some(self.centre.part) {
                let part = self.ratio.fraction(self.centre.part);
                match self.stretched {
                    Some(stretched) => stretched.coefficients(part, coefficients),
                    None => unscaled(part, coefficients),
                }
                self.prepared = Some(self.centre.part);
            }
            let offset = first.wrapping_sub(self.start) as usize;
            let window = offset..offset.saturating_add(taps);
            let values = lines
                .chunks_exact(line)
                .map(|line| filter(line.get(window.clone()).unwrap_or_default(), coefficients));
            let values = values.chain(core::iter::repeat(0)).take(to.channels.into());
            sample::encode_each(to.sample, values, frame, to.sample.bytes().into());
            self.centre = self.ratio.next(self.centre);
            left = left.saturating_sub(1);
        }
    }

    /// Whether the lines hold `taps` frames from `first`.
    fn holds(&self, first: i64, taps: usize) -> bool {
        let offset = usize::try_from(first.wrapping_sub(self.start)).unwrap_or(usize::MAX);
        offset.saturating_add(taps) <= self.filled
    }

    /// Reads what the next `left` output frames need from `first` on, as far as it finds room, but never more: input behind that
    /// may not be there yet.
    fn fill<S: Source + ?Sized>(
        &mut self,
        first: i64,
        left: u64,
        from: &Format,
        route: &Route,
        source: &S,
        lines: &mut [i32],
    ) {
        let line = line_frames(self.wing);
        let passed = usize::try_from(first.wrapping_sub(self.start)).unwrap_or(usize::MAX);
        if passed > self.filled {
            self.start = first;
            self.filled = 0;
        }
        let last = self.ratio.after(self.centre, left.saturating_sub(1)).frame;
        let end = last.wrapping_add_unsigned(self.latency());
        let next = self.start.wrapping_add_unsigned(self.filled as u64);
        let wanted = usize::try_from(end.wrapping_sub(next)).unwrap_or(0);
        if self.filled.saturating_add(wanted) > line && passed <= self.filled {
            for line in lines.chunks_exact_mut(line) {
                line.copy_within(passed..self.filled, 0);
            }
            self.start = first;
            self.filled = self.filled.saturating_sub(passed);
        }
        let mut wanted = wanted.min(line.saturating_sub(self.filled)) as u64;
        while wanted > 0 {
            let next = self.start.wrapping_add_unsigned(self.filled as u64);
            let (audio, frames) = direct::frames(source, from, next, wanted);
            // Fits: at most what a line holds.
            let end = self.filled.saturating_add(frames as usize);
            for (line, pick) in lines.chunks_exact_mut(line).zip(route.picks()) {
                let place = line.get_mut(self.filled..end).unwrap_or_default();
                match audio {
                    Some(audio) => decode(from, audio, pick, place),
                    None => place.fill(0),
                }
            }
            self.filled = end;
            wanted = wanted.saturating_sub(frames);
        }
    }
}

/// One channel of the output's from as many frames as `out` has places.
fn decode(from: &Format, audio: &[u8], pick: Pick, out: &mut [i32]) {
    let frame_bytes = usize::from(from.frame_bytes());
    match pick {
        Pick::Silence => out.fill(0),
        Pick::Copy(channel) => {
            let at = usize::from(channel.saturating_mul(from.sample.bytes()));
            let audio = audio.get(at..).unwrap_or_default();
            sample::decode_each(from.sample, audio, frame_bytes, out);
        }
        Pick::Mean(mean) => {
            for (out, frame) in out.iter_mut().zip(audio.chunks_exact(frame_bytes)) {
                *out = sample::mean(from.sample, frame, mean);
            }
        }
    }
}

/// The filter's output, to the nearest and saturated. The sum fits into 64 bits (a test of the kernel's).
fn filter(window: &[i32], coefficients: &[i32]) -> i32 {
    let sum = window.iter().zip(coefficients).fold(
        1i64 << ONE_BITS >> 1,
        |sum, (sample, coefficient)| {
            sum.wrapping_add(i64::from(*sample).wrapping_mul(i64::from(*coefficient)))
        },
    );
    (sum >> ONE_BITS).clamp(i32::MIN.into(), i32::MAX.into()) as i32
}
