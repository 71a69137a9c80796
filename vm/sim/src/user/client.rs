//! What both audio clients share: opening, writing, asking for the position, draining, closing.

use waverig_portcls::{KSSTATE_ACQUIRE, KSSTATE_PAUSE, KSSTATE_RUN, KSSTATE_STOP};
use waverig_protocol::scenario::{Client, Scenario};
use waverig_protocol::timeline::Event;
use waverig_signal::Generator;

use super::feed::{Feed, Write};
use super::journal::Journal;
use super::ks::Handle;
use super::pin::{Buffer, Pin};
use super::processor::{self, ClientStalls};
use super::unroll::Unroll;
use super::{Target, UserError};
use crate::kernel::kernel;
use crate::nt::event::{self, EventKind};
use crate::nt::layout::KEvent;
use crate::nt::object::{self, HandleOwner};
use crate::sched;
use crate::time::{Hns, Qpc};

/// An audio client with its stream open.
pub(super) struct Playing {
    filter: Handle,
    pin: Pin,
    buffer: Buffer,
    pub(super) buffer_frames: u64,
    /// Frames between two notifications; 0 without.
    pub(super) packet_frames: u64,
    frame_bytes: usize,
    rate: u32,
    generator: Generator,
    pub(super) feed: Feed,
    journal: Journal,
    notification: Option<(usize, *mut KEvent)>,
    scenario: Scenario,
    unroll: Unroll,
    stalls: ClientStalls,
    scratch: Vec<u8>,
}

impl Playing {
    /// Opens filter and pin, gets a buffer, registers the event.
    pub(super) fn open(
        scenario: &Scenario,
        target: &Target,
        generator: Generator,
        journal: Journal,
    ) -> Result<Self, UserError> {
        let frame_bytes = scenario.format.frame_bytes();
        let filter = Handle::open(&target.wave)
            .map_err(|status| UserError(format!("opening {} failed with {status}", target.wave)))?;
        let pin = Pin::open(&filter, target.pin, &scenario.format)?;
        let (frames, notifications) = match scenario.client {
            Client::EventDriven { packet_frames } => (2 * u64::from(packet_frames), 2),
            Client::Polling { buffer_frames, .. } => (u64::from(buffer_frames), 0),
        };
        let bytes = u32::try_from(frames * frame_bytes as u64).map_err(|_| {
            UserError(format!(
                "a buffer of {frames} frames has more bytes than a request can say"
            ))
        })?;
        let buffer = pin.allocate(bytes, notifications)?;
        pin.latency()?;
        let notification = (notifications > 0).then(|| {
            let event = event::create(EventKind::Synchronization, false);
            let noted = journal.clone();
            event::observe(event, move |_| noted.note(Event::Notified));
            let handle = object::open(event, HandleOwner::User);
            // From here on the handle keeps the event.
            object::dereference(event);
            (handle, event)
        });
        if let Some((handle, _)) = notification {
            pin.register(handle)?;
        }
        let buffer_frames = (buffer.bytes / frame_bytes) as u64;
        let packet_frames = buffer_frames
            .checked_div(u64::from(notifications))
            .unwrap_or(0);
        journal.note(Event::Opened {
            buffer_frames,
            packet_frames,
        });
        let now = kernel().now();
        Ok(Self {
            filter,
            pin,
            buffer,
            buffer_frames,
            packet_frames,
            frame_bytes,
            rate: scenario.format.rate,
            generator,
            feed: Feed::new(scenario.frames()),
            journal,
            notification,
            scenario: scenario.clone(),
            unroll: Unroll::new(buffer_frames, scenario.format.rate, now),
            stalls: ClientStalls::new(scenario, now),
            scratch: Vec::new(),
        })
    }

    fn set_state(&self, state: i32) -> Result<(), UserError> {
        self.pin.set_state(state)?;
        let name = ["stop", "acquire", "pause", "run"][state as usize];
        self.journal.note(Event::State { state: name.into() });
        Ok(())
    }

    /// Fills the whole buffer and starts the stream.
    pub(super) fn start(&mut self) -> Result<(), UserError> {
        self.write(0, self.buffer_frames);
        self.set_state(KSSTATE_ACQUIRE)?;
        self.set_state(KSSTATE_PAUSE)?;
        self.set_state(KSSTATE_RUN)?;
        let start = kernel().now();
        self.unroll = Unroll::new(self.buffer_frames, self.rate, start);
        self.stalls = ClientStalls::new(&self.scenario, start);
        processor::arrange_stalls(&self.scenario, start);
        Ok(())
    }

    /// Asks for the position, in frames since the start.
    pub(super) fn position(&mut self) -> Result<u64, UserError> {
        let offset = self.pin.position()? / self.frame_bytes as u64;
        let frames = self.unroll.frames(offset, kernel().now());
        self.journal.note(Event::Position { frames });
        Ok(frames)
    }

    /// Writes what the feed has for the places from `earliest` up to `limit`.
    pub(super) fn write(&mut self, earliest: u64, limit: u64) {
        let Some(Write {
            stream,
            signal,
            frames,
            silence,
        }) = self.feed.next(earliest, limit)
        else {
            return;
        };
        let length = (frames + silence) as usize * self.frame_bytes;
        self.scratch.clear();
        self.scratch.resize(length, 0);
        self.generator.fill(
            signal,
            &mut self.scratch[..frames as usize * self.frame_bytes],
        );
        self.buffer.write(
            (stream % self.buffer_frames) as usize * self.frame_bytes,
            &self.scratch,
        );
        if frames > 0 {
            self.journal.note(Event::Wrote {
                stream_frame: stream,
                signal_frame: signal,
                frames,
            });
        }
    }

    /// Stands still when a stall of the client is due.
    pub(super) fn stall(&mut self) {
        while let Some(for_ms) = self.stalls.take() {
            self.journal.note(Event::Stalled { for_ms });
            sched::run_for(Hns::from_millis(for_ms.into()));
        }
    }

    /// Waits for the driver's notification.
    pub(super) fn wait(&self) -> Result<(), UserError> {
        let (_, event) = self
            .notification
            .ok_or_else(|| UserError("the stream has no notifications".into()))?;
        let deadline: Qpc =
            kernel().now() + Hns(Hns::from_secs(2).0 + processor::allowance(&self.scenario).0);
        match sched::run_until(|| event::try_consume(event), Some(deadline)) {
            sched::Waited::Met => Ok(()),
            sched::Waited::Deadline | sched::Waited::Hung => Err(UserError(
                "the driver signalled no notification for 2 s while the stream was running".into(),
            )),
        }
    }

    /// Stops the stream and gives everything back. `run` says how playing went.
    pub(super) fn finish(self, run: Result<(), UserError>) -> Result<(), UserError> {
        let stopped = [KSSTATE_PAUSE, KSSTATE_ACQUIRE, KSSTATE_STOP]
            .into_iter()
            .try_for_each(|state| self.set_state(state));
        let unregistered = match self.notification {
            Some((handle, _)) => self.pin.unregister(handle),
            None => Ok(()),
        };
        self.pin.close();
        self.filter.close();
        if let Some((handle, _)) = self.notification {
            object::close(handle);
        }
        self.journal.note(Event::Closed);
        run.and(stopped).and(unregistered)
    }
}
