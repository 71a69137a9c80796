//! What streams of both directions have in common, as the object that PortCls holds sees them.

use super::{Buffer, Cable, Ring, Side, State};
use crate::pool::PoolBox;
use crate::trace::{self, Source};
use waverig_engine::{DeviceClock, Format, Frames, Geometry, Qpc, State as StreamState};
use waverig_interface::EventKind;
use waverig_portcls::NTSTATUS;

/// Where a stream lies in its cable, the clock that it counts from, and the ring between the two directions.
pub(crate) type Place<'a, L> = (&'a mut Option<PoolBox<L>>, &'a DeviceClock, &'a mut Ring);

/// A stream in its cable. All but [`Line::open`] run at DISPATCH_LEVEL under the cable lock.
pub(crate) trait Line: Sized + Send + 'static {
    /// What notes of the driver's events say of its direction: 0 for render, 1 for capture.
    const NOTED: u64;

    /// Notes a change of state, and how far the stream was then.
    fn note_state(source: Source, state: StreamState, before: StreamState, position: Frames) {
        if state != before {
            let values = [state as u64, before as u64 | Self::NOTED << 32, position.0];
            trace::note(source, EventKind::State, values);
        }
    }

    /// A stream in STOP. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    fn open(format: Format, cable: &Cable) -> Result<Self, NTSTATUS>;

    /// Its place.
    fn place(state: &mut State) -> Place<'_, Self>;

    /// It lies in the cable now.
    fn opened(state: &mut State, format: &Format);

    /// It no longer does.
    fn closed(&self, state: &mut State);

    fn side(&mut self) -> &mut Side;

    fn state(&self) -> StreamState;

    /// The position as an offset into the buffer, in bytes.
    fn byte_offset(&self) -> u32;

    fn set_state(&mut self, state: StreamState, now: Qpc, clock: &DeviceClock, ring: &mut Ring);

    /// Takes over a buffer of zeros.
    ///
    /// # Errors
    /// `STATUS_INVALID_DEVICE_STATE` when there is one already; it then remains the caller's.
    fn attach(&mut self, buffer: Buffer, geometry: Geometry) -> Result<(), NTSTATUS>;

    /// Gives the buffer back, whatever the state is.
    fn detach(&mut self) -> Option<Buffer>;
}
