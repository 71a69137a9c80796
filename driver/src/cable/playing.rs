//! The stream that plays, as the cable sees it. Everything here runs at DISPATCH_LEVEL under the cable lock, but for
//! [`Line::open`].

use super::line::{Line, Place};
use super::side::{self, Buffer, Side};
use super::{Cable, Ring, State};
use crate::trace::{self, Source};
use crate::{fault, tap};
use waverig_engine::{
    Advance, BadPosition, DeviceClock, Format, Frames, Geometry, PacketError, Qpc,
    State as StreamState, Stream, WritePacket,
};
use waverig_interface::EventKind;
use waverig_portcls::NTSTATUS;

/// A starved run is noted when it is at least this part of a second long.
const NOTED_PER_SECOND: u64 = 1000;

/// An open render stream.
pub(crate) struct Playing {
    source: Source,
    stream: Stream,
    side: Side,
    /// The starved run noted last, by the frames starved up to its end.
    noted: u64,
    ticks: fault::Ticks,
}

impl Playing {
    pub(crate) const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Consume, then clear, then report.
    pub(super) fn advance(&mut self, now: Qpc, clock: &DeviceClock, tap: &mut Ring) {
        let advance = self.stream.advance(now, clock, &mut self.side.view, tap);
        self.report(advance);
        self.note_starved(tap, false);
    }

    /// Notes the latest starved run when it is over, or because the stream ends, if it was long enough to be heard as a gap:
    /// music has single frames of digital silence. A client that says what it writes is starved of what it missed.
    fn note_starved(&mut self, tap: &Ring, ends: bool) {
        let starvation = self.stream.starvation();
        let starved = match starvation.known_from {
            Some(_) => starvation.missed,
            None => starvation.clear,
        };
        let end = starved.last_first.saturating_add(starved.last_frames);
        let over = ends || end < self.stream.position().0;
        if !over || starved.frames == self.noted {
            return;
        }
        self.noted = starved.frames;
        let least = u64::from(self.stream.format().rate.hertz()) / NOTED_PER_SECOND;
        if starved.last_frames >= least {
            let values = [
                tap.generation().into(),
                starved.last_first,
                starved.last_frames,
            ];
            trace::note(self.source, EventKind::Starved, values);
        }
    }

    /// Mutes the tap from now on, or no more as soon as what lies in the buffer has been played.
    pub(crate) fn set_protected(
        &mut self,
        protected: bool,
        now: Qpc,
        clock: &DeviceClock,
        tap: &mut Ring,
    ) {
        let advance = self
            .stream
            .set_protected(protected, now, clock, &mut self.side.view, tap);
        self.report(advance);
        let since = self.stream.free_from().unwrap_or(self.stream.position());
        let values = [protected.into(), since.0, 0];
        trace::note(self.source, EventKind::Protected, values);
    }

    /// See `waverig_engine::Stream::set_write_packet`.
    pub(crate) fn set_write_packet(
        &mut self,
        write: WritePacket,
        now: Qpc,
        clock: &DeviceClock,
        tap: &mut Ring,
    ) -> Result<(), PacketError> {
        let view = &mut self.side.view;
        let (advance, taken) = self.stream.set_write_packet(write, now, clock, view, tap);
        self.report(advance);
        fault::packet(taken)
    }

    /// See `waverig_engine::Stream::set_write_position`.
    pub(crate) fn set_write_position(
        &mut self,
        bytes: u32,
        now: Qpc,
        clock: &DeviceClock,
        tap: &mut Ring,
    ) -> Result<(), BadPosition> {
        let view = &mut self.side.view;
        let (advance, taken) = self.stream.set_write_position(bytes, now, clock, view, tap);
        self.report(advance);
        taken
    }

    /// See `waverig_engine::Stream::packets`.
    pub(crate) fn packets(&self) -> Result<u64, PacketError> {
        self.stream.packets().map(|count| self.ticks.count(count))
    }

    /// When the timer is wanted, for the stream itself and for the frame that a pended read of the tap waits for; `None`
    /// unless the stream runs.
    pub(super) fn deadline(
        &self,
        frames_wanted: Option<Frames>,
        clock: &DeviceClock,
    ) -> Option<Qpc> {
        let stream = &self.stream;
        let wanted = frames_wanted.and_then(|wanted| {
            let frame = stream.position().saturating_add(wanted.max(Frames(1)));
            stream.time_of(frame, clock)
        });
        let own = side::deadline(
            stream.next_notification(clock),
            stream.position(),
            stream.geometry(),
            stream.format().rate.hertz(),
            |frame| stream.time_of(frame, clock),
        );
        side::earlier(wanted, own)
    }

    fn report(&mut self, advance: Advance) {
        self.ticks.report(&advance);
        self.side.report(&advance);
    }
}

impl Line for Playing {
    const NOTED: u64 = 0;

    fn open(format: Format, cable: &Cable) -> Result<Self, NTSTATUS> {
        Ok(Self {
            source: cable.source,
            stream: Stream::new(format, cable.frequency),
            side: Side::new(),
            noted: 0,
            ticks: fault::Ticks::new(),
        })
    }

    fn place(state: &mut State) -> Place<'_, Self> {
        (&mut state.playing, &state.clock, &mut state.tap)
    }

    fn opened(state: &mut State, format: &Format) {
        state.format = tap::tap_format(format);
        let source = state.playing.as_ref().map(|playing| playing.source);
        if let Some(source) = source {
            let values = tap::noted_format(&state.format);
            trace::note(source, EventKind::StreamOpened, values);
        }
    }

    fn closed(&self, state: &mut State) {
        state.starvation.clone_from(self.stream.starvation());
        let values = [
            state.tap.generation().into(),
            state.starvation.clear.frames,
            state.starvation.clear.runs,
        ];
        trace::note(self.source, EventKind::StreamClosed, values);
    }

    fn side(&mut self) -> &mut Side {
        &mut self.side
    }

    fn state(&self) -> StreamState {
        self.stream.state()
    }

    fn byte_offset(&self) -> u32 {
        self.stream.byte_offset()
    }

    fn set_state(&mut self, state: StreamState, now: Qpc, clock: &DeviceClock, ring: &mut Ring) {
        self.advance(now, clock, ring);
        let (before, position) = (self.stream.state(), self.stream.position());
        match state {
            StreamState::Stop => self.note_starved(ring, true),
            // The count starts anew with the generation.
            StreamState::Run if position == Frames::ZERO => self.noted = 0,
            StreamState::Run | StreamState::Pause | StreamState::Acquire => {}
        }
        let view = &mut self.side.view;
        let advance = self.stream.set_state(state, now, clock, view, ring);
        self.report(advance);
        Self::note_state(self.source, state, before, position);
    }

    fn attach(&mut self, buffer: Buffer, geometry: Geometry) -> Result<(), NTSTATUS> {
        self.side.attach(buffer, geometry)?;
        self.stream.attach(geometry);
        Ok(())
    }

    fn detach(&mut self) -> Option<Buffer> {
        self.stream.detach();
        self.side.detach()
    }
}
