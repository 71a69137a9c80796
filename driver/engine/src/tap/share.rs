//! A ring in memory that a client reads while it is written: slots of one size, one block in each.
//!
//! What is decided here: which slot is next, when a block is due, and the order of the stores by which the client can tell
//! whether a block it copied was intact. Nothing is ever read back from that memory.

use crate::units::Frames;

use super::{Block, Cursor, Tap};

/// Memory that blocks are written to, and not read from.
pub trait Target {
    /// Bytes there are.
    fn room(&self) -> usize;

    /// Writes `bytes` from `at` on, as far as there is room.
    fn put(&mut self, at: usize, bytes: &[u8]);
}

/// Memory that somebody else reads at the same time.
pub trait SharedMemory: Target {
    /// Stores `value`, little-endian, at `at`, a multiple of 8. Whoever sees it sees everything stored before it, and nothing
    /// stored after it is seen before it.
    fn store(&mut self, at: usize, value: u64);
}

impl Target for [u8] {
    fn room(&self) -> usize {
        self.len()
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        let there = self.get_mut(at..).unwrap_or_default();
        let count = there.len().min(bytes.len());
        there
            .split_at_mut(count)
            .0
            .copy_from_slice(bytes.split_at(count).0);
    }
}

/// Where things lie in the memory, in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The number of blocks begun.
    pub begun: usize,
    /// The number of blocks written.
    pub written: usize,
    /// The first slot.
    pub slots: usize,
    /// The frames in a slot, from its start.
    pub frames: usize,
}

/// What the client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Frames in a block.
    pub block_frames: u32,
    /// New blocks at which the client is woken.
    pub wake_blocks: u32,
    /// Bytes in a slot.
    pub slot_bytes: u32,
}

/// What a block's slot says besides the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where it starts, in bytes from the memory's start.
    pub at: usize,
    /// The block's number, from 0.
    pub sequence: u64,
    /// Frames before the block's first one, since the ring began.
    pub frames_before: u64,
}

/// The writer's side of one client's ring.
#[derive(Clone, Debug)]
pub struct Share {
    layout: Layout,
    wish: Wish,
    /// Slots there are.
    slots: u32,
    /// Where the next block goes: the slot's start.
    at: usize,
    /// Blocks written.
    written: u64,
    /// Frames written.
    delivered: u64,
    /// Blocks written since the client was woken.
    waiting: u32,
    /// One of them is shorter than the client asked for.
    short: bool,
    cursor: Cursor,
}

impl Share {
    /// A ring in `room` bytes, of what `cursor` will come to. `None` when it would have fewer than `least` slots, or when the wish
    /// cannot be met: no frame, no block to wake for or more than there are slots, no room for frames.
    #[must_use]
    pub fn new(
        layout: Layout,
        wish: Wish,
        room: usize,
        least: usize,
        cursor: Cursor,
    ) -> Option<Self> {
        let slot_bytes = wish.slot_bytes as usize;
        let slots = room
            .checked_sub(layout.slots)?
            .checked_div(slot_bytes)
            .filter(|slots| *slots >= least.max(1))?;
        let slots = u32::try_from(slots).ok()?;
        let fits = slot_bytes > layout.frames
            && wish.block_frames > 0
            && (1..=slots).contains(&wish.wake_blocks);
        fits.then_some(Self {
            layout,
            wish,
            slots,
            at: layout.slots,
            written: 0,
            delivered: 0,
            waiting: 0,
            short: false,
            cursor,
        })
    }

    /// What the client asked for.
    #[must_use]
    pub const fn wish(&self) -> Wish {
        self.wish
    }

    /// Slots there are.
    #[must_use]
    pub const fn slots(&self) -> u32 {
        self.slots
    }

    /// Blocks written so far.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Frames lost because nobody came to write them while the tap still had them.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.cursor.lost()
    }

    /// Frames of a size that a slot has room for.
    #[must_use]
    pub fn room(&self, frame_bytes: u16) -> u32 {
        let bytes = (self.wish.slot_bytes as usize).saturating_sub(self.layout.frames) as u32;
        bytes.checked_div(frame_bytes.into()).unwrap_or(0)
    }

    fn block_frames(&self, frame_bytes: u16) -> u32 {
        self.wish.block_frames.min(self.room(frame_bytes))
    }

    /// Whether a block is due; `frame_bytes` is that of the format played now.
    #[must_use]
    pub fn ready<S>(&self, tap: &Tap<S>, frame_bytes: u16) -> bool
    where
        S: AsRef<[u8]> + AsMut<[u8]>,
    {
        tap.ready(&self.cursor, self.block_frames(frame_bytes).max(1))
    }

    /// After how many more frames the client is to be woken; 0 when a block is due.
    #[must_use]
    pub fn missing<S>(&self, tap: &Tap<S>, frame_bytes: u16) -> Frames
    where
        S: AsRef<[u8]> + AsMut<[u8]>,
    {
        let blocks = self.wish.wake_blocks.saturating_sub(self.waiting).max(1);
        let frames = self.block_frames(frame_bytes).max(1);
        tap.missing(&self.cursor, frames.saturating_mul(blocks))
    }

    /// Writes the next block, with as many frames as there are; `header` writes what stands in front of them.
    pub fn write<S, M>(
        &mut self,
        tap: &Tap<S>,
        memory: &mut M,
        header: impl FnOnce(&mut M, Slot, &Block),
    ) -> Block
    where
        S: AsRef<[u8]> + AsMut<[u8]>,
        M: SharedMemory,
    {
        let behind = self.written.saturating_add(1);
        memory.store(self.layout.begun, behind);
        let slot_bytes = self.wish.slot_bytes as usize;
        let mut frames = Part {
            memory,
            start: self.at.saturating_add(self.layout.frames),
            room: slot_bytes.saturating_sub(self.layout.frames),
        };
        let block = tap.read_into(&mut self.cursor, &mut frames, self.wish.block_frames);
        let slot = Slot {
            at: self.at,
            sequence: self.written,
            frames_before: self.delivered.saturating_add(self.cursor.lost()),
        };
        header(memory, slot, &block);
        memory.store(self.layout.written, behind);
        self.written = behind;
        self.delivered = self.delivered.saturating_add(block.frames.into());
        self.waiting = self.waiting.saturating_add(1);
        let whole = block
            .format
            .map_or(0, |format| self.block_frames(format.frame_bytes()));
        self.short |= block.frames < whole;
        self.at = self.at.saturating_add(slot_bytes);
        let end = slot_bytes.saturating_mul(self.slots as usize);
        if self.at >= end.saturating_add(self.layout.slots) {
            self.at = self.layout.slots;
        }
        block
    }

    /// Whether the client is to be woken now; once for the same blocks.
    pub fn wake(&mut self) -> bool {
        let wake = self.waiting >= self.wish.wake_blocks || self.short;
        if wake {
            self.waiting = 0;
            self.short = false;
        }
        wake
    }
}

/// A part of some memory.
pub struct Part<'a, M: ?Sized> {
    memory: &'a mut M,
    start: usize,
    room: usize,
}

impl<'a, M: Target + ?Sized> Part<'a, M> {
    /// What lies from `start` on.
    pub fn from(memory: &'a mut M, start: usize) -> Self {
        let room = memory.room().saturating_sub(start);
        Self {
            memory,
            start,
            room,
        }
    }
}

impl<M: Target + ?Sized> Target for Part<'_, M> {
    fn room(&self) -> usize {
        self.room
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        let len = bytes.len().min(self.room.saturating_sub(at));
        if let Some(bytes) = bytes.get(..len) {
            self.memory.put(self.start.saturating_add(at), bytes);
        }
    }
}

#[cfg(test)]
mod tests;
