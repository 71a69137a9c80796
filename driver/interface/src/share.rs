//! Sharing: the driver writes blocks into memory of the client's as they fall due, and no block costs a system call.
//!
//! The client hands over memory with [`ioctl::SHARE`](crate::ioctl::SHARE), which stays pended as long as the driver writes there.
//! The memory begins with a [`ShareHeader`], then come [`ShareHeader::slots`] slots of [`ShareHeader::slot_bytes`] each: a
//! [`SlotHeader`], then the frames. The block with sequence number `n`, counted from 0, lies in slot `n` modulo slots.
//!
//! The driver sets [`ShareHeader::begun`] to `n + 1` before it touches the slot of block `n`, and [`ShareHeader::written`] to `n + 1`
//! after it. So a reader that has seen `written > n`, copies the block, and sees `begun ≤ n + slots` *afterwards* has an
//! intact copy; else the block was overwritten meanwhile, and the oldest one that can be intact is `begun - slots`. It needs an
//! acquire load of `written` in front of the copy and an acquire fence between the copy and the load of `begun`.
//! [`SlotHeader::frames_before`] then tells how many frames were missed.

use crate::Block;

/// What a client wants to share. 32 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ShareRequest {
    /// Frames in a block; fewer only where a stream ends, pauses or changes its protection, or where frames are so large that no
    /// more fit into a slot. At least 1.
    pub block_frames: u32,
    /// The event is set when this many blocks are new, or one with fewer frames. From 1 to the number of slots.
    pub wake_blocks: u32,
    /// Bytes in a slot; a multiple of [`SHARE_ALIGNMENT`], and room for `block_frames` of the format played now.
    pub slot_bytes: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Handle of an event that may be set (`EVENT_MODIFY_STATE`); 0: none, the client looks by itself.
    pub event: u64,
    /// Must be 0.
    pub reserved2: u64,
}

/// Alignment of the shared memory and of its slots: nobody else's data shares a cache line with a block.
pub const SHARE_ALIGNMENT: usize = 64;

/// The smallest number of slots.
pub const SHARE_MIN_SLOTS: usize = 2;

/// The most memory that is shared on a handle: more than a second of the largest format.
pub const SHARE_MAX_BYTES: usize = 16 << 20;

/// What the memory begins with. 128 bytes; the driver writes it, and never reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ShareHeader {
    /// [`ShareHeader::MAGIC`].
    pub magic: u32,
    /// Version of the interface that the layout is of.
    pub version: u16,
    /// Always 0.
    pub reserved: u16,
    /// Bytes in front of the first slot. A later version may enlarge it.
    pub header_bytes: u32,
    /// Bytes in a slot.
    pub slot_bytes: u32,
    /// Slots.
    pub slots: u32,
    /// Bytes in front of a slot's frames. A later version may enlarge it.
    pub slot_header_bytes: u32,
    /// QPC ticks per second.
    pub qpc_frequency: i64,
    /// A `ShareState` as its wire value.
    pub state: u64,
    /// Always 0.
    pub reserved2: [u64; 3],
    /// Blocks whose slots the driver may have touched.
    pub begun: u64,
    /// Blocks that are complete.
    pub written: u64,
    /// Always 0.
    pub reserved3: [u64; 6],
}

impl ShareHeader {
    /// The bytes `WvRS`.
    pub const MAGIC: u32 = u32::from_le_bytes(*b"WvRS");
    /// Where `state` lies.
    pub const STATE_AT: usize = 32;
    /// Where `begun` lies.
    pub const BEGUN_AT: usize = 64;
    /// Where `written` lies.
    pub const WRITTEN_AT: usize = 72;
}

/// Whether blocks are still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum ShareState {
    /// The driver writes here.
    Live = 1,
    /// It does no more.
    Ended = 2,
}

/// What a slot begins with. 80 bytes; the frames follow at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SlotHeader {
    /// The block's sequence number.
    pub sequence: u64,
    /// Frames there were for this client since the memory was shared, over all generations, before the first of this block;
    /// with those that the driver itself lost.
    pub frames_before: u64,
    /// The block, as [`ioctl::READ`](crate::ioctl::READ) would give it.
    pub block: Block,
}
