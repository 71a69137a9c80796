//! The writer's side of the ring.

use core::ops::Range;

use crate::buffer::Span;
use crate::clock::Timeline;
use crate::device_clock::DeviceClock;
use crate::format::Format;
use crate::memory::CyclicMemory;
use crate::starvation::Starvation;
use crate::units::{DeviceTime, Frames};
use crate::zero;

use super::segment::Segment;
use super::{AUDIO_UNIT, Tap, marks};

impl<S: AsRef<[u8]> + AsMut<[u8]>> Tap<S> {
    /// Begins a generation whose frame 0 falls due as `timeline` says, and gives its number, counted from 1. A generation
    /// that has not ended ends.
    pub(crate) fn begin(&mut self, format: Format, timeline: Timeline, protected: bool) -> u32 {
        self.end(self.generation);
        // 0 means "none", also after four billion starts.
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        self.segment(format, timeline, Frames::ZERO, protected);
        self.generation
    }

    /// Goes on with frame `first` of a generation on another time scale or with other protection. Does nothing when the
    /// generation has ended.
    pub(crate) fn go_on(
        &mut self,
        generation: u32,
        timeline: Timeline,
        first: Frames,
        protected: bool,
    ) {
        if let Some(segment) = self.open_segment(generation) {
            let format = segment.format;
            self.segment(format, timeline, first, protected);
        }
    }

    /// Remembers the clock of the frames that are written next, of which none fell due before `since`.
    pub(crate) fn keep_time(&mut self, clock: &DeviceClock, since: DeviceTime) {
        self.pieces.follow(clock.pieces(), since);
    }

    /// Ends a generation, if it is still the current one.
    pub(crate) fn end(&mut self, generation: u32) {
        if let Some(last) = self.segments.last_mut()
            && last.generation == generation
        {
            last.ended = true;
        }
    }

    /// Takes a span of the cyclic buffer into the ring, clears it there, and notes which frames were clear and which were
    /// missed. The frames of a generation that has ended are only cleared.
    pub(crate) fn take<M: CyclicMemory + ?Sized>(
        &mut self,
        generation: u32,
        memory: &mut M,
        span: Span,
        starvation: &mut Starvation,
    ) {
        let (mut offset, mut bytes) = (span.offset as usize, span.bytes as usize);
        let mut frames = span.frames;
        self.know(generation, starvation);
        while frames > 0 {
            let Some(piece) = self.piece(generation, frames) else {
                memory.clear(offset, bytes);
                self.skip(generation, frames);
                return;
            };
            let ordinal = self.head;
            let Parts {
                audio,
                clear,
                missed,
            } = self.parts();
            let place = audio.get_mut(piece.bytes).unwrap_or_default();
            let marked = marks::index(clear.len(), ordinal);
            mark(missed, marked, piece.frames, false);
            memory.take(offset, place);
            zero::runs(place, piece.frame_bytes, |first, count, is_clear| {
                mark(clear, marked.saturating_add(first), count, is_clear);
                if is_clear {
                    let first = piece.first.saturating_add(Frames(first));
                    starvation.note(first, count, |frames| {
                        let within = frames.start.saturating_sub(piece.first.0);
                        let count = frames.end.saturating_sub(frames.start);
                        mark(missed, marked.saturating_add(within), count, true);
                    });
                }
            });
            if piece.protected {
                place.fill(0);
            }
            let taken = place.len();
            offset = offset.saturating_add(taken);
            bytes = bytes.saturating_sub(taken);
            frames = frames.saturating_sub(piece.frames);
            self.skip(generation, piece.frames);
        }
    }

    /// Appends `frames` clear frames. Takes no longer than a lap of the ring, however many they are.
    pub(crate) fn silence(
        &mut self,
        generation: u32,
        mut frames: u64,
        starvation: &mut Starvation,
    ) {
        let Some(segment) = self.open_segment(generation) else {
            return;
        };
        let lap = segment.slots.map_or(0, |slots| slots.per_lap());
        let overwritten = frames.saturating_sub(lap);
        let first = segment.frame(self.head);
        self.know(generation, starvation);
        starvation.note(first, overwritten, |_| {});
        self.skip(generation, overwritten);
        frames = frames.saturating_sub(overwritten);
        while let Some(piece) = self.piece(generation, frames) {
            let ordinal = self.head;
            let Parts {
                audio,
                clear,
                missed,
            } = self.parts();
            audio.get_mut(piece.bytes).unwrap_or_default().fill(0);
            let marked = marks::index(clear.len(), ordinal);
            mark(clear, marked, piece.frames, true);
            mark(missed, marked, piece.frames, false);
            starvation.note(piece.first, piece.frames, |frames| {
                let within = frames.start.saturating_sub(piece.first.0);
                let count = frames.end.saturating_sub(frames.start);
                mark(missed, marked.saturating_add(within), count, true);
            });
            frames = frames.saturating_sub(piece.frames);
            self.skip(generation, piece.frames);
        }
    }

    fn segment(&mut self, format: Format, timeline: Timeline, first: Frames, protected: bool) {
        let slots = self.slots(format.frame_bytes());
        self.segments.push(Segment {
            generation: self.generation,
            format,
            timeline,
            first,
            ordinal: self.head,
            slot: slots.map_or(0, |slots| slots.first_from(self.end)),
            slots,
            protected,
            ended: false,
            known_from: None,
        });
    }

    /// Notes in the open segment since when the client says what it writes.
    fn know(&mut self, generation: u32, starvation: &Starvation) {
        if let Some(last) = self.segments.last_mut()
            && last.generation == generation
        {
            last.known_from = starvation.known_from;
        }
    }

    /// The segment that takes frames of this generation, unless it has ended.
    fn open_segment(&self, generation: u32) -> Option<&Segment> {
        let last = self.segments.last()?;
        (last.generation == generation && !last.ended).then_some(last)
    }

    /// The contiguous place for the next frames, at most `frames`; `None` when there is none.
    fn piece(&self, generation: u32, frames: u64) -> Option<Piece> {
        let segment = self.open_segment(generation)?;
        let slots = segment.slots?;
        let in_lap = slots.in_lap(segment.slot_of(self.head));
        let frames = frames.min(slots.per_lap().saturating_sub(in_lap));
        if frames == 0 {
            return None;
        }
        // Both fit into usize: they lie within the storage.
        let start = in_lap.saturating_mul(slots.frame_bytes()) as usize;
        let bytes = frames.saturating_mul(slots.frame_bytes()) as usize;
        Some(Piece {
            first: segment.frame(self.head),
            frames,
            bytes: start..start.saturating_add(bytes),
            frame_bytes: slots.frame_bytes() as usize,
            protected: segment.protected,
        })
    }

    /// Moves the head on by `frames`, whether or not anything was written there.
    fn skip(&mut self, generation: u32, frames: u64) {
        let Some(segment) = self.open_segment(generation) else {
            return;
        };
        let head = self.head.saturating_add(frames);
        if let Some(slots) = segment.slots
            && let Some(last) = head.checked_sub(1)
            && frames > 0
        {
            let start = slots.address(segment.slot_of(last));
            self.end = start.saturating_add(slots.frame_bytes());
        }
        self.head = head;
    }

    fn parts(&mut self) -> Parts<'_> {
        let (audio, marks) = (self.audio, self.audio / AUDIO_UNIT);
        let storage = self.storage.as_mut();
        let (audio, rest) = storage.split_at_mut_checked(audio).unwrap_or_default();
        let (clear, rest) = rest.split_at_mut_checked(marks).unwrap_or_default();
        let missed = rest.get_mut(..marks).unwrap_or_default();
        Parts {
            audio,
            clear,
            missed,
        }
    }
}

/// The storage taken apart.
struct Parts<'a> {
    audio: &'a mut [u8],
    /// A bit for each frame that was clear when it fell due.
    clear: &'a mut [u8],
    /// A bit for each of those that is known not to have been written in time.
    missed: &'a mut [u8],
}

/// A contiguous place in the ring.
struct Piece {
    /// Index of the first frame in its generation.
    first: Frames,
    frames: u64,
    bytes: Range<usize>,
    frame_bytes: usize,
    protected: bool,
}

/// Marks `count` frames whose bits begin with `start` (see [`marks::ranges`]).
fn mark(bits: &mut [u8], start: u64, count: u64, value: bool) {
    for (start, count) in marks::ranges(bits.len(), start, count) {
        marks::set(bits, start, count, value);
    }
}
