//! The client's side of the ring: cursors and blocks.

use crate::format::Format;
use crate::units::{Frames, Qpc};

use super::segment::Segment;
use super::share::Target;
use super::{AUDIO_UNIT, Tap, marks};

/// Where a client stands. Belongs to the client; the ring keeps no list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Number of the segment to go on in.
    segment: u64,
    /// Ordinal of the next frame.
    next: u64,
    /// Frames lost since the cursor was opened.
    lost: u64,
    /// Generation announced last with [`BlockFlags::first`].
    generation: u32,
    /// Generation whose end was told last with [`BlockFlags::last`].
    ended: u32,
}

impl Cursor {
    /// Frames this client has lost since it was opened, over all generations, as far as its reads have found out.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }
}

/// What is special about a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockFlags {
    /// The first block of its generation for this client.
    pub first: bool,
    /// Frames were lost in front of it.
    pub discontinuity: bool,
    /// It has frames, and all of them were clear.
    pub silent: bool,
    /// Protected content: its frames are muted.
    pub protected: bool,
    /// The generation ended with it.
    pub last: bool,
    /// It has frames, and it is known of each whether it was written in time.
    pub known: bool,
}

/// The header of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Number of the generation, from 1; 0 when no stream has started yet.
    pub generation: u32,
    /// Format of the frames; `None` when no stream has started yet.
    pub format: Option<Format>,
    /// Index of the first frame in its generation.
    pub first_frame: Frames,
    /// When the first frame fell due (of a block without frames: when the next one falls due, if the clock runs, and goes on
    /// with its present slope).
    pub qpc: Qpc,
    /// Frames in the block.
    pub frames: u32,
    /// Bytes in the block.
    pub bytes: usize,
    /// Frames of this generation that this client lost directly before `first_frame`.
    pub lost: u64,
    /// How many of the frames were clear when they fell due (see [`starvation`](crate::starvation)).
    pub clear: u32,
    /// How many of those are known not to have been written in time; the others are the client's own silence when the block
    /// is [`known`](BlockFlags::known).
    pub missed: u32,
    /// What is special about it.
    pub flags: BlockFlags,
}

/// What a cursor can have next: frames `start..end` (ordinals) of a segment.
struct Place<'a> {
    number: u64,
    segment: &'a Segment,
    start: u64,
    end: u64,
    /// No more frames will be added.
    closed: bool,
    /// The generation's end is to be told at `end`.
    last: bool,
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Tap<S> {
    /// A cursor for what is rendered from now on.
    #[must_use]
    pub fn open(&self) -> Cursor {
        let ended = self.segments.last().filter(|last| last.ended);
        Cursor {
            segment: self.segments.next().saturating_sub(1),
            next: self.head,
            lost: 0,
            generation: 0,
            ended: ended.map_or(0, |last| last.generation),
        }
    }

    /// Whether a read that wants at least `min_frames` gets its answer now: the frames are there, or no more can come
    /// into the same block. More than the ring holds is taken as what the ring holds, and more than 2 s as 2 s; 0 is always
    /// answered.
    #[must_use]
    pub fn ready(&self, cursor: &Cursor, min_frames: u32) -> bool {
        self.missing(cursor, min_frames) == Frames::ZERO
    }

    /// After how many more frames such a read gets its answer; 0 when it is [`ready`](Self::ready).
    #[must_use]
    pub fn missing(&self, cursor: &Cursor, min_frames: u32) -> Frames {
        let wanted = u64::from(min_frames);
        let Some(place) = self.place(cursor) else {
            return Frames(wanted);
        };
        if place.closed {
            return Frames::ZERO;
        }
        let holds = place.segment.slots.map_or(0, |slots| slots.per_lap());
        let holds = holds.min(u64::from(place.segment.format.rate.hertz()).saturating_mul(2));
        let there = place.end.saturating_sub(place.start);
        Frames(wanted.min(holds).saturating_sub(there))
    }

    /// Copies the next frames into `out`, at most `max_frames` (0: as many as fit), and moves the cursor behind them.
    ///
    /// With nothing to copy the block has no frames, and tells where the stream stands.
    pub fn read(&self, cursor: &mut Cursor, out: &mut [u8], max_frames: u32) -> Block {
        self.read_into(cursor, out, max_frames)
    }

    /// As [`Self::read`], into memory that is not this program's alone.
    pub fn read_into<T>(&self, cursor: &mut Cursor, out: &mut T, max_frames: u32) -> Block
    where
        T: Target + ?Sized,
    {
        let Some(Place {
            number,
            segment,
            start,
            end,
            last,
            ..
        }) = self.place(cursor)
        else {
            return Block::default();
        };
        let max = if max_frames == 0 {
            u32::MAX
        } else {
            max_frames
        };
        let wanted = end.saturating_sub(start).min(max.into());
        let (frames, bytes) = self.copy(segment, start, wanted, out);
        let behind = start.saturating_add(frames);
        // Both fit: `frames` is at most `max`.
        let [clear, missed] = self.marked_in(start, frames);
        let frames = frames as u32;
        let lost = start.saturating_sub(cursor.next.max(segment.generation_start()));
        let first_frame = segment.frame(start);
        let flags = BlockFlags {
            first: cursor.generation != segment.generation,
            discontinuity: lost > 0,
            silent: frames > 0 && clear == frames,
            protected: segment.protected,
            last: last && behind == end,
            known: frames > 0 && segment.known_from.is_some_and(|from| from <= first_frame),
        };
        *cursor = Cursor {
            segment: number,
            next: behind,
            lost: cursor
                .lost
                .saturating_add(start.saturating_sub(cursor.next)),
            generation: segment.generation,
            ended: if flags.last {
                segment.generation
            } else {
                cursor.ended
            },
        };
        Block {
            generation: segment.generation,
            format: Some(segment.format),
            first_frame,
            qpc: self.pieces.when(segment.timeline.time_of(first_frame)),
            frames,
            bytes,
            lost,
            clear,
            missed,
            flags,
        }
    }

    /// Finds what the cursor can have next. `None` when there has never been a stream.
    fn place(&self, cursor: &Cursor) -> Option<Place<'_>> {
        let mut number = cursor.segment.max(self.segments.oldest());
        loop {
            let segment = self.segments.get(number)?;
            let following = number.saturating_add(1);
            let after = self.segments.get(following);
            let end = after.map_or(self.head, |after| after.ordinal);
            let intact = segment.first_intact(self.end, self.head);
            let timed = self.pieces.forgotten();
            let intact = timed.map_or(intact, |since| intact.max(segment.first_since(since)));
            let start = cursor.next.max(segment.ordinal).max(intact).min(end);
            let last = segment.ended && cursor.ended != segment.generation;
            if start < end || last || after.is_none() {
                let closed = after.is_some() || last;
                return Some(Place {
                    number,
                    segment,
                    start,
                    end,
                    closed,
                    last,
                });
            }
            number = following;
        }
    }

    /// Copies up to `wanted` frames from `start` into `out`; gives the frames and the bytes copied.
    fn copy<T>(&self, segment: &Segment, start: u64, wanted: u64, out: &mut T) -> (u64, usize)
    where
        T: Target + ?Sized,
    {
        let Some(slots) = segment.slots else {
            return (0, 0);
        };
        let frame_bytes = slots.frame_bytes();
        let audio = self.storage.as_ref().get(..self.audio).unwrap_or_default();
        let (mut copied, mut bytes) = (0u64, 0usize);
        while copied < wanted {
            let slot = slots.in_lap(segment.slot_of(start.saturating_add(copied)));
            let room = slots.frames_in(out.room().saturating_sub(bytes) as u64);
            let count = wanted
                .saturating_sub(copied)
                .min(slots.per_lap().saturating_sub(slot))
                .min(room);
            // Both fit into usize: they lie within the storage.
            let from = slot.saturating_mul(frame_bytes) as usize;
            let len = count.saturating_mul(frame_bytes) as usize;
            let source = audio.get(from..from.saturating_add(len));
            let (Some(source), 1..) = (source, count) else {
                break;
            };
            out.put(bytes, source);
            copied = copied.saturating_add(count);
            bytes = bytes.saturating_add(len);
        }
        (copied, bytes)
    }

    /// How many frames are clear, and how many missed.
    fn marked_in(&self, start: u64, frames: u64) -> [u32; 2] {
        let len = self.audio / AUDIO_UNIT;
        let ranges = marks::ranges(len, marks::index(len, start), frames);
        let clear = self.audio..self.audio.saturating_add(len);
        let missed = clear.end..clear.end.saturating_add(len);
        [clear, missed].map(|place| {
            let bits = self.storage.as_ref().get(place).unwrap_or_default();
            ranges
                .iter()
                .map(|&(start, count)| marks::ones(bits, start, count))
                .sum()
        })
    }
}
