//! A run's timeline, sorted by what it says about the one stream in it.

use std::ops::Range;

use waverig_protocol::Program;
use waverig_protocol::scenario::Scenario;
use waverig_protocol::timeline::{DeviceChange, Event, Stamped, StarvedRun};

use crate::clock::Clock;
use crate::steering::Steering;
use crate::written::{Said, What};

/// What a timeline says about its stream. Times are QPC ticks.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Frames in the cyclic buffer.
    pub buffer_frames: u64,
    /// Frames between two notifications, 0 without notifications.
    pub packet_frames: u64,
    /// The stream's clock.
    pub clock: Clock,
    /// When the driver signalled.
    pub notified: Vec<i64>,
    /// When the client asked for the position, and what it was told.
    pub positions: Vec<(i64, u64)>,
    /// Positions that were told after the stream had been stopped, which sets the position to 0.
    pub positions_stopped: Vec<u64>,
    /// What the client wrote.
    pub writes: Vec<Write>,
    /// What the client said that it has written.
    pub said: Vec<Said>,
    /// When the client asked how many packets are complete, and what it was told.
    pub counts: Vec<(i64, u32)>,
    /// When the client asked for the presentation position, and what it was told.
    pub presented: Vec<Presented>,
    /// What the tap counted.
    pub starved: Option<Starved>,
    /// What a recorder took out of the buffer.
    pub reads: Vec<Read>,
    /// When a recorder asked for packets, and what it was told.
    pub packets_read: Vec<PacketRead>,
    /// The tap's blocks.
    pub blocks: Vec<Block>,
    /// What became of the program that reads them.
    pub tap: TapUse,
    /// When what the client plays became protected, and free.
    protections: Vec<(i64, bool)>,
    /// Whether the client closed its stream at the end.
    pub closed: bool,
    stopped: bool,
    /// The device sleeps.
    asleep: bool,
    /// The client has set RUN.
    wanted: bool,
}

/// A presentation position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    /// When the client asked.
    pub qpc: i64,
    /// Frames presented.
    pub frames: u64,
    /// When that was so.
    pub at: i64,
}

/// What the tap counted; the fields are those of `Event::Starved`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented at Event::Starved")]
pub struct Starved {
    pub clear_frames: u64,
    pub clear_runs: u64,
    pub missed_frames: u64,
    pub missed_runs: u64,
    pub known_from: Option<u64>,
    pub recent: Vec<StarvedRun>,
}

/// The client wrote signal into the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    /// When.
    pub qpc: i64,
    /// First frame of the stream.
    pub stream_frame: u64,
    /// First frame of the signal.
    pub signal_frame: u64,
    /// How many.
    pub frames: u64,
}

/// A recorder took frames out of its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// When.
    pub qpc: i64,
    /// First frame of the stream.
    pub stream_frame: u64,
    /// How many.
    pub frames: u64,
}

/// A recorder asked for the next packet; the fields are those of `Event::ReadPacket`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented at Event::ReadPacket")]
pub struct PacketRead {
    pub qpc: i64,
    pub answer: String,
    pub packet: u32,
    pub at: i64,
    pub more: bool,
}

/// A tap read completed; the fields are those of `Event::Block`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented at Event::Block")]
pub struct Block {
    pub qpc: i64,
    pub generation: u32,
    pub first_frame: u64,
    pub frames: u64,
    pub first_qpc: i64,
    pub flags: u32,
    pub lost: u64,
    pub clear: u64,
    pub missed: u64,
}

/// When a program had the tap open, and looked at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TapUse {
    /// When it opened the tap.
    pub opened: Option<i64>,
    /// Frames that are kept for it at least while it does not read.
    pub keeps_frames: u64,
    /// When it began to sleep, and for how many milliseconds.
    pub slept: Vec<(i64, u32)>,
    /// When it closed the tap, or was killed.
    pub closed: Option<i64>,
}

impl TapUse {
    /// The sleep in which a time lies; its first and its last tick.
    pub fn asleep(&self, qpc: i64, clock: &Clock) -> Option<(i64, i64)> {
        self.slept
            .iter()
            .map(|&(from, for_ms)| (from, from + clock.ticks_of_ms(for_ms)))
            .find(|(from, to)| (*from..=*to).contains(&qpc))
    }
}

/// More frames than any buffer or block of a run holds; numbers above it come from a damaged timeline.
const MOST_FRAMES: u64 = 1 << 32;

impl Stream {
    /// Sorts a timeline.
    ///
    /// # Errors
    /// Why the timeline says nothing usable: it is empty, runs backwards, opens no stream or several, or writes more
    /// than the buffer holds.
    pub fn from_timeline(timeline: &[Stamped], rate: u32, frequency: i64) -> Result<Self, String> {
        let clock = Clock::new(rate, frequency)?;
        Self::of_programs(timeline, Program::Main, Program::Main, clock)
    }

    /// Sorts a timeline of a scenario: what it says of the main program.
    ///
    /// # Errors
    /// As [`Self::from_timeline`].
    pub fn of_main(
        timeline: &[Stamped],
        scenario: &Scenario,
        frequency: i64,
    ) -> Result<Self, String> {
        let steering = Steering::of(timeline, scenario, 1, frequency);
        let clock = Clock::of_device(scenario.format.rate, frequency, steering.device)?;
        Self::of_programs(timeline, Program::Main, Program::Main, clock)
    }

    /// Sorts what a timeline says of one program's stream, and of the blocks that another (or the same) was given by
    /// the tap. `clock` is one that has not run yet.
    ///
    /// # Errors
    /// As [`Self::from_timeline`].
    pub fn of_programs(
        timeline: &[Stamped],
        program: Program,
        reader: Program,
        clock: Clock,
    ) -> Result<Self, String> {
        if timeline.is_empty() {
            return Err("the machine sent no timeline".into());
        }
        let mut stream = Self::none(clock);
        let mut before = i64::MIN;
        for (index, stamped) in timeline.iter().enumerate() {
            let Stamped { qpc, event, .. } = stamped;
            if *qpc < before {
                return Err(format!(
                    "the timeline runs backwards at entry {}: {qpc} after {before}",
                    index + 1
                ));
            }
            before = *qpc;
            let of = match event {
                Event::Block { .. }
                | Event::Refused { .. }
                | Event::Starved { .. }
                | Event::TapOpened { .. }
                | Event::TapSlept { .. }
                | Event::TapCancelled { .. }
                | Event::TapProbed { .. }
                | Event::TapClosed { .. } => reader,
                Event::Device { .. } => stamped.program,
                _ => program,
            };
            if stamped.program == of {
                stream.take(*qpc, event)?;
            }
        }
        if stream.buffer_frames == 0 {
            return Err("the timeline has no opened stream".into());
        }
        Ok(stream)
    }

    /// A stream that was never opened.
    pub(crate) fn none(clock: Clock) -> Self {
        Self {
            buffer_frames: 0,
            packet_frames: 0,
            clock,
            notified: Vec::new(),
            positions: Vec::new(),
            positions_stopped: Vec::new(),
            writes: Vec::new(),
            said: Vec::new(),
            counts: Vec::new(),
            presented: Vec::new(),
            starved: None,
            reads: Vec::new(),
            packets_read: Vec::new(),
            blocks: Vec::new(),
            tap: TapUse::default(),
            protections: Vec::new(),
            closed: false,
            stopped: false,
            asleep: false,
            wanted: false,
        }
    }

    fn take(&mut self, qpc: i64, event: &Event) -> Result<(), String> {
        match *event {
            Event::Opened {
                buffer_frames,
                packet_frames,
            } => {
                if self.buffer_frames != 0 || buffer_frames == 0 || buffer_frames > MOST_FRAMES {
                    return Err(format!(
                        "the timeline opens a stream with a buffer of {buffer_frames} frames after one of {}; it must \
                         open one stream with a buffer of at least one frame",
                        self.buffer_frames
                    ));
                }
                self.buffer_frames = buffer_frames;
                self.packet_frames = packet_frames;
            }
            Event::State { ref state } => match state.as_str() {
                "run" if self.closed || self.stopped => {
                    return Err("the timeline runs a stream again after it was stopped".into());
                }
                "run" => {
                    self.wanted = true;
                    if !self.asleep {
                        self.clock.run(qpc);
                    }
                }
                "stop" | "acquire" | "pause" => {
                    self.wanted = false;
                    self.clock.halt(qpc);
                    self.stopped |= state == "stop" && self.clock.start().is_some();
                }
                other => return Err(format!("the timeline has an unknown state {other:?}")),
            },
            Event::Notified => self.notified.push(qpc),
            Event::Position { frames } if self.stopped => self.positions_stopped.push(frames),
            Event::Position { frames } => self.positions.push((qpc, frames)),
            Event::Wrote {
                stream_frame,
                signal_frame,
                frames,
            } => {
                if frames > self.buffer_frames || stream_frame.max(signal_frame) > MOST_FRAMES << 10
                {
                    return Err(format!(
                        "the timeline writes {frames} frames at {stream_frame} into a buffer of {}",
                        self.buffer_frames
                    ));
                }
                self.writes.push(Write {
                    qpc,
                    stream_frame,
                    signal_frame,
                    frames,
                });
            }
            Event::Block {
                generation,
                first_frame,
                frames,
                first_qpc,
                flags,
                lost,
                clear,
                missed,
            } => self.blocks.push(Block {
                qpc,
                generation,
                first_frame,
                frames,
                first_qpc,
                flags,
                lost,
                clear,
                missed,
            }),
            Event::PacketCount { count } => self.counts.push((qpc, count)),
            Event::Presented { frames, at } => self.presented.push(Presented { qpc, frames, at }),
            Event::Declared {
                packet,
                flags,
                last_bytes,
                ref answer,
            } => self.say(
                qpc,
                What::Packet {
                    number: packet,
                    flags,
                    last_bytes,
                    answer: answer.clone(),
                },
            ),
            Event::WritePosition { buffer_frame } if buffer_frame > self.buffer_frames => {
                return Err(format!(
                    "the timeline tells a write position of {buffer_frame} in a buffer of {}",
                    self.buffer_frames
                ));
            }
            Event::WritePosition { buffer_frame } => self.say(qpc, What::Position(buffer_frame)),
            Event::Starved {
                clear_frames,
                clear_runs,
                missed_frames,
                missed_runs,
                known_from,
                ref recent,
            } => {
                self.starved = Some(Starved {
                    clear_frames,
                    clear_runs,
                    missed_frames,
                    missed_runs,
                    known_from,
                    recent: recent.clone(),
                });
            }
            Event::Read {
                stream_frame,
                frames,
            } => {
                if frames > self.buffer_frames || stream_frame > MOST_FRAMES << 10 {
                    return Err(format!(
                        "the timeline reads {frames} frames at {stream_frame} of a buffer of {}",
                        self.buffer_frames
                    ));
                }
                self.reads.push(Read {
                    qpc,
                    stream_frame,
                    frames,
                });
            }
            Event::ReadPacket {
                ref answer,
                packet,
                at,
                more,
            } => self.packets_read.push(PacketRead {
                qpc,
                answer: answer.clone(),
                packet,
                at,
                more,
            }),
            Event::TapOpened { keeps_frames } => {
                self.tap.opened.get_or_insert(qpc);
                self.tap.keeps_frames = keeps_frames;
            }
            Event::Protected { protected } => self.protections.push((qpc, protected)),
            Event::TapSlept { for_ms } => self.tap.slept.push((qpc, for_ms)),
            Event::TapCancelled { .. } | Event::TapProbed { .. } => {}
            Event::TapClosed { .. } => self.tap.closed = Some(qpc),
            // What a tap client did about the clock is worked out by `Steering`.
            Event::Stalled { .. }
            | Event::Refused { .. }
            | Event::Steer { .. }
            | Event::Clock { .. } => {}
            Event::Device { change } => self.change(qpc, change),
            // Runs that are folded have a judge of their own.
            Event::Digest { .. } | Event::Counted { .. } => {}
            Event::Closed | Event::Kept => {
                self.clock.halt(qpc);
                self.closed = true;
            }
        }
        Ok(())
    }

    /// A sleep pauses a stream that runs, and lets it go on; a device that is stopped or gone ends it.
    fn change(&mut self, qpc: i64, change: DeviceChange) {
        match change {
            DeviceChange::Asleep => {
                self.asleep = true;
                self.clock.halt(qpc);
            }
            DeviceChange::Awake => {
                self.asleep = false;
                if self.wanted {
                    self.clock.run(qpc);
                }
            }
            DeviceChange::Stopped | DeviceChange::Gone => {
                self.clock.halt(qpc);
                self.wanted = false;
                self.stopped |= self.clock.start().is_some();
            }
            DeviceChange::StaysAwake
            | DeviceChange::StopRefused
            | DeviceChange::Started
            | DeviceChange::RemovalPrevented
            | DeviceChange::Removed => {}
        }
    }

    fn say(&mut self, qpc: i64, what: What) {
        self.said.push(Said {
            qpc,
            after_writes: self.writes.len(),
            running: self.wanted && !self.asleep,
            what,
        });
    }

    /// Frames that must come out of the tap as silence, in order: what was written while the content was protected, and what lay in the
    /// buffer when it became free, which may have been.
    pub fn muted(&self) -> Vec<Range<u64>> {
        let mut all: Vec<Range<u64>> = Vec::new();
        for &(qpc, protected) in &self.protections {
            let at = self.clock.position(qpc);
            match (protected, all.last_mut()) {
                (true, Some(last)) if at <= last.end => last.end = u64::MAX,
                (true, _) => all.push(at..u64::MAX),
                (false, Some(last)) if last.end == u64::MAX => last.end = at + self.buffer_frames,
                (false, _) => {}
            }
        }
        all
    }

    /// Where a frame is, in the words a reader looks for: frame, time in the stream, packet.
    pub fn place(&self, frame: u64) -> String {
        let rate = u64::from(self.clock.rate());
        let micros = u128::from(frame) * 1_000_000 / u128::from(rate);
        let time = format!("{}.{:06} s", micros / 1_000_000, micros % 1_000_000);
        match frame.checked_div(self.packet_frames) {
            Some(packet) => {
                let within = frame % self.packet_frames;
                format!("frame {frame} ({time}, packet {packet} + {within})")
            }
            None => format!("frame {frame} ({time})"),
        }
    }
}
