//! What the kinds of players share: filling the buffer, writing what is due, ending.

use std::rc::Rc;

use waverig_protocol::scenario::{Client, Opening, Scenario};
use waverig_protocol::timeline::Event;
use waverig_signal::Generator;

use super::feed::{Feed, Write};
use super::journal::Journal;
use super::stream::{Setup, Stream};
use super::{Place, UserError, event_driven, packet, polling, shared, task};
use crate::pnp::node::Node;
use crate::time::Qpc;

/// One program that plays, from the moment at which its stream runs.
pub(super) struct Life {
    pub(super) scenario: Scenario,
    pub(super) journal: Journal,
    pub(super) node: Option<Rc<Node>>,
    /// When its stream runs, for one that goes on with the pin of another.
    pub(super) start: Qpc,
    pub(super) stop: Option<Qpc>,
}

impl Life {
    fn setup(&self) -> Setup {
        Setup {
            format: self.scenario.format,
            client: self.scenario.client,
            mode: self.scenario.mode,
            disturbances: self.scenario.disturbances.clone(),
            journal: self.journal.clone(),
            node: self.node.clone(),
            stop: self.stop,
        }
    }

    fn generator(&self) -> Result<Generator, UserError> {
        Generator::new(&self.scenario.signal, self.scenario.format)
            .map_err(|error| UserError(error.to_string()))
    }
}

/// A player with its stream open.
pub(super) struct Playing {
    pub(super) stream: Stream,
    generator: Generator,
    pub(super) feed: Feed,
    client: Client,
    scratch: Vec<u8>,
}

/// Requests are the main player's.
fn without_buffer() -> UserError {
    UserError("a client of kind requests has no buffer; only the main player can be one".into())
}

impl Playing {
    /// Opens a program's stream.
    pub(super) fn open(life: &Life, place: &Place) -> Result<Self, UserError> {
        Self::of(life, Stream::open(place, &life.setup())?)
    }

    /// The same as a program does it that may have to wait for its pin, or does without; `None` when it is not given to it.
    pub(super) async fn open_as(
        opening: Opening,
        life: &Life,
        place: &Place,
    ) -> Result<Option<Self>, UserError> {
        let stream = Stream::open_as(opening, place, &life.setup()).await?;
        stream.map(|stream| Self::of(life, stream)).transpose()
    }

    fn of(life: &Life, stream: Stream) -> Result<Self, UserError> {
        Ok(Self {
            stream,
            generator: life.generator()?,
            feed: Feed::new(life.scenario.frames()),
            client: life.scenario.client,
            scratch: Vec::new(),
        })
    }

    /// Plays until everything was heard, and stops; then plays what each of the programs plays that go on with the pin; then
    /// closes it. `started` is told the moment the stream first runs.
    pub(super) async fn run(
        mut self,
        next: Vec<Life>,
        started: impl FnOnce(Qpc),
    ) -> Result<(), UserError> {
        let mut run = self.play(started).await;
        for life in next {
            if run.is_err() || self.stream.is_told() {
                break;
            }
            run = match self.go_on(&life).await {
                Ok(()) => self.play(|_| ()).await,
                Err(error) => Err(error),
            };
        }
        self.stream.finish(run)
    }

    /// Stops, waits, and is the next program on this pin.
    async fn go_on(&mut self, life: &Life) -> Result<(), UserError> {
        self.stream.rest()?;
        task::sleep_until(life.start).await;
        self.stream.hand_over(&life.setup());
        self.generator = life.generator()?;
        self.feed = Feed::new(life.scenario.frames());
        Ok(())
    }

    async fn play(&mut self, started: impl FnOnce(Qpc)) -> Result<(), UserError> {
        match self.start() {
            Ok(start) => {
                started(start);
                match self.client {
                    Client::EventDriven { .. } => event_driven::play(self).await,
                    Client::Packet { end_of_stream, .. } => packet::play(self, end_of_stream).await,
                    Client::Shared { event: true, .. } => shared::notified(self).await,
                    Client::Shared {
                        period_frames,
                        event: false,
                    } => shared::timed(self, period_frames.into()).await,
                    Client::Polling { interval_ms, .. } => polling::play(self, interval_ms).await,
                    Client::Requests { .. } => Err(without_buffer()),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Fills the whole buffer and starts the stream.
    fn start(&mut self) -> Result<Qpc, UserError> {
        match self.client {
            Client::Packet { .. } => packet::start(self),
            Client::Shared { .. } => {
                shared::write(self, 0, self.stream.buffer_frames)?;
                self.stream.start()
            }
            Client::EventDriven { .. } | Client::Polling { .. } => {
                self.write(0, self.stream.buffer_frames);
                self.stream.start()
            }
            Client::Requests { .. } => Err(without_buffer()),
        }
    }

    /// Whether the position has passed everything that was written.
    pub(super) fn heard(&self, position: u64) -> bool {
        self.feed.end().is_some_and(|end| position >= end)
    }

    /// Writes what the feed has for the places from `earliest` up to `limit`; `false` when all of it was written before.
    pub(super) fn write(&mut self, earliest: u64, limit: u64) -> bool {
        let Some(Write {
            stream,
            signal,
            frames,
            silence,
        }) = self.feed.next(earliest, limit)
        else {
            return false;
        };
        let frame_bytes = self.stream.frame_bytes;
        self.scratch.clear();
        self.scratch
            .resize((frames + silence) as usize * frame_bytes, 0);
        self.generator
            .fill(signal, &mut self.scratch[..frames as usize * frame_bytes]);
        let at = self.stream.offset(stream);
        self.stream.buffer.write(at, &self.scratch);
        if frames > 0 {
            self.stream.journal.note(Event::Wrote {
                stream_frame: stream,
                signal_frame: signal,
                frames,
            });
        }
        true
    }

    /// Leaves something in the places from `frame` up to `limit` that nobody is to hear.
    pub(super) fn spoil(&mut self, frame: u64, limit: u64) {
        self.scratch.clear();
        self.scratch
            .resize((limit - frame) as usize * self.stream.frame_bytes, 0x55);
        let at = self.stream.offset(frame);
        self.stream.buffer.write(at, &self.scratch);
    }
}
