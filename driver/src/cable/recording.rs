//! The stream that records, as the cable sees it. Everything here runs at DISPATCH_LEVEL under the cable lock, but for
//! [`Line::open`].

use super::line::{Line, Place};
use super::side::{self, Buffer, Side};
use super::{Cable, Ring, State};
use crate::trace::{self, Source};
use crate::{fault, pool, tap};
use alloc::vec::Vec;
use waverig_engine::{
    Advance, Capture, DeviceClock, Format, Geometry, PacketError, Qpc, ReadPacket,
    State as StreamState, Work,
};
use waverig_interface::EventKind;
use waverig_portcls::NTSTATUS;

/// Bytes on their way from a conversion to the shared buffer: 64 frames at least, so that a call costs little of each.
const WAY_BYTES: usize = 4096;

/// An open capture stream.
pub(crate) struct Recording {
    source: Source,
    capture: Capture,
    side: Side,
    work: Work<Vec<i32>, Vec<u8>>,
}

impl Recording {
    /// Produce, then report.
    pub(super) fn advance(&mut self, now: Qpc, clock: &DeviceClock, ring: &Ring) {
        let Self {
            capture,
            side,
            work,
            ..
        } = self;
        let memory = &mut fault::Recorded {
            geometry: capture.geometry().copied(),
            memory: &mut side.view,
        };
        let advance = capture.advance(now, clock, memory, ring, work);
        self.report(&advance);
    }

    /// The next packet and when it began (QPC); `None` when no new one is complete.
    ///
    /// # Errors
    /// [`PacketError::NoPackets`] without notifications.
    pub(crate) fn read_packet(
        &mut self,
        clock: &DeviceClock,
    ) -> Result<Option<(ReadPacket, Qpc)>, PacketError> {
        let Some(packet) = self.capture.read_packet()? else {
            return Ok(None);
        };
        let first = fault::packet_begin(&packet, self.capture.geometry());
        Ok(self
            .capture
            .began(first, clock)
            .map(|began| (packet, began)))
    }

    /// When the timer is wanted; `None` unless the stream runs.
    pub(super) fn deadline(&self, clock: &DeviceClock) -> Option<Qpc> {
        let capture = &self.capture;
        side::deadline(
            capture.next_notification(clock),
            capture.position(),
            capture.geometry(),
            capture.format().rate.hertz(),
            |frame| capture.time_of(frame, clock),
        )
    }

    fn report(&self, advance: &Advance) {
        self.side.report(advance);
    }
}

impl Line for Recording {
    const NOTED: u64 = 1;

    fn open(format: Format, cable: &Cable) -> Result<Self, NTSTATUS> {
        Ok(Self {
            source: cable.source,
            capture: Capture::new(format, cable.frequency),
            side: Side::new(),
            work: Work {
                numbers: pool::zeros(Capture::numbers(&format))?,
                bytes: pool::zeros(WAY_BYTES)?,
            },
        })
    }

    fn place(state: &mut State) -> Place<'_, Self> {
        (&mut state.recording, &state.clock, &mut state.tap)
    }

    fn opened(state: &mut State, format: &Format) {
        if let Some(recording) = &state.recording {
            let [rate, shape, mask] = tap::noted_format(&tap::tap_format(format));
            let values = [rate, shape | Self::NOTED << 32, mask];
            trace::note(recording.source, EventKind::StreamOpened, values);
        }
    }

    fn closed(&self, _: &mut State) {
        let values = [Self::NOTED << 32, 0, 0];
        trace::note(self.source, EventKind::StreamClosed, values);
    }

    fn side(&mut self) -> &mut Side {
        &mut self.side
    }

    fn state(&self) -> StreamState {
        self.capture.state()
    }

    fn byte_offset(&self) -> u32 {
        self.capture.byte_offset()
    }

    fn set_state(&mut self, state: StreamState, now: Qpc, clock: &DeviceClock, ring: &mut Ring) {
        self.advance(now, clock, ring);
        let (before, position) = (self.capture.state(), self.capture.position());
        let Self {
            capture,
            side,
            work,
            ..
        } = self;
        let advance = capture.set_state(state, now, clock, &mut side.view, ring, work);
        self.report(&advance);
        Self::note_state(self.source, state, before, position);
    }

    fn attach(&mut self, buffer: Buffer, geometry: Geometry) -> Result<(), NTSTATUS> {
        self.side.attach(buffer, geometry)?;
        self.capture.attach(geometry);
        Ok(())
    }

    fn detach(&mut self) -> Option<Buffer> {
        self.capture.detach();
        self.side.detach()
    }
}
