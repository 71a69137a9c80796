//! The client's side of a stream: the shared buffer and the events that it waits for. Everything here runs at DISPATCH_LEVEL under
//! the cable lock.

use super::events::Events;
use super::view::View;
use waverig_engine::{Advance, Frames, Geometry, Qpc};
use waverig_portcls::status::STATUS_INVALID_DEVICE_STATE;
use waverig_portcls::{KEVENT, MDL, NTSTATUS};

/// Without a shared buffer there is no lap; the timer then comes at least this often per second.
const TICKS_WITHOUT_BUFFER: u64 = 10;

/// A shared buffer: its pages and their mapping. Owned by whoever allocated it; freed by the stream.
#[derive(Clone, Copy)]
pub(crate) struct Buffer {
    /// The pages, from `IPortWaveRTStream::AllocatePagesForMdl`.
    pub(crate) mdl: *mut MDL,
    /// Their system address, from `MapAllocatedPages`.
    pub(crate) base: *mut u8,
}

// SAFETY: system addresses are the same everywhere.
unsafe impl Send for Buffer {}

/// What a client of either direction has.
pub(crate) struct Side {
    buffer: Option<Buffer>,
    /// The buffer's bytes.
    pub(super) view: View,
    events: Events,
}

impl Side {
    pub(super) const fn new() -> Self {
        Self {
            buffer: None,
            view: View::none(),
            events: Events::new(),
        }
    }

    /// Takes over a buffer of zeros.
    ///
    /// # Errors
    /// `STATUS_INVALID_DEVICE_STATE` when there is one already; it then remains the caller's.
    pub(super) fn attach(&mut self, buffer: Buffer, geometry: Geometry) -> Result<(), NTSTATUS> {
        if self.buffer.is_some() {
            return Err(STATUS_INVALID_DEVICE_STATE);
        }
        self.buffer = Some(buffer);
        self.view = View::new(buffer.base, geometry);
        Ok(())
    }

    /// Gives the buffer back.
    pub(super) fn detach(&mut self) -> Option<Buffer> {
        self.view = View::none();
        self.buffer.take()
    }

    /// The event is signalled at the end of each packet. It stays valid until it is removed (PortCls holds it).
    pub(crate) fn add_event(&mut self, event: *mut KEVENT) -> Result<(), NTSTATUS> {
        self.events.add(event)
    }

    pub(crate) fn remove_event(&mut self, event: *mut KEVENT) -> Result<(), NTSTATUS> {
        self.events.remove(event)
    }

    /// Tells the client what it may know now.
    pub(super) fn report(&self, advance: &Advance) {
        if advance.packets_completed > 0 {
            self.events.signal();
        }
    }
}

/// When a stream wants the timer: at the end of the packet in progress, or a quarter of a lap from here, whichever is first.
/// `time_of` is `None` unless the stream runs.
pub(super) fn deadline(
    notification: Option<Qpc>,
    position: Frames,
    geometry: Option<&Geometry>,
    hertz: u32,
    time_of: impl Fn(Frames) -> Option<Qpc>,
) -> Option<Qpc> {
    let lap = geometry.map_or_else(
        || u64::from(hertz) * 4 / TICKS_WITHOUT_BUFFER,
        Geometry::frames,
    );
    let quarter = time_of(position.saturating_add(Frames((lap / 4).max(1))));
    earlier(notification, quarter)
}

/// The earlier of two moments, if there are any.
pub(super) fn earlier(one: Option<Qpc>, other: Option<Qpc>) -> Option<Qpc> {
    [one, other].into_iter().flatten().min()
}
