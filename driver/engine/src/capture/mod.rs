//! A capture stream: the other end of the cable. What it records in an instant is what was played in that instant.
//!
//! **Produce, then report.** Whatever tells a client how far recording is (its position, a packet, a notification) first goes
//! through [`Capture::advance`], which puts every frame up to that point into the buffer. The render stream has consumed
//! what was due by then, so the frames are there.
//!
//! **The same instant.** Both streams count their frames from the cable's device time. Capture frame `g` begins at a device time
//! that follows from the time scale of its own run; the frame that was being played then is the one it records. That relation
//! is worked out exactly, once for each pair of a run of the one stream and a run of the other (a run ends with PAUSE or STOP
//! and a new one begins with RUN, on either side), and holds as long as both last: while both run at one rate, the difference
//! between their counters is a constant number of frames. Where the begin of a capture frame falls between those of two
//! played ones, the earlier of them is taken: at equal rates that rounds by less than a frame. At other rates the place
//! between two frames counts too; it is rounded down to the parts that the conversion divides a frame into.
//!
//! A frame that nobody played, because nothing plays, or its stream pauses, or is protected, is silence. Nothing is kept for
//! a client that does not record. At another rate the audio comes [`Converter::latency`] later, and what a filter still
//! held of a run is cut off where the next run begins.

mod link;

use crate::buffer::Geometry;
use crate::clock::{Clock, State, Timeline};
use crate::convert::storage_samples;
use crate::device_clock::DeviceClock;
use crate::format::Format;
use crate::memory::CyclicMemory;
use crate::packet::{self, PacketError, ReadPacket, ReadPackets};
use crate::stream::Advance;
use crate::tap::Tap;
use crate::units::{Frames, Qpc, QpcFrequency};

use link::Link;

/// Memory that a conversion needs: the kernel crate allocates it with the stream.
#[derive(Clone, Debug, Default)]
pub struct Work<N, B> {
    /// At least [`Capture::numbers`] numbers.
    pub numbers: N,
    /// Room for frames on their way to the buffer; at least one.
    pub bytes: B,
}

/// A capture stream. Each method is called under the lock that guards the tap too.
#[derive(Clone, Debug)]
pub struct Capture {
    format: Format,
    clock: Clock,
    geometry: Option<Geometry>,
    /// Everything before this frame is in the buffer, as far as the buffer holds it.
    produced: Frames,
    /// Where the frames come from now.
    link: Option<Link>,
    /// The run that goes on or was the last one, and the one before it: packets that begin in them may still be read.
    runs: [Option<Timeline>; 2],
    read: ReadPackets,
}

impl Capture {
    /// A stream in STOP at position 0, without a buffer.
    #[must_use]
    pub fn new(format: Format, frequency: QpcFrequency) -> Self {
        Self {
            format,
            clock: Clock::new(format.rate, frequency),
            geometry: None,
            produced: Frames::ZERO,
            link: None,
            runs: [None; 2],
            read: ReadPackets::default(),
        }
    }

    /// Numbers that [`Work::numbers`] needs for a stream of this format.
    #[must_use]
    pub fn numbers(format: &Format) -> usize {
        storage_samples(format)
    }

    /// The stream has a buffer from now on. It holds zeros.
    pub fn attach(&mut self, geometry: Geometry) {
        self.geometry = Some(geometry);
    }

    /// The buffer is gone. A stream that runs on records nothing.
    pub fn detach(&mut self) {
        self.geometry = None;
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
        self.produced
    }

    /// The position reported last, as an offset into the buffer in bytes; 0 without a buffer.
    #[must_use]
    pub fn byte_offset(&self) -> u32 {
        self.geometry
            .map_or(0, |geometry| geometry.offset(self.produced))
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
        self.time_of(packet::next_boundary(self.produced, packet), clock)
    }

    /// When a frame that was recorded began; exact for frames of this run of the stream and of the one before, if that was
    /// within the last 2.5 s. `None` before the stream has run.
    #[must_use]
    pub fn began(&self, frame: Frames, clock: &DeviceClock) -> Option<Qpc> {
        let [last, before] = self.runs;
        let last = last?;
        let run = before.filter(|_| frame < last.frame).unwrap_or(last);
        Some(clock.when(run.time_of(frame)))
    }

    /// The next packet that is complete at the position reported last; `None` when no new one is. It counts as read.
    ///
    /// # Errors
    /// [`PacketError::NoPackets`] without notifications.
    pub fn read_packet(&mut self) -> Result<Option<ReadPacket>, PacketError> {
        let geometry = self.geometry.ok_or(PacketError::NoPackets)?;
        let packet = geometry.packet().ok_or(PacketError::NoPackets)?;
        Ok(self.read.read(self.produced, packet, geometry.packets()))
    }

    /// Puts every frame due at `at` into the buffer and says what may be told. May be called from anywhere, as often as one
    /// likes, after the render stream has consumed what is due; calls that come late, or with an `at` before an earlier one, do
    /// no harm. After a stall of more than a lap only the last lap is there, as with any recorder.
    pub fn advance<M, S, N, B>(
        &mut self,
        at: Qpc,
        clock: &DeviceClock,
        memory: &mut M,
        tap: &Tap<S>,
        work: &mut Work<N, B>,
    ) -> Advance
    where
        M: CyclicMemory + ?Sized,
        S: AsRef<[u8]> + AsMut<[u8]>,
        N: AsMut<[i32]>,
        B: AsMut<[u8]>,
    {
        let from = self.produced;
        let position = self.clock.position(clock.at(at)).max(from);
        if let (Some(geometry), Some(&timeline)) = (self.geometry, self.clock.timeline()) {
            let due = position.saturating_sub(from).0;
            let held = due.min(geometry.frames());
            let first = from.saturating_add(Frames(due.saturating_sub(held)));
            self.produce(&geometry, &timeline, first, held, memory, tap, work);
        }
        self.produced = position;
        let packet = self.geometry.and_then(|geometry| geometry.packet());
        Advance {
            position,
            byte_offset: self.byte_offset(),
            packets_completed: packet.map_or(0, |packet| packet::crossed(from, position, packet)),
            taken: position.saturating_sub(from),
        }
    }

    /// Changes the state at `at`, after recording what was due until then. Any order of states is taken.
    ///
    /// RUN goes on where the position stands, with what is played from then on. STOP sets the position to 0 and clears the
    /// whole buffer, so that nothing of this life is read in the next one.
    pub fn set_state<M, S, N, B>(
        &mut self,
        state: State,
        at: Qpc,
        clock: &DeviceClock,
        memory: &mut M,
        tap: &Tap<S>,
        work: &mut Work<N, B>,
    ) -> Advance
    where
        M: CyclicMemory + ?Sized,
        S: AsRef<[u8]> + AsMut<[u8]>,
        N: AsMut<[i32]>,
        B: AsMut<[u8]>,
    {
        let mut advance = self.advance(at, clock, memory, tap, work);
        let before = self.state();
        self.clock.set_state(state, clock.at(at));
        match (before, state) {
            (State::Run, State::Run) | (State::Stop, State::Stop) => {}
            (_, State::Run) => {
                self.link = None;
                self.runs = [self.clock.timeline().copied(), self.runs[0]];
            }
            (_, State::Stop) => {
                if let Some(geometry) = self.geometry {
                    memory.clear(0, geometry.bytes() as usize);
                }
                self.produced = Frames::ZERO;
                self.link = None;
                self.runs = [None; 2];
                self.read = ReadPackets::default();
                (advance.position, advance.byte_offset) = (Frames::ZERO, 0);
            }
            (_, State::Acquire | State::Pause) => {}
        }
        advance
    }

    /// Records `count` frames from `first` on, at most a lap.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one call of `advance`"
    )]
    fn produce<M, S, N, B>(
        &mut self,
        geometry: &Geometry,
        timeline: &Timeline,
        mut first: Frames,
        mut count: u64,
        memory: &mut M,
        tap: &Tap<S>,
        work: &mut Work<N, B>,
    ) where
        M: CyclicMemory + ?Sized,
        S: AsRef<[u8]> + AsMut<[u8]>,
        N: AsMut<[i32]>,
        B: AsMut<[u8]>,
    {
        while count > 0 {
            let until = self.follow(timeline, first, tap);
            let frames = until.map_or(count, |until| count.min(until.saturating_sub(first).0));
            for span in geometry.spans(first, frames) {
                match &mut self.link {
                    Some(link) => link.record(timeline, first, span, memory, tap, work),
                    None => memory.clear(span.offset as usize, span.bytes as usize),
                }
                first = first.saturating_add(Frames(span.frames));
            }
            count = count.saturating_sub(frames);
        }
    }

    /// Links the run that was played last when frame `first` began; gives the frame at which the next one begins, which is
    /// behind `first`.
    fn follow<S>(&mut self, timeline: &Timeline, first: Frames, tap: &Tap<S>) -> Option<Frames>
    where
        S: AsRef<[u8]> + AsMut<[u8]>,
    {
        loop {
            let run = tap.run_after(self.link.as_ref().map(Link::run))?;
            let begin = link::begin(timeline, &run.timeline);
            if begin > first {
                return Some(begin);
            }
            self.link = Some(Link::new(run, &self.format, timeline));
        }
    }
}

#[cfg(test)]
mod tests;
