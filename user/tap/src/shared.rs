//! The reader of memory that is shared with the driver ([`ioctl::SHARE`](crate::ioctl::SHARE)): no lock, no system call, and
//! exact about what was overwritten before it could be read.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use waverig_interface::wire::Wire;
use waverig_interface::{BlockFlags, SHARE_MIN_SLOTS, ShareHeader, ShareState, SlotHeader};

use crate::{Block, Error};

/// Memory in words that the driver writes at the same time. A slice of atomics is one.
pub trait Words {
    /// Words there are.
    fn words(&self) -> usize;

    /// One of them, 0 beyond the end; what is read after it is read after it in memory, too.
    fn acquire(&self, at: usize) -> u64;

    /// One of them, 0 beyond the end, in no order.
    fn relaxed(&self, at: usize) -> u64;
}

impl Words for [AtomicU64] {
    fn words(&self) -> usize {
        self.len()
    }

    fn acquire(&self, at: usize) -> u64 {
        self.get(at).map_or(0, |word| word.load(Ordering::Acquire))
    }

    fn relaxed(&self, at: usize) -> u64 {
        self.get(at).map_or(0, |word| word.load(Ordering::Relaxed))
    }
}

impl<W: Words + ?Sized> Words for &W {
    fn words(&self) -> usize {
        (**self).words()
    }

    fn acquire(&self, at: usize) -> u64 {
        (**self).acquire(at)
    }

    fn relaxed(&self, at: usize) -> u64 {
        (**self).relaxed(at)
    }
}

const WORD: usize = size_of::<u64>();

/// Reads one client's shared memory.
#[derive(Debug)]
pub struct Shared<W> {
    memory: W,
    header_bytes: usize,
    slot_bytes: usize,
    slot_header_bytes: usize,
    slots: u64,
    qpc_frequency: i64,
    /// Sequence number of the next block.
    next: u64,
    /// Frames there were up to the end of the block read last.
    frames: u64,
    /// Generation of the block read last.
    generation: u32,
    lost_frames: u64,
    lost_blocks: u64,
    /// The copy of a slot.
    copy: Vec<u8>,
}

impl<W: Words> Shared<W> {
    /// Begins to read `memory`, which was handed over with [`request::share`](crate::request::share). `None` while the driver
    /// has not laid it out yet: the request is still on its way, or was refused.
    ///
    /// The client must have set the first word to 0 before it handed the memory over.
    ///
    /// # Errors
    /// When the layout is none that the interface allows.
    pub fn open(memory: W) -> Result<Option<Self>, Error> {
        if memory.acquire(ShareHeader::STATE_AT / WORD) == 0 {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        copy(&memory, 0, ShareHeader::BYTES, &mut bytes);
        let header: ShareHeader = crate::session::decode("SHARE", &bytes)?;
        let field = |field, value: u32| Error::Field {
            field,
            value: value.into(),
        };
        let (first, slot, head) = (
            header.header_bytes as usize,
            header.slot_bytes as usize,
            header.slot_header_bytes as usize,
        );
        let bytes = memory.words().saturating_mul(WORD);
        let end = slot
            .saturating_mul(header.slots as usize)
            .saturating_add(first);
        let aligned = |value: usize| value.is_multiple_of(WORD);
        match () {
            () if header.magic != ShareHeader::MAGIC => {
                Err(field("ShareHeader.magic", header.magic))
            }
            () if first < ShareHeader::BYTES || !aligned(first) => {
                Err(field("ShareHeader.header_bytes", header.header_bytes))
            }
            () if head < SlotHeader::BYTES || !aligned(head) => Err(field(
                "ShareHeader.slot_header_bytes",
                header.slot_header_bytes,
            )),
            () if slot <= head || !aligned(slot) => {
                Err(field("ShareHeader.slot_bytes", header.slot_bytes))
            }
            () if (header.slots as usize) < SHARE_MIN_SLOTS || end > bytes => {
                Err(field("ShareHeader.slots", header.slots))
            }
            () if header.qpc_frequency <= 0 => Err(Error::Field {
                field: "ShareHeader.qpc_frequency",
                value: header.qpc_frequency.cast_unsigned(),
            }),
            () => Ok(Some(Self {
                memory,
                header_bytes: first,
                slot_bytes: slot,
                slot_header_bytes: head,
                slots: header.slots.into(),
                qpc_frequency: header.qpc_frequency,
                next: 0,
                frames: 0,
                generation: 0,
                lost_frames: 0,
                lost_blocks: 0,
                copy: Vec::with_capacity(slot),
            })),
        }
    }

    /// Ticks of the performance counter per second.
    #[must_use]
    pub fn qpc_frequency(&self) -> i64 {
        self.qpc_frequency
    }

    /// Frames that were missed so far, over all generations: overwritten before they were read, or lost by the driver.
    #[must_use]
    pub fn lost_frames(&self) -> u64 {
        self.lost_frames
    }

    /// Blocks that were overwritten before they were read.
    #[must_use]
    pub fn lost_blocks(&self) -> u64 {
        self.lost_blocks
    }

    /// Whether the driver writes no more; blocks may still be unread.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.memory.acquire(ShareHeader::STATE_AT / WORD) == ShareState::Ended as u64
    }

    /// The next block, as a read would have given it; `None` when there is none yet. Frames that were missed stand in the block's
    /// [`lost`](Block::lost) as far as they are of its generation, and all of them in [`Self::lost_frames`].
    ///
    /// # Errors
    /// When the driver breaks its promise. Asking again goes on with the block behind.
    pub fn next_block(&mut self) -> Result<Option<Block<'_>>, Error> {
        loop {
            // In this order: then the oldest intact block is one that is written.
            let begun = self.memory.acquire(ShareHeader::BEGUN_AT / WORD);
            let written = self.memory.acquire(ShareHeader::WRITTEN_AT / WORD);
            if written < self.next {
                return Err(Error::Contradiction("the number of blocks went back"));
            }
            self.skip_to(begun.saturating_sub(self.slots).min(written));
            if written == self.next {
                return Ok(None);
            }
            let Some(slot) = self.take() else {
                // Overwritten while it was copied. A writer that fast gets a head start of half the ring.
                let behind = written.saturating_sub(self.slots / 2);
                self.skip_to(behind.max(self.next));
                continue;
            };
            let sequence = self.next;
            self.next = sequence.saturating_add(1);
            return self.follow(&slot, sequence).map(Some);
        }
    }

    /// Leaves out what cannot be intact any more.
    fn skip_to(&mut self, sequence: u64) {
        let skipped = sequence.saturating_sub(self.next);
        self.lost_blocks = self.lost_blocks.saturating_add(skipped);
        self.next = self.next.max(sequence);
    }

    /// Copies the next block's slot; `None` when it was overwritten meanwhile.
    fn take(&mut self) -> Option<SlotHeader> {
        // Both fit: `open` compared slots and bytes with the memory.
        let at = self.header_bytes + (self.next % self.slots) as usize * self.slot_bytes;
        self.copy.clear();
        copy(&self.memory, at, self.slot_header_bytes, &mut self.copy);
        let slot = SlotHeader::from_wire(&self.copy)?;
        // Of a block that is being overwritten these may be any numbers.
        let frames = (slot.block.frames as usize)
            .saturating_mul(slot.block.format.frame_bytes.into())
            .min(self.slot_bytes - self.slot_header_bytes);
        copy(
            &self.memory,
            at + self.slot_header_bytes,
            frames,
            &mut self.copy,
        );
        fence(Ordering::Acquire);
        let begun = self.memory.relaxed(ShareHeader::BEGUN_AT / WORD);
        (begun <= self.next.saturating_add(self.slots)).then_some(slot)
    }

    /// The copied block, in its relation to the one before.
    fn follow(&mut self, slot: &SlotHeader, sequence: u64) -> Result<Block<'_>, Error> {
        if slot.sequence != sequence {
            return Err(Error::Contradiction("a slot holds another block"));
        }
        let mut header = slot.block;
        let lost = slot
            .frames_before
            .checked_sub(self.frames)
            .ok_or(Error::Contradiction("the number of frames went back"))?;
        let end = slot.frames_before.saturating_add(header.frames.into());
        self.frames = end;
        self.lost_frames = self.lost_frames.saturating_add(lost);
        if header.generation != self.generation && header.generation > 0 {
            header.flags = header.flags.union(BlockFlags::FIRST);
        }
        self.generation = header.generation;
        // A generation begins while its client is there, but for the first one; so no more are missing of it than it has.
        header.lost_frames = lost.min(header.first_frame);
        if header.lost_frames > 0 {
            header.flags = header.flags.union(BlockFlags::DISCONTINUITY);
        }
        let frames = self.copy.get(self.slot_header_bytes..).unwrap_or_default();
        Block::of(&header, frames, "SHARE")
    }
}

/// Appends `len` bytes from `at`, a multiple of a word, to `out`.
fn copy<W: Words + ?Sized>(memory: &W, at: usize, len: usize, out: &mut Vec<u8>) {
    let end = out.len() + len;
    for word in (at / WORD..).take(len.div_ceil(WORD)) {
        out.extend(memory.relaxed(word).to_le_bytes());
    }
    out.truncate(end);
}
