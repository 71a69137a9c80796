//! The tap's ring: every rendered frame once, in order, for any number of clients.
//!
//! One writer (the stream that runs) appends; each client reads at its own [`Cursor`]. What is common to a stretch of frames
//! (stream, format, time scale, protection) stands in a small table of *segments*. A new segment begins when a stream
//! starts, when it goes on after PAUSE (its time scale has moved), and when protection changes.
//!
//! - A *generation* is one life of a stream from its start out of STOP to its return there; its frames count from 0. It
//!   is announced in band: its first block for a client has [`BlockFlags::first`], its last one [`BlockFlags::last`], which may
//!   have no frames.
//! - A block never crosses a segment's end, so a read may get fewer frames than it asked for, although more follow.
//! - A client that is slower than the ring is long goes on with the oldest frame that is intact, and learns exactly how many
//!   frames it missed: of the block's generation in [`Block::lost`], over all generations in [`Cursor::lost`].
//! - The time of every frame in the ring is exact, whatever the device's clock was steered to. The table that this takes
//!   holds 2.5 s during which the slope changed all the time, and else more; frames before it count as lost.
//! - Protected content never gets into the ring: its frames are zero and its blocks say so.

mod marks;
mod read;
mod runs;
mod segment;
pub mod share;
mod slots;
mod write;

use crate::piece::Pieces;

pub use read::{Block, BlockFlags, Cursor};
pub(crate) use runs::Run;
use segment::Segments;
use slots::Slots;

/// The ring and its table. `S` holds the bytes: a slice, or whatever owns the kernel's pool block.
///
/// The storage is split into audio and two kinds of marks, each with one bit per two bytes of audio (no frame is smaller than
/// two bytes): whether the frame was clear when it fell due, and whether it was missed.
#[derive(Debug)]
pub struct Tap<S> {
    storage: S,
    /// Bytes of the storage that hold audio; a multiple of [`AUDIO_UNIT`].
    audio: usize,
    segments: Segments,
    /// The device's clock while frames were written.
    pieces: Pieces,
    /// Frames ever written, over all generations; the *ordinal* of the next one.
    head: u64,
    /// Address on the tape (see [`slots`]) behind the frame written last.
    end: u64,
    /// Generations ever begun.
    generation: u32,
}

/// Audio bytes that one byte of marks of each kind serves.
const AUDIO_UNIT: usize = 16;
/// Those with their marks.
const UNIT: usize = AUDIO_UNIT + 2;

/// Bytes of storage that a ring with `audio` bytes of audio needs.
#[must_use]
pub const fn storage_bytes(audio: usize) -> usize {
    audio.div_ceil(AUDIO_UNIT).saturating_mul(UNIT)
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Tap<S> {
    /// An empty ring in `storage` (see [`storage_bytes`]). A storage too small for a frame is allowed: every frame is
    /// then lost, and said to be. `None` without memory for the tables.
    pub fn new(storage: S) -> Option<Self> {
        let audio = (storage.as_ref().len() / UNIT).saturating_mul(AUDIO_UNIT);
        Some(Self {
            storage,
            audio,
            segments: Segments::new()?,
            pieces: Pieces::new()?,
            head: 0,
            end: 0,
            generation: 0,
        })
    }

    /// The number of the generation begun last; 0 when there was none.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// How many frames of this size the ring holds before a client that does not read loses any; those of 2.5 s at least, if
    /// that is less and the clock is steered all the time.
    #[must_use]
    pub fn least_frames(&self, frame_bytes: u16) -> u32 {
        let slots = self.slots(frame_bytes);
        slots.map_or(0, |slots| {
            u32::try_from(slots.per_lap()).unwrap_or(u32::MAX)
        })
    }

    fn slots(&self, frame_bytes: u16) -> Option<Slots> {
        Slots::new(self.audio as u64, frame_bytes)
    }
}

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod times;
