//! The stream that plays, as the cable sees it: clock, shared buffer, notification events, timer. Everything here runs at
//! DISPATCH_LEVEL under the cable lock.

mod events;
mod view;

use crate::cable::Ring;
use crate::timer::TimerHandle;
use events::Events;
use waverig_engine::{
    Advance, DeviceClock, Format, Frames, Geometry, Hns, Qpc, QpcFrequency, State, Stream,
};
use waverig_portcls::status::STATUS_INVALID_DEVICE_STATE;
use waverig_portcls::{KEVENT, MDL, NTSTATUS};

use view::View;

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

/// An open stream.
pub(crate) struct Playing {
    stream: Stream,
    buffer: Option<Buffer>,
    view: View,
    events: Events,
    timer: TimerHandle,
    /// What the timer is set for.
    set_for: Option<Qpc>,
}

impl Playing {
    /// A stream in STOP.
    pub(crate) fn new(format: Format, frequency: QpcFrequency, timer: TimerHandle) -> Self {
        Self {
            stream: Stream::new(format, frequency),
            buffer: None,
            view: View::none(),
            events: Events::new(),
            timer,
            set_for: None,
        }
    }

    pub(crate) const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Consume, then clear, then report.
    pub(super) fn advance(&mut self, now: Qpc, clock: &DeviceClock, tap: &mut Ring) {
        let advance = self.stream.advance(now, clock, &mut self.view, tap);
        self.report(advance);
    }

    /// See `waverig_engine::Stream::set_state`.
    pub(crate) fn set_state(
        &mut self,
        state: State,
        now: Qpc,
        clock: &DeviceClock,
        tap: &mut Ring,
    ) {
        let advance = self
            .stream
            .set_state(state, now, clock, &mut self.view, tap);
        self.report(advance);
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
    }

    fn report(&mut self, advance: Advance) {
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

    /// Sets the timer for the next moment at which something is to be done, or cancels it when the clock stands.
    pub(super) fn set_timer(
        &mut self,
        frames_wanted: Option<Frames>,
        now: Qpc,
        clock: &DeviceClock,
        frequency: QpcFrequency,
    ) {
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
