//! Which frame was played when: the relation between a run of the capture stream and a run of the render stream.

use crate::buffer::Span;
use crate::clock::Timeline;
use crate::convert::{Converter, Piece, Place, Source};
use crate::format::Format;
use crate::memory::CyclicMemory;
use crate::tap::{Run, Tap};
use crate::units::Frames;

use super::Work;

/// The first frame of the run `own` that begins when the run `other` has begun.
pub(super) fn begin(own: &Timeline, other: &Timeline) -> Frames {
    let before = own.position(other.at);
    let exact = own.time_of(before) >= other.at;
    before.saturating_add(Frames((!exact).into()))
}

/// Which frame of the run `other` was being played when the run `own` began, in parts of which `parts` make a frame, rounded
/// down. Divides; a frame before `other` began may have a negative number.
fn place(own: &Timeline, other: &Timeline, parts: u32) -> Place {
    // Times are 95 bits apart at most, in practice 80 (100 days at 10 MHz); rate and parts add 32.
    let units = own.at.0.saturating_sub(other.at.0);
    let scaled = units
        .saturating_mul(other.rate.hertz().into())
        .saturating_mul(parts.into());
    let all = scaled
        .checked_div_euclid(other.units_per_second().get().cast_signed())
        .unwrap_or(0);
    let parts = i128::from(parts.max(1));
    let frame = all.checked_div_euclid(parts).unwrap_or(0);
    let part = all.checked_rem_euclid(parts).unwrap_or(0);
    let frame = i64::try_from(frame).unwrap_or(i64::MIN);
    Place {
        frame: frame.saturating_add_unsigned(other.frame.0),
        // Below `parts`, which has 32 bits.
        part: part as u32,
    }
}

/// A run of the render stream that is recorded, seen from a run of the capture stream.
#[derive(Clone, Debug)]
pub(super) struct Link {
    run: Run,
    /// `None` for formats that cannot be converted, of which there are none that a pin takes.
    converter: Option<Converter>,
    /// What was being played when the capture stream's run began.
    origin: Place,
    /// The capture frame that the converter makes next.
    next: Option<Frames>,
}

impl Link {
    pub(super) fn new(run: Run, format: &Format, timeline: &Timeline) -> Self {
        let converter = Converter::new(&run.format, format);
        let parts = converter.as_ref().map_or(1, Converter::parts);
        Self {
            run,
            converter,
            origin: place(timeline, &run.timeline, parts),
            next: None,
        }
    }

    pub(super) const fn run(&self) -> &Run {
        &self.run
    }

    /// Records frames from `first` on into a span.
    pub(super) fn record<M, S, N, B>(
        &mut self,
        timeline: &Timeline,
        first: Frames,
        span: Span,
        memory: &mut M,
        tap: &Tap<S>,
        work: &mut Work<N, B>,
    ) where
        M: CyclicMemory + ?Sized,
        S: AsRef<[u8]> + AsMut<[u8]>,
        N: AsMut<[i32]>,
        B: AsMut<[u8]>,
    {
        if span.frames == 0 {
            return;
        }
        let (offset, bytes) = (span.offset as usize, span.bytes as usize);
        let source = tap.frames_of(&self.run);
        let Some(converter) = &mut self.converter else {
            memory.clear(offset, bytes);
            return;
        };
        let since = first.saturating_sub(timeline.frame);
        if converter.is_exact() {
            let place = converter.place_after(self.origin, since);
            copy(&source, place.frame, span, memory);
            return;
        }
        if self.next != Some(first) {
            converter.seek(converter.place_after(self.origin, since));
        }
        self.next = Some(first.saturating_add(Frames(span.frames)));
        let frame_bytes = usize::from(converter.to().frame_bytes());
        let room = work.bytes.as_mut();
        let whole = room
            .chunks_exact(frame_bytes)
            .len()
            .saturating_mul(frame_bytes);
        let room = room.get_mut(..whole).unwrap_or_default();
        let mut done = 0;
        while done < bytes {
            let length = bytes.saturating_sub(done).min(whole);
            let Some(out) = room.get_mut(..length).filter(|out| !out.is_empty()) else {
                memory.clear(offset.saturating_add(done), bytes.saturating_sub(done));
                return;
            };
            converter.convert(&source, work.numbers.as_mut(), out);
            memory.put(offset.saturating_add(done), out);
            done = done.saturating_add(length);
        }
    }
}

/// Copies frames from `first` on into a span, without a step in between.
fn copy<M, T>(source: &T, mut first: i64, span: Span, memory: &mut M)
where
    M: CyclicMemory + ?Sized,
    T: Source + ?Sized,
{
    let frame_bytes = (span.bytes as usize)
        .checked_div(span.frames as usize)
        .unwrap_or(0);
    let (mut offset, mut left) = (span.offset as usize, span.frames);
    while left > 0 {
        let (bytes, frames) = match source.frames(first, left) {
            Piece::Audio(audio) => {
                memory.put(offset, audio);
                let frames = audio.len().checked_div(frame_bytes).unwrap_or(0);
                (audio.len(), frames as u64)
            }
            Piece::Silence(frames) => {
                let frames = frames.min(left);
                // Fits: it lies in the span.
                let bytes = (frames as usize).saturating_mul(frame_bytes);
                memory.clear(offset, bytes);
                (bytes, frames)
            }
        };
        if frames == 0 {
            return;
        }
        offset = offset.saturating_add(bytes);
        first = first.wrapping_add_unsigned(frames);
        left = left.saturating_sub(frames);
    }
}
