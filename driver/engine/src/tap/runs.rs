//! Reading by time: the runs of a stream, for who wants the frames of an instant and not all frames in order.
//!
//! A *run* is the frames of one generation on one time scale: from a RUN to the PAUSE or STOP that follows. It has one
//! segment in the table, or several when protection changed in it.

use crate::clock::Timeline;
use crate::convert::{Piece, Source};
use crate::format::Format;

use super::Tap;
use super::segment::Segment;

/// A run, and where the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Number of its first segment that is remembered.
    number: u64,
    generation: u32,
    /// Format of its frames.
    pub(crate) format: Format,
    /// When its frames fall due.
    pub(crate) timeline: Timeline,
}

impl Run {
    fn of(number: u64, segment: &Segment) -> Self {
        Self {
            number,
            generation: segment.generation,
            format: segment.format,
            timeline: segment.timeline,
        }
    }

    /// Whether the segment with this number belongs to it.
    fn has(&self, segment: &Segment) -> bool {
        self.generation == segment.generation && self.timeline == segment.timeline
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Tap<S> {
    /// The run after `run`, or the oldest one remembered. A segment without frames is replaced by the one that follows it, so a
    /// run may have become another: that is then the one after it.
    pub(crate) fn run_after(&self, run: Option<&Run>) -> Option<Run> {
        let mut number = self.segments.oldest();
        number = run.map_or(number, |run| run.number.max(number));
        loop {
            let segment = self.segments.get(number)?;
            if !run.is_some_and(|run| run.has(segment)) {
                return Some(Run::of(number, segment));
            }
            number = number.saturating_add(1);
        }
    }

    /// The frames of a run, by their index in its generation. What the run does not have, or the ring no longer, is silence.
    pub(crate) fn frames_of<'a>(&'a self, run: &'a Run) -> RunFrames<'a, S> {
        RunFrames { tap: self, run }
    }

    /// The frames from `first` on that lie together in a segment, at most `most`; without any, how many there are before
    /// the segment's first one that is intact (0: none follow in it).
    fn stretch(&self, number: u64, segment: &Segment, first: i64, most: u64) -> Piece<'_> {
        let nothing = Piece::Silence(0);
        let Some(slots) = segment.slots else {
            return nothing;
        };
        let after = self.segments.get(number.saturating_add(1));
        let end = after.map_or(self.head, |after| after.ordinal);
        let intact = segment.first_intact(self.end, self.head);
        let start = segment.ordinal.max(intact).min(end);
        // Frames from the segment's first one; none of both counts comes near 2^63.
        let offset = |ordinal: u64| ordinal.saturating_sub(segment.ordinal) as i64;
        let wanted = first.saturating_sub(segment.first.0 as i64);
        if start >= end || wanted >= offset(end) {
            return nothing;
        }
        if wanted < offset(start) {
            return Piece::Silence(most.min(wanted.abs_diff(offset(start))));
        }
        // Not negative: `start` is not before the segment's first frame.
        let ordinal = segment.ordinal.saturating_add(wanted.unsigned_abs());
        let in_lap = slots.in_lap(segment.slot_of(ordinal));
        let frames = most
            .min(end.saturating_sub(ordinal))
            .min(slots.per_lap().saturating_sub(in_lap));
        // Both fit into usize: they lie within the storage.
        let from = in_lap.saturating_mul(slots.frame_bytes()) as usize;
        let bytes = frames.saturating_mul(slots.frame_bytes()) as usize;
        let audio = self.storage.as_ref().get(..self.audio).unwrap_or_default();
        match audio.get(from..from.saturating_add(bytes)) {
            Some(bytes) if frames > 0 => Piece::Audio(bytes),
            _ => nothing,
        }
    }
}

/// See [`Tap::frames_of`].
pub(crate) struct RunFrames<'a, S> {
    tap: &'a Tap<S>,
    run: &'a Run,
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Source for RunFrames<'_, S> {
    fn frames(&self, first: i64, most: u64) -> Piece<'_> {
        // What was played before the run began belongs to another instant.
        let begin = i64::try_from(self.run.timeline.frame.0).unwrap_or(i64::MAX);
        if first < begin {
            return Piece::Silence(most.min(first.abs_diff(begin)));
        }
        let mut number = self.run.number.max(self.tap.segments.oldest());
        while let Some(segment) = self
            .tap
            .segments
            .get(number)
            .filter(|one| self.run.has(one))
        {
            match self.tap.stretch(number, segment, first, most) {
                Piece::Silence(0) => {}
                piece => return piece,
            }
            number = number.saturating_add(1);
        }
        Piece::Silence(most)
    }
}
