//! A program that reads the tap with several threads: what its reads bring is put in order, and compared with what was played.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use waverig_interface::ioctl::{HELLO, READ};
use waverig_tap::{Block, BlockFlags, Reader, request};

use super::stream::PACKETS;
use crate::nt::io::{self, File, Pending};
use crate::nt::status::NtStatus;
use crate::sched;
use crate::time::QPC_FREQUENCY;

/// Bytes in a frame of what is played to a device that has a tap.
pub(super) const FRAME: usize = 3;
/// Frames that a read waits for: half a packet.
const WANTED: u32 = 48;
/// Frames of a lap of the buffer.
const LAP: usize = PACKETS * 96;
/// Room for a block: more than all that can have been played.
const ROOM: usize = 128 + 16 * 480 * FRAME;

/// An open tap.
pub(super) struct Tap {
    pub(super) file: File,
    pended: RefCell<Vec<Pending>>,
    /// What its reads brought.
    blocks: RefCell<Vec<Vec<u8>>>,
    /// Reads are sent anew when they come back.
    reads: Cell<bool>,
    open: Cell<bool>,
    pub(super) cancelled: Cell<u32>,
    /// A status with which no read may end, unless something happens to the tap or its device.
    pub(super) refused: Cell<Option<NtStatus>>,
}

impl Tap {
    /// Opens the tap and agrees on a version.
    pub(super) fn open(link: &str) -> Result<Rc<Self>, NtStatus> {
        let file = io::open(link)?;
        let tap = Self {
            file,
            pended: RefCell::default(),
            blocks: RefCell::default(),
            reads: Cell::new(true),
            open: Cell::new(true),
            cancelled: Cell::new(0),
            refused: Cell::new(None),
        };
        let (status, _) = io::device_control_now(&tap.file, HELLO, &request::hello(), 64);
        if status.status.is_ok() {
            Ok(Rc::new(tap))
        } else {
            Err(status.status)
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.get()
    }

    /// Sends a read.
    pub(super) fn read(self: &Rc<Self>) {
        if !self.open.get() {
            return;
        }
        let tap = Rc::clone(self);
        let input = request::read(WANTED, 0);
        let pending = io::device_control(&self.file, READ, &input, ROOM, move |status, bytes| {
            tap.came(status.status, bytes);
        });
        if pending.is_pending() {
            let mut pended = self.pended.borrow_mut();
            pended.retain(Pending::is_pending);
            pended.push(pending);
        }
    }

    /// A read came back; the driver may be on the stack.
    fn came(self: Rc<Self>, status: NtStatus, bytes: Vec<u8>) {
        if status.is_ok() {
            self.blocks.borrow_mut().push(bytes);
            sched::soon("the tap's program reads on", move || {
                if self.reads.get() {
                    self.read();
                }
            });
        } else if status == crate::nt::status::STATUS_CANCELLED {
            self.cancelled.set(self.cancelled.get() + 1);
        } else {
            self.refused.set(Some(status));
        }
    }

    /// A read that is with the driver; taken from the list.
    pub(super) fn pended(&self) -> Option<Pending> {
        let mut pended = self.pended.borrow_mut();
        pended.retain(Pending::is_pending);
        if pended.is_empty() {
            None
        } else {
            Some(pended.remove(0))
        }
    }

    /// Whether reads are with the driver.
    pub(super) fn is_waiting(&self) -> bool {
        self.pended.borrow().iter().any(Pending::is_pending)
    }

    /// Closes its handle, whatever other threads do with it.
    pub(super) fn shut(&self) {
        self.reads.set(false);
        if self.open.replace(false) {
            self.file.shut();
        }
    }

    /// Whether the end of a stream was read.
    pub(super) fn has_end(&self) -> bool {
        let blocks = self.blocks.borrow();
        let decoded = blocks.iter().filter_map(|bytes| Block::decode(bytes).ok());
        decoded.into_iter().any(|block| block.is(BlockFlags::LAST))
    }

    /// What is wrong with what was read: every frame once and in order, as it is in `signal` or silence. Gives the frames of the last stream otherwise, and how
    /// many of them were silence though the signal is not.
    ///
    /// # Errors
    /// In words for people.
    pub(super) fn heard(&self, signal: &[u8], places: Places) -> Result<(usize, usize), String> {
        let kept = self.blocks.borrow();
        let mut blocks = Vec::new();
        for bytes in kept.iter() {
            let block = Block::decode(bytes)
                .map_err(|error| format!("a block of the tap cannot be read: {error}"))?;
            blocks.push(block);
        }
        // Reads of several threads come back in any order.
        blocks.sort_by_key(|block| {
            (
                block.generation,
                block.first_frame,
                block.is(BlockFlags::LAST),
                block.count,
            )
        });
        let mut reader = Reader::new(QPC_FREQUENCY.cast_signed());
        let (mut frames, mut silent) = (0, 0);
        // Frames of silence that a port put in, and frames that were lost, in one stream.
        let (mut shift, mut stream) = (0_usize, None);
        // A tap that was opened later than the stream has not seen how much silence came before.
        let mut joined = false;
        for block in &blocks {
            if stream.replace(block.generation) != Some(block.generation) {
                shift = 0;
                joined = places.follows() && block.first_frame > 0;
            }
            let step = reader
                .accept(block)
                .map_err(|error| format!("the tap's blocks do not follow each other: {error}"))?;
            if let Some(gap) = step.gap {
                return Err(format!(
                    "{} frames were lost to a tap that was read in time",
                    gap.frames
                ));
            }
            let first = usize::try_from(block.first_frame).unwrap_or(usize::MAX);
            for (index, frame) in block.frames.chunks(FRAME).enumerate() {
                let number = first.saturating_add(index);
                let place = number.wrapping_sub(shift).saturating_mul(FRAME);
                let played = signal.get(place..place.saturating_add(FRAME));
                if frame.iter().all(|byte| *byte == 0) {
                    let loud = played.is_some_and(|played| played.iter().any(|byte| *byte != 0));
                    silent += usize::from(loud);
                    shift += usize::from(loud && places.follows());
                } else if played == Some(frame) {
                    joined = false;
                } else if joined && let Some(earlier) = earlier(signal, place, frame) {
                    shift = number.wrapping_sub(earlier);
                    joined = false;
                } else if let Some(later) = places.later(signal, place, frame) {
                    shift = number.wrapping_sub(later);
                } else if !places.is_of_a_lap(signal, place, frame) {
                    let other = signal.chunks(FRAME).position(|one| one == frame);
                    let other = other.map_or_else(String::new, |other| {
                        format!(", which is frame {other} of what was played")
                    });
                    return Err(format!(
                        "frame {} came out of the tap as {frame:02x?}{other}; {played:02x?} was played",
                        first + index
                    ));
                }
            }
            frames = usize::try_from(block.end()).unwrap_or(usize::MAX);
        }
        Ok((frames, silent))
    }
}

/// Which frame before `place` it is.
fn earlier(signal: &[u8], place: usize, frame: &[u8]) -> Option<usize> {
    let before = &signal[..place.min(signal.len())];
    before.chunks(FRAME).rposition(|one| one == frame)
}

/// Where the frames of the signal come out.
#[derive(Clone, Copy)]
pub(super) enum Places {
    /// At their own places in the stream. When its program may be `behind` by whole laps of its buffer, at those of a lap earlier or later.
    Own { behind: bool },
    /// One after the other, with silence between them when a request came too late. When something happens to the device, `lost` says
    /// that what was copied ahead may be.
    InOrder { lost: bool },
}

impl Places {
    fn follows(self) -> bool {
        matches!(self, Self::InOrder { .. })
    }

    /// Which frame behind `place` it is, when those between may be lost.
    fn later(self, signal: &[u8], place: usize, frame: &[u8]) -> Option<usize> {
        if !matches!(self, Self::InOrder { lost: true }) {
            return None;
        }
        let rest = signal.get(place..)?.chunks(FRAME);
        let ahead = rest.into_iter().position(|one| one == frame)?;
        Some(place / FRAME + ahead)
    }

    /// Whether a frame is that of the same place in the buffer in some lap.
    fn is_of_a_lap(self, signal: &[u8], place: usize, frame: &[u8]) -> bool {
        if !matches!(self, Self::Own { behind: true }) {
            return false;
        }
        let lap = LAP * FRAME;
        let places = (place % lap..signal.len()).step_by(lap);
        places
            .filter_map(|place| signal.get(place..place + FRAME))
            .any(|one| one == frame)
    }
}
