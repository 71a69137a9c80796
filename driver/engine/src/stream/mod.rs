//! A render stream: clock, buffer, starvation and tap tied together in the one order that is safe.
//!
//! **Consume, then clear, then report.** Whatever tells a client how far playback is (its position, a packet count, a
//! notification) first goes through [`Stream::advance`], which moves every frame up to that point out of the buffer and
//! clears its place. So a client can never overwrite a frame that was not taken yet.
//!
//! Every time is a tick of the performance counter; the cable's clock, which has [passed](DeviceClock::pass) it, comes with it.

mod write;

use crate::buffer::Geometry;
use crate::clock::{Clock, State};
use crate::device_clock::DeviceClock;
use crate::due::Consumed;
use crate::format::Format;
use crate::memory::CyclicMemory;
use crate::packet::{self, PacketError};
use crate::starvation::Starvation;
use crate::tap::Tap;
use crate::units::{Frames, Qpc, QpcFrequency};

pub use write::BadPosition;

/// What a client may be told after frames were consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advance {
    /// Frames played since the stream left STOP.
    pub position: Frames,
    /// The same as an offset into the buffer, in bytes; 0 without a buffer.
    pub byte_offset: u32,
    /// Packets completed since the last call. Above 0, the notification events are to be signalled, once.
    pub packets_completed: u64,
    /// Frames consumed by this call.
    pub taken: Frames,
}

/// A render stream. Each method is called under the stream's lock; those that take the tap, under the tap's too.
#[derive(Clone, Debug)]
pub struct Stream {
    format: Format,
    clock: Clock,
    geometry: Option<Geometry>,
    consumed: Consumed,
    starvation: Starvation,
    /// The tap's number for this stream's life since it left STOP; 0 before its first RUN.
    generation: u32,
    protected: bool,
    /// The first frame of content that is free again; before it lies what was written while it was not.
    free_from: Option<Frames>,
}

impl Stream {
    /// A stream in STOP at position 0, without a buffer.
    #[must_use]
    pub fn new(format: Format, frequency: QpcFrequency) -> Self {
        Self {
            format,
            clock: Clock::new(format.rate, frequency),
            geometry: None,
            consumed: Consumed::default(),
            starvation: Starvation::default(),
            generation: 0,
            protected: false,
            free_from: None,
        }
    }

    /// The stream has a buffer from now on. It holds zeros.
    pub fn attach(&mut self, geometry: Geometry) {
        self.geometry = Some(geometry);
        self.starvation.end();
    }

    /// The buffer is gone. A stream that runs on renders silence.
    pub fn detach(&mut self) {
        self.geometry = None;
        self.starvation.end();
    }

    /// The stream's format.
    #[must_use]
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// The buffer, if there is one.
    #[must_use]
    pub fn geometry(&self) -> Option<&Geometry> {
        self.geometry.as_ref()
    }

    /// The state set last.
    #[must_use]
    pub fn state(&self) -> State {
        self.clock.state()
    }

    /// The position reported last. To report a new one, [`Self::advance`].
    #[must_use]
    pub fn position(&self) -> Frames {
        self.consumed.taken()
    }

    /// The position reported last, as an offset into the buffer in bytes; 0 without a buffer.
    #[must_use]
    pub fn byte_offset(&self) -> u32 {
        self.geometry
            .map_or(0, |geometry| geometry.offset(self.position()))
    }

    /// Packets completed at the position reported last.
    ///
    /// # Errors
    /// [`PacketError::NoPackets`] without notifications.
    pub fn packets(&self) -> Result<u64, PacketError> {
        let packet = self.geometry.and_then(|geometry| geometry.packet());
        let packet = packet.ok_or(PacketError::NoPackets)?;
        Ok(packet::count(self.position(), packet))
    }

    /// The position reported last and a time at which it was so, at `at` (WDK:
    /// `IMiniportWaveRTOutputStream::GetOutputStreamPresentationPosition`): frames played, frame 0 being the first of packet 0.
    #[must_use]
    pub fn presentation(&self, at: Qpc, clock: &DeviceClock) -> (Frames, Qpc) {
        let position = self.position();
        // Two processors may read the counter in one order and take the lock in the other; the position does not go back.
        let since = self.time_of(position, clock);
        (position, since.map_or(at, |since| since.max(at)))
    }

    /// What is counted since the stream left STOP; after a STOP, what was in the life that ended.
    #[must_use]
    pub fn starvation(&self) -> &Starvation {
        &self.starvation
    }

    /// The first tick at which the position is at least `frame`; `None` unless the stream runs.
    #[must_use]
    pub fn time_of(&self, frame: Frames, clock: &DeviceClock) -> Option<Qpc> {
        self.clock.time_of(frame).map(|due| clock.when(due))
    }

    /// The first tick at which the packet in progress is complete; `None` unless the stream runs and is notified.
    #[must_use]
    pub fn next_notification(&self, clock: &DeviceClock) -> Option<Qpc> {
        let packet = self.geometry?.packet()?;
        self.time_of(packet::next_boundary(self.position(), packet), clock)
    }

    /// Consumes every frame due at `at` and says what may be told. May be called from anywhere, as often as one likes; calls
    /// that come late, or with an `at` before an earlier one, do no harm.
    pub fn advance<M, S>(
        &mut self,
        at: Qpc,
        clock: &DeviceClock,
        memory: &mut M,
        tap: &mut Tap<S>,
    ) -> Advance
    where
        M: CyclicMemory + ?Sized,
        S: AsRef<[u8]> + AsMut<[u8]>,
    {
        let from = self.position();
        let position = self.clock.position(clock.at(at));
        if let Some(timeline) = self.clock.timeline() {
            tap.keep_time(clock, timeline.at);
        }
        if let Some(free) = self.free_from.filter(|free| *free <= position) {
            self.consume(free, memory, tap);
            self.free_from = None;
            self.mute(false, tap);
        }
        self.consume(position, memory, tap);
        self.starvation
            .date(|frame| self.clock.time_of(frame).map(|due| clock.when(due)));
        let packet = self.geometry.and_then(|geometry| geometry.packet());
        Advance {
            position,
            byte_offset: self.byte_offset(),
            packets_completed: packet.map_or(0, |packet| packet::crossed(from, position, packet)),
            taken: position.saturating_sub(from),
        }
    }

    /// Moves the frames before `position` into the tap.
    fn consume<M, S>(&mut self, position: Frames, memory: &mut M, tap: &mut Tap<S>)
    where
        M: CyclicMemory + ?Sized,
        S: AsRef<[u8]> + AsMut<[u8]>,
    {
        let lap = self.geometry.map_or(0, |geometry| geometry.frames());
        let due = self.consumed.due(position, lap);
        if let Some(geometry) = self.geometry {
            for span in geometry.spans(due.first, due.held) {
                tap.take(self.generation, memory, span, &mut self.starvation);
            }
        }
        tap.silence(self.generation, due.beyond, &mut self.starvation);
    }

    /// Changes the state at `at`, after consuming what was due until then. Any order of states is taken.
    ///
    /// RUN starts a generation in the tap, or goes on with it after PAUSE. STOP ends it, sets the position to 0 and clears
    /// the whole buffer, so that nothing of this life is played in the next one.
    pub fn set_state<M, S>(
        &mut self,
        state: State,
        at: Qpc,
        clock: &DeviceClock,
        memory: &mut M,
        tap: &mut Tap<S>,
    ) -> Advance
    where
        M: CyclicMemory + ?Sized,
        S: AsRef<[u8]> + AsMut<[u8]>,
    {
        let mut advance = self.advance(at, clock, memory, tap);
        let before = self.state();
        self.clock.set_state(state, clock.at(at));
        match (before, state) {
            (State::Run, State::Run) | (State::Stop, State::Stop) => {}
            (_, State::Run) => self.run(clock, tap),
            (_, State::Stop) => {
                if let Some(geometry) = self.geometry {
                    memory.clear(0, geometry.bytes() as usize);
                }
                tap.end(self.generation);
                self.generation = 0;
                // The buffer holds nothing of it any more.
                self.protected &= self.free_from.take().is_none();
                self.consumed = Consumed::default();
                self.starvation.end();
                (advance.position, advance.byte_offset) = (Frames::ZERO, 0);
            }
            (_, State::Acquire | State::Pause) => {}
        }
        advance
    }

    /// From `at` on, what is written is protected or free. Protected frames are muted in the tap, and so is what lies in the buffer
    /// when the content becomes free: it may have been written before.
    pub fn set_protected<M, S>(
        &mut self,
        protected: bool,
        at: Qpc,
        clock: &DeviceClock,
        memory: &mut M,
        tap: &mut Tap<S>,
    ) -> Advance
    where
        M: CyclicMemory + ?Sized,
        S: AsRef<[u8]> + AsMut<[u8]>,
    {
        let advance = self.advance(at, clock, memory, tap);
        let lap = self.geometry.map_or(0, |geometry| geometry.frames());
        match (protected, self.protected) {
            (true, _) => {
                self.free_from = None;
                self.mute(true, tap);
            }
            (false, true) if lap > 0 => {
                let free = self.position().saturating_add(Frames(lap));
                self.free_from.get_or_insert(free);
            }
            (false, _) => self.mute(false, tap),
        }
        advance
    }

    /// The frame from which on the content is free again, while that is still to come.
    #[must_use]
    pub const fn free_from(&self) -> Option<Frames> {
        self.free_from
    }

    fn mute<S>(&mut self, protected: bool, tap: &mut Tap<S>)
    where
        S: AsRef<[u8]> + AsMut<[u8]>,
    {
        if self.protected != protected {
            self.protected = protected;
            if let Some(&timeline) = self.clock.timeline() {
                tap.go_on(self.generation, timeline, self.position(), protected);
            }
        }
    }

    fn run<S>(&mut self, clock: &DeviceClock, tap: &mut Tap<S>)
    where
        S: AsRef<[u8]> + AsMut<[u8]>,
    {
        let Some(&timeline) = self.clock.timeline() else {
            return;
        };
        tap.keep_time(clock, timeline.at);
        if self.generation == 0 {
            self.starvation.begin();
            self.generation = tap.begin(self.format, timeline, self.protected);
        } else {
            tap.go_on(self.generation, timeline, self.position(), self.protected);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
