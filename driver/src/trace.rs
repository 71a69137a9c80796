//! The record of recent events, of all devices together. What is in it, a client of any tap can read (`ioctl::EVENTS`).
//!
//! Its lock is the last in the order of locks: it may be taken under any other, and nothing is called while it is held.

use crate::etw;
use crate::lock::SpinLock;
use crate::time;
use core::sync::atomic::{AtomicU8, Ordering};
use waverig_engine::Trace;
use waverig_interface::wire::Wire;
use waverig_interface::{EventKind, EventRecord, EventsReply, EventsRequest};
use waverig_portcls::NTSTATUS;
use waverig_portcls::status::{STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER};

/// Whom an event is about.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    /// The device's number since the driver was loaded, from 1; 0: none.
    pub(crate) device: u8,
    /// The number of its cable, from 1; 0: none.
    pub(crate) cable: u8,
}

impl Source {
    /// The driver itself.
    pub(crate) const DRIVER: Self = Self {
        device: 0,
        cable: 0,
    };

    /// A device that starts for the first time. After 255 devices their numbers come again.
    pub(crate) fn new_device() -> Self {
        static DEVICES: AtomicU8 = AtomicU8::new(0);
        let before = DEVICES.fetch_add(1, Ordering::Relaxed);
        Self {
            device: before.wrapping_add(1),
            cable: 0,
        }
    }

    /// One of the device's cables.
    pub(crate) const fn of_cable(self, cable: u8) -> Self {
        Self { cable, ..self }
    }
}

/// Events remembered; 48 KB that every loaded driver has, in non-paged memory as all of its image.
const EVENTS: usize = 1024;

/// Records handed out at a time, under the lock: 12 KB to copy.
const AT_ONCE: u32 = 256;

/// The trace lock and what it guards.
static TRACE: SpinLock<Trace<EVENTS>> = SpinLock::new(Trace::new());

/// Notes an event, and tells ETW. IRQL ≤ DISPATCH_LEVEL, under any lock but the trace's own.
pub(crate) fn note(source: Source, kind: EventKind, values: [u64; 3]) {
    let Source { device, cable } = source;
    let at = time::now();
    TRACE.lock().note(at, kind as u16, [device, cable], values);
    etw::write(source, kind, values);
}

/// A status as a record's value.
pub(crate) const fn status(status: NTSTATUS) -> u64 {
    status.cast_unsigned() as u64
}

/// Writes the records that a request wants, as many as fit, and tells the bytes written. IRQL ≤ DISPATCH_LEVEL.
///
/// # Errors
/// See `waverig_interface::ioctl::EVENTS`.
pub(crate) fn read(request: EventsRequest, out: &mut [u8]) -> Result<usize, NTSTATUS> {
    if request.reserved != 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let (head, records) = out
        .split_at_mut_checked(EventsReply::BYTES)
        .ok_or(STATUS_BUFFER_TOO_SMALL)?;
    let trace = TRACE.lock();
    let first = request.from.clamp(trace.oldest(), trace.next());
    let mut count = 0;
    for (sequence, place) in (first..).zip(records.chunks_exact_mut(EventRecord::BYTES)) {
        let Some(entry) = trace.get(sequence).filter(|_| count < AT_ONCE) else {
            break;
        };
        let [device, cable] = entry.source;
        let record = EventRecord {
            sequence,
            qpc: entry.at.0,
            kind: entry.kind,
            device,
            cable,
            count: entry.count,
            values: entry.values,
        };
        record.to_wire(place).ok_or(STATUS_BUFFER_TOO_SMALL)?;
        count += 1;
    }
    let reply = EventsReply {
        first,
        next: trace.next(),
        lost: first.saturating_sub(request.from),
        count,
        record_bytes: EventRecord::BYTES as u32,
    };
    drop(trace);
    reply.to_wire(head).ok_or(STATUS_BUFFER_TOO_SMALL)?;
    Ok(EventsReply::BYTES + count as usize * EventRecord::BYTES)
}
