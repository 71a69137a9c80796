//! The stream that plays, as the cable sees it: clock, shared buffer, notification events, timer. Everything here runs at
//! DISPATCH_LEVEL under the cable lock.

mod events;
mod view;

use crate::cable::Ring;
use crate::fault;
use crate::timer::TimerHandle;
use crate::trace::{self, Source};
use events::Events;
use waverig_engine::{
    Advance, BadPosition, DeviceClock, Format, Frames, Geometry, Hns, PacketError, Qpc,
    QpcFrequency, State, Stream, WritePacket,
};
use waverig_interface::EventKind;
use waverig_portcls::status::STATUS_INVALID_DEVICE_STATE;
use waverig_portcls::{KEVENT, MDL, NTSTATUS};

use view::View;

/// Without a shared buffer there is no lap; the timer then comes at least this often per second.
const TICKS_WITHOUT_BUFFER: u64 = 10;

/// A starved run is noted when it is at least this part of a second long.
const NOTED_PER_SECOND: u64 = 1000;

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

/// An open stream.
pub(crate) struct Playing {
    source: Source,
    stream: Stream,
    buffer: Option<Buffer>,
    view: View,
    events: Events,
    timer: TimerHandle,
    /// What the timer is set for.
    set_for: Option<Qpc>,
    /// The starved run noted last, by the frames starved up to its end.
    noted: u64,
    ticks: fault::Ticks,
}

impl Playing {
    /// A stream in STOP.
    pub(crate) fn new(
        source: Source,
        format: Format,
        frequency: QpcFrequency,
        timer: TimerHandle,
    ) -> Self {
        Self {
            source,
            stream: Stream::new(format, frequency),
            buffer: None,
            view: View::none(),
            events: Events::new(),
            timer,
            set_for: None,
            noted: 0,
            ticks: fault::Ticks::new(),
        }
    }

    pub(crate) const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Consume, then clear, then report.
    pub(super) fn advance(&mut self, now: Qpc, clock: &DeviceClock, tap: &mut Ring) {
        let advance = self.stream.advance(now, clock, &mut self.view, tap);
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

    /// See `waverig_engine::Stream::set_state`.
    pub(crate) fn set_state(
        &mut self,
        state: State,
        now: Qpc,
        clock: &DeviceClock,
        tap: &mut Ring,
    ) {
        self.advance(now, clock, tap);
        let (before, position) = (self.stream.state(), self.stream.position());
        match state {
            State::Stop => self.note_starved(tap, true),
            // The count starts anew with the generation.
            State::Run if position == Frames::ZERO => self.noted = 0,
            State::Run | State::Pause | State::Acquire => {}
        }
        let advance = self
            .stream
            .set_state(state, now, clock, &mut self.view, tap);
        self.report(advance);
        if state != before {
            let values = [state as u64, before as u64, position.0];
            trace::note(self.source, EventKind::State, values);
        }
    }

    /// Mutes the tap from now on, or no more.
    pub(crate) fn set_protected(
        &mut self,
        protected: bool,
        now: Qpc,
        clock: &DeviceClock,
        tap: &mut Ring,
    ) {
        let advance = self
            .stream
            .set_protected(protected, now, clock, &mut self.view, tap);
        self.report(advance);
        let values = [protected.into(), self.stream.position().0, 0];
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
        let view = &mut self.view;
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
        let view = &mut self.view;
        let (advance, taken) = self.stream.set_write_position(bytes, now, clock, view, tap);
        self.report(advance);
        taken
    }

    /// See `waverig_engine::Stream::packets`.
    pub(crate) fn packets(&self) -> Result<u64, PacketError> {
        self.stream.packets().map(|count| self.ticks.count(count))
    }

    fn report(&mut self, advance: Advance) {
        self.ticks.report(&advance);
        if advance.packets_completed > 0 {
            self.events.signal();
        }
    }

    /// Takes over a buffer of zeros.
    ///
    /// # Errors
    /// `STATUS_INVALID_DEVICE_STATE` when there is one already; it then remains the caller's.
    pub(crate) fn attach(&mut self, buffer: Buffer, geometry: Geometry) -> Result<(), NTSTATUS> {
        if self.buffer.is_some() {
            return Err(STATUS_INVALID_DEVICE_STATE);
        }
        self.buffer = Some(buffer);
        self.view = View::new(buffer.base, geometry);
        self.stream.attach(geometry);
        Ok(())
    }

    /// Gives the buffer back, whatever the state is.
    pub(crate) fn detach(&mut self) -> Option<Buffer> {
        self.stream.detach();
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

    /// The timer has fired.
    pub(crate) fn timer_fired(&mut self) {
        self.set_for = None;
    }

    /// Sets the timer for the next moment at which something is to be done, or cancels it when the clock stands. Whether it is
    /// set.
    pub(super) fn set_timer(
        &mut self,
        frames_wanted: Option<Frames>,
        now: Qpc,
        clock: &DeviceClock,
        frequency: QpcFrequency,
    ) -> bool {
        match self.next_deadline(frames_wanted, clock) {
            deadline if deadline == self.set_for => {}
            Some(deadline) => {
                // One more, because the span is rounded down and the timer must not come early.
                let after = deadline.since(now, frequency);
                let exact = after.to_qpc(frequency) == deadline.saturating_sub(now);
                self.timer.set(if exact {
                    after
                } else {
                    after.saturating_add(Hns(1))
                });
                self.set_for = Some(deadline);
            }
            None => {
                self.timer.cancel();
                self.set_for = None;
            }
        }
        self.set_for.is_some()
    }

    /// The end of the packet in progress, the frame that a pended read waits for, or a quarter of a lap from here, whichever
    /// is first; `None` unless the stream runs.
    fn next_deadline(&self, frames_wanted: Option<Frames>, clock: &DeviceClock) -> Option<Qpc> {
        let stream = &self.stream;
        let due_after = |frames: u64| {
            let frame = stream.position().saturating_add(Frames(frames.max(1)));
            stream.time_of(frame, clock)
        };
        let lap = stream.geometry().map_or_else(
            || u64::from(stream.format().rate.hertz()) * 4 / TICKS_WITHOUT_BUFFER,
            Geometry::frames,
        );
        let wanted = frames_wanted.and_then(|wanted| due_after(wanted.0));
        [stream.next_notification(clock), wanted, due_after(lap / 4)]
            .into_iter()
            .flatten()
            .min()
    }
}
