//! A client's memory that blocks are written to as they fall due. Under the cable lock.
//!
//! The request that brought the memory stays pended as long as it is written to: the I/O manager keeps the pages locked, and the
//! mapping, until the request is completed. Who completes it is decided as for reads (see [`super::reads`]); when it is the
//! cancel routine, nothing is written any more from the moment it is known, and the routine takes this out of the client.

use super::reads::cancel;
use super::wire;
use crate::cable::Ring;
use crate::event::Event;
use crate::fault::{self, Deliberate};
use crate::irp::{Completions, Irp, Output};
use crate::trace::{self, Source};
use waverig_engine::tap::share::{Layout, Share, SharedMemory, Target, Wish};
use waverig_engine::{Cursor, Frames, QpcFrequency};
use waverig_interface::wire::Wire;
use waverig_interface::{
    EventKind, SHARE_ALIGNMENT, SHARE_MAX_BYTES, SHARE_MIN_SLOTS, ShareHeader, ShareRequest,
    ShareState, SlotHeader, TapFormat, VERSION_MAX,
};
use waverig_portcls::status::{STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER};
use wdk_sys::NTSTATUS;

/// Where things lie in the memory.
const LAYOUT: Layout = Layout {
    begun: ShareHeader::BEGUN_AT,
    written: ShareHeader::WRITTEN_AT,
    slots: ShareHeader::BYTES,
    frames: SlotHeader::BYTES,
};

/// Memory that is shared.
pub(super) struct Sharing {
    irp: Irp,
    memory: Output,
    event: Option<Event>,
    ring: Share,
    /// The cancel routine is on its way.
    ended: bool,
}

impl Sharing {
    /// Checks a request and lays its memory out, for what `cursor` will come to. PASSIVE_LEVEL, in the process that sent it, no
    /// lock held.
    ///
    /// # Errors
    /// See `waverig_interface::ioctl::SHARE`.
    pub(super) fn new(
        irp: Irp,
        request: ShareRequest,
        cursor: Cursor,
        format: TapFormat,
        frequency: QpcFrequency,
    ) -> Result<Self, NTSTATUS> {
        let mut memory = irp.direct_output()?;
        let slot_bytes = request.slot_bytes as usize;
        let aligned =
            memory.is_aligned(SHARE_ALIGNMENT) && slot_bytes.is_multiple_of(SHARE_ALIGNMENT);
        let reserved = (request.reserved, request.reserved2);
        if !aligned || reserved != (0, 0) || memory.len() > SHARE_MAX_BYTES {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let least = ShareHeader::BYTES.saturating_add(slot_bytes.saturating_mul(SHARE_MIN_SLOTS));
        if memory.len() < least {
            return Err(STATUS_BUFFER_TOO_SMALL);
        }
        let wish = Wish {
            block_frames: request.block_frames,
            wake_blocks: request.wake_blocks,
            slot_bytes: request.slot_bytes,
        };
        let ring = Share::new(LAYOUT, wish, memory.len(), SHARE_MIN_SLOTS, cursor)
            .filter(|ring| wire::frames_fit(request.block_frames, format, |size| ring.room(size)))
            .ok_or(STATUS_INVALID_PARAMETER)?;
        let event = match request.event {
            0 => None,
            handle => Some(Event::of_handle(handle, irp.requestor_mode())?),
        };
        let header = ShareHeader {
            magic: ShareHeader::MAGIC,
            version: VERSION_MAX,
            header_bytes: ShareHeader::BYTES as u32,
            slot_bytes: request.slot_bytes,
            slots: ring.slots(),
            slot_header_bytes: SlotHeader::BYTES as u32,
            qpc_frequency: frequency.ticks(),
            ..ShareHeader::default()
        };
        let mut bytes = [0; ShareHeader::BYTES];
        header.to_wire(&mut bytes).ok_or(STATUS_INVALID_PARAMETER)?;
        // SAFETY: the request is not completed yet.
        let mut mapped = unsafe { memory.mapped() };
        mapped.put(0, &bytes);
        mapped.store(ShareHeader::STATE_AT, ShareState::Live as u64);
        Ok(Self {
            irp,
            memory,
            event,
            ring,
            ended: false,
        })
    }

    /// Pends the request; it is not the caller's any more.
    pub(super) fn pend(&self) {
        self.irp.mark_pending();
        self.irp.set_cancel_routine(Some(cancel));
    }

    /// Cancelling was asked for before there was a routine for it, and none is on its way.
    pub(super) fn is_cancelled(&self) -> bool {
        self.irp.is_cancelled()
            && !fault::is(Deliberate::LateCancel)
            && self.irp.set_cancel_routine(None)
    }

    pub(super) fn is_of(&self, irp: Irp) -> bool {
        self.irp == irp
    }

    /// Notes that it began.
    pub(super) fn note(&self, source: Source, client: u64) {
        let frames = self.ring.wish().block_frames;
        let values = [client, self.ring.slots().into(), frames.into()];
        trace::note(source, EventKind::Shared, values);
    }

    /// Writes the blocks that are due while `budget`, in bytes, lasts, and wakes the client.
    pub(super) fn write(&mut self, tap: &Ring, format: TapFormat, budget: &mut usize) {
        while *budget > 0 && !self.ended && self.ring.ready(tap, format.frame_bytes) {
            // SAFETY: the request is completed by whoever has taken this out of its client first, or is marked ended.
            let mut mapped = unsafe { self.memory.mapped() };
            let block = self.ring.write(tap, &mut mapped, wire::write_slot);
            *budget = budget.saturating_sub(SlotHeader::BYTES.saturating_add(block.bytes));
        }
        if self.ring.wake()
            && let Some(event) = &self.event
        {
            event.set();
        }
    }

    /// After how many more frames there is something to do.
    pub(super) fn frames_missing(&self, tap: &Ring, format: TapFormat) -> Frames {
        self.ring.missing(tap, format.frame_bytes)
    }

    /// Frames that the tap had no more when they were to be written.
    pub(super) fn lost(&self) -> u64 {
        self.ring.lost()
    }

    /// Writes no more. `true` when the request is the caller's again; else the cancel routine takes this away.
    pub(super) fn end(&mut self) -> bool {
        self.ended = true;
        // SAFETY: as in `write`.
        unsafe { self.memory.mapped() }.store(ShareHeader::STATE_AT, ShareState::Ended as u64);
        if let Some(event) = &self.event {
            event.set();
        }
        self.irp.set_cancel_routine(None)
    }

    /// Notes that it ended.
    pub(super) fn note_end(&self, source: Source, client: u64, status: NTSTATUS) {
        let values = [client, self.ring.written(), trace::status(status)];
        trace::note(source, EventKind::ShareEnded, values);
    }

    /// Completes the request when the lock is free.
    pub(super) fn complete(self, status: NTSTATUS, done: &mut Completions) {
        done.push_with(self.irp, status, 0, self.event);
    }
}
