//! What the kinds of players share: filling the buffer, writing what is due, ending.

use std::rc::Rc;

use waverig_protocol::scenario::{Client, Scenario};
use waverig_protocol::timeline::Event;
use waverig_signal::Generator;

use super::feed::{Feed, Write};
use super::journal::Journal;
use super::stream::{Setup, Stream};
use super::{Place, UserError, event_driven, packet, polling, shared};
use crate::pnp::node::Node;
use crate::time::Qpc;

/// A player with its stream open.
pub(super) struct Playing {
    pub(super) stream: Stream,
    generator: Generator,
    pub(super) feed: Feed,
    client: Client,
    scratch: Vec<u8>,
}

impl Playing {
    /// Opens the stream of the main player of `scenario`.
    pub(super) fn open(
        scenario: &Scenario,
        place: &Place,
        node: Option<&Rc<Node>>,
        journal: Journal,
    ) -> Result<Self, UserError> {
        let generator = Generator::new(&scenario.signal, scenario.format)
            .map_err(|error| UserError(error.to_string()))?;
        let setup = Setup {
            format: scenario.format,
            client: scenario.client,
            disturbances: scenario.disturbances.clone(),
            journal,
            node: node.cloned(),
        };
        Ok(Self {
            stream: Stream::open(place, &setup)?,
            generator,
            feed: Feed::new(scenario.frames()),
            client: scenario.client,
            scratch: Vec::new(),
        })
    }

    /// Plays until everything was heard, then stops and closes. `started` is told the moment the stream runs.
    pub(super) async fn run(mut self, started: impl FnOnce(Qpc)) -> Result<(), UserError> {
        let run = match self.start() {
            Ok(start) => {
                started(start);
                match self.client {
                    Client::EventDriven { .. } => event_driven::play(&mut self).await,
                    Client::Packet { end_of_stream, .. } => {
                        packet::play(&mut self, end_of_stream).await
                    }
                    Client::Shared { event: true, .. } => shared::notified(&mut self).await,
                    Client::Shared {
                        period_frames,
                        event: false,
                    } => shared::timed(&mut self, period_frames.into()).await,
                    Client::Polling { interval_ms, .. } => {
                        polling::play(&mut self, interval_ms).await
                    }
                }
            }
            Err(error) => Err(error),
        };
        self.stream.finish(run)
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
