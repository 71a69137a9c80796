//! The pended reads of one client, in the order in which they came. Under the cable lock.
//!
//! A pended request belongs to whoever takes its cancel routine away: this module, to answer it or give it back, or the I/O
//! manager, which then calls [`cancel`]. That routine always completes the request, and takes it out of the list if it is
//! still in there.

use super::wire;
use crate::cable::{Cable, Ring};
use crate::fault::{self, Deliberate};
use crate::irp::{Completions, Irp, Output};
use waverig_engine::{Cursor, Frames};
use waverig_interface::ioctl::{MAX_BLOCK_BYTES, MAX_PENDED_READS};
use waverig_interface::{Block, ReadRequest, TapFormat};
use waverig_portcls::status::{
    STATUS_BUFFER_TOO_SMALL, STATUS_CANCELLED, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
    STATUS_TOO_MANY_COMMANDS,
};
use wdk_sys::ntddk::IoReleaseCancelSpinLock;
use wdk_sys::{NTSTATUS, PDEVICE_OBJECT, PIRP};

/// One read, checked.
pub(super) struct Read {
    irp: Irp,
    output: Output,
    min_frames: u32,
    max_frames: u32,
}

impl Read {
    /// Checks a read against the format that a block would have now.
    ///
    /// # Errors
    /// See `waverig_interface::ioctl::READ`.
    pub(super) fn new(
        irp: Irp,
        output: Output,
        request: ReadRequest,
        format: TapFormat,
    ) -> Result<Self, NTSTATUS> {
        let ReadRequest {
            min_frames,
            max_frames,
            reserved,
        } = request;
        let room = room(&output, format);
        let most = if max_frames == 0 {
            room
        } else {
            room.min(max_frames)
        };
        match room {
            0 => Err(STATUS_BUFFER_TOO_SMALL),
            _ if min_frames > most || reserved != [0; 2] => Err(STATUS_INVALID_PARAMETER),
            _ => Ok(Self {
                irp,
                output,
                min_frames,
                max_frames,
            }),
        }
    }

    /// Frames the answer has at most.
    fn most(&self, format: TapFormat) -> u32 {
        let room = room(&self.output, format);
        if self.max_frames == 0 {
            room
        } else {
            room.min(self.max_frames)
        }
    }

    /// Frames without which the read is not answered; the format may have changed since it was checked.
    fn wanted(&self, format: TapFormat) -> u32 {
        self.min_frames.min(room(&self.output, format))
    }
}

/// Frames of a format that fit behind a block's header, and that a block may have. While there is no format yet, nobody knows better than the client what it
/// has room for, so its frames are taken to be the smallest.
fn room(output: &Output, format: TapFormat) -> u32 {
    let frame_bytes = format.frame_bytes.max(wire::LEAST_FRAME_BYTES);
    let bytes = output.len().saturating_sub(Block::BYTES);
    let bytes = bytes.min(MAX_BLOCK_BYTES) as u32;
    bytes.checked_div(frame_bytes.into()).unwrap_or(0)
}

/// The list; its entries are at the front.
pub(super) struct Reads([Option<Read>; MAX_PENDED_READS]);

impl Reads {
    pub(super) const fn new() -> Self {
        Self([const { None }; MAX_PENDED_READS])
    }

    /// See [`Client::pend`](super::client::Client::pend).
    pub(super) fn pend(&mut self, read: Read, done: &mut Completions) -> Result<(), NTSTATUS> {
        let irp = read.irp;
        let place = self
            .0
            .iter_mut()
            .find(|place| place.is_none())
            .ok_or(STATUS_TOO_MANY_COMMANDS)?;
        *place = Some(read);
        irp.mark_pending();
        irp.set_cancel_routine(Some(cancel));
        // Cancelled before the routine was set: whoever takes it away again completes the request.
        if irp.is_cancelled() && !fault::is(Deliberate::LateCancel) && irp.set_cancel_routine(None)
        {
            self.forget(irp);
            done.push(irp, STATUS_CANCELLED, 0);
        }
        Ok(())
    }

    pub(super) fn answer(
        &mut self,
        tap: &Ring,
        cursor: &mut Cursor,
        format: TapFormat,
        budget: &mut usize,
        done: &mut Completions,
    ) {
        while *budget > 0
            && self
                .first()
                .is_some_and(|read| tap.ready(cursor, read.wanted(format)))
        {
            let Some(mut read) = self.take_first() else {
                return;
            };
            // Otherwise the cancel routine is waiting for the lock and will complete it.
            if read.irp.set_cancel_routine(None) || fault::is(Deliberate::LoseRace) {
                let most = read.most(format);
                // SAFETY: the request is completed after this, when the lock is free.
                let mut out = unsafe { read.output.mapped() };
                let bytes = wire::write_block(tap, cursor, &mut out, most);
                *budget = budget.saturating_sub(bytes);
                done.push(read.irp, STATUS_SUCCESS, bytes);
            }
        }
    }

    /// Frames still missing for the first read.
    pub(super) fn frames_missing(
        &self,
        tap: &Ring,
        cursor: &Cursor,
        format: TapFormat,
    ) -> Option<Frames> {
        self.first()
            .map(|read| tap.missing(cursor, read.wanted(format)))
    }

    pub(super) fn give_back(&mut self, status: NTSTATUS, done: &mut Completions) {
        while let Some(read) = self.take_first() {
            if read.irp.set_cancel_routine(None) {
                done.push(read.irp, status, 0);
            }
        }
    }

    pub(super) fn forget(&mut self, irp: Irp) {
        let is_it = |read: &Option<Read>| read.as_ref().is_some_and(|read| read.irp == irp);
        if let Some(at) = self.0.iter().position(is_it) {
            self.take(at);
        }
    }

    fn first(&self) -> Option<&Read> {
        self.0.first()?.as_ref()
    }

    fn take_first(&mut self) -> Option<Read> {
        self.take(0)
    }

    /// Takes one out and closes the gap.
    fn take(&mut self, at: usize) -> Option<Read> {
        let rest = self.0.get_mut(at..)?;
        let read = rest.first_mut()?.take();
        rest.rotate_left(1);
        read
    }
}

/// The I/O manager cancels a pended read. DISPATCH_LEVEL, with the system's cancel lock held, which is released first.
pub(super) unsafe extern "C" fn cancel(_: PDEVICE_OBJECT, irp: PIRP) {
    // SAFETY: the request is the routine's own now, and carries the cable, which its handle keeps alive until it is
    // completed.
    let (request, cable) = unsafe {
        IoReleaseCancelSpinLock((*irp).CancelIrql);
        let Some(request) = Irp::new(irp) else {
            return;
        };
        (request, &*request.owner().cast::<Cable>())
    };
    let sharing = cable.state(|state| state.clients.forget(cable.source, request));
    request.complete(STATUS_CANCELLED, 0);
    drop(sharing);
}
