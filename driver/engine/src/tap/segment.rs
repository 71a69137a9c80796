//! The table of segments: what is common to a stretch of frames in the ring.

use alloc::vec::Vec;

use crate::clock::Timeline;
use crate::format::Format;
use crate::memory::table;
use crate::units::{DeviceTime, Frames};

use super::slots::Slots;

/// Segments remembered. When one more begins, the oldest is forgotten, and with it the frames that slow clients have not
/// read of it; with whole seconds in the ring this takes more than [`SEGMENTS`] starts of a stream in that time.
pub(super) const SEGMENTS: usize = 32;

/// A stretch of frames of one stream on one time scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) generation: u32,
    pub(super) format: Format,
    pub(super) timeline: Timeline,
    /// Index of the first frame in its generation.
    pub(super) first: Frames,
    /// Ordinal of the first frame.
    pub(super) ordinal: u64,
    /// Slot of the first frame.
    pub(super) slot: u64,
    /// `None` when the ring is too small for a frame.
    pub(super) slots: Option<Slots>,
    pub(super) protected: bool,
    /// The generation ended with this segment.
    pub(super) ended: bool,
    /// From this frame on it is known of every frame whether it was written in time.
    pub(super) known_from: Option<Frames>,
}

impl Segment {
    /// Index of the frame with this ordinal in its generation.
    pub(super) fn frame(&self, ordinal: u64) -> Frames {
        Frames(
            self.first
                .0
                .saturating_add(ordinal.saturating_sub(self.ordinal)),
        )
    }

    /// Slot of the frame with this ordinal.
    pub(super) fn slot_of(&self, ordinal: u64) -> u64 {
        self.slot
            .saturating_add(ordinal.saturating_sub(self.ordinal))
    }

    /// Ordinal of the generation's first frame.
    pub(super) fn generation_start(&self) -> u64 {
        self.ordinal.saturating_sub(self.first.0)
    }

    /// Ordinal of the first frame from this segment's start on that fell due at `time` or later.
    pub(super) fn first_since(&self, time: DeviceTime) -> u64 {
        let before = self.timeline.position(time);
        let at_time = self.timeline.time_of(before) >= time;
        let frame = before.saturating_add(Frames((!at_time).into()));
        let passed = frame.saturating_sub(self.first).0;
        self.ordinal.saturating_add(passed)
    }

    /// Ordinal of the first frame from this segment's start on that is intact when the tape is written up to `end`.
    pub(super) fn first_intact(&self, end: u64, head: u64) -> u64 {
        let Some(slots) = self.slots else {
            return head;
        };
        let gone = slots.first_intact(end).saturating_sub(self.slot);
        self.ordinal.saturating_add(gone)
    }
}

/// The last segments, numbered from the first one ever.
#[derive(Debug)]
pub(super) struct Segments {
    table: Vec<Option<Segment>>,
    /// Number of the oldest one remembered.
    oldest: u64,
    /// Number of the next one.
    next: u64,
}

impl Segments {
    /// `None` without memory.
    pub(super) fn new() -> Option<Self> {
        Some(Self {
            table: table(SEGMENTS, None)?,
            oldest: 0,
            next: 0,
        })
    }

    pub(super) const fn oldest(&self) -> u64 {
        self.oldest
    }

    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn get(&self, number: u64) -> Option<&Segment> {
        if number < self.oldest || number >= self.next {
            return None;
        }
        self.table.get(index(number))?.as_ref()
    }

    pub(super) fn last(&self) -> Option<&Segment> {
        self.get(self.next.checked_sub(1)?)
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut Segment> {
        let number = self.next.checked_sub(1)?;
        self.table.get_mut(index(number))?.as_mut()
    }

    /// Appends a segment. One that got no frames and did not end its generation tells nobody anything: it is replaced.
    pub(super) fn push(&mut self, segment: Segment) {
        if let Some(last) = self.last_mut()
            && last.ordinal == segment.ordinal
            && !last.ended
        {
            *last = segment;
            return;
        }
        if let Some(place) = self.table.get_mut(index(self.next)) {
            *place = Some(segment);
        }
        self.next = self.next.saturating_add(1);
        self.oldest = self.oldest.max(self.next.saturating_sub(SEGMENTS as u64));
    }
}

/// [`SEGMENTS`] is a power of two, so its remainder is a mask.
const fn index(number: u64) -> usize {
    const { assert!(SEGMENTS.is_power_of_two()) };
    number as usize & SEGMENTS.saturating_sub(1)
}
