//! The client of a pin that has no buffer for it: it hands its audio over in requests, `IOCTL_KS_WRITE_STREAM`, keeps some of them under
//! way, and sends the next one when one has ended, as programs did before there was WaveRT.

use std::cell::Cell;
use std::rc::Rc;

use waverig_portcls::{KSSTATE_ACQUIRE, KSSTATE_PAUSE, KSSTATE_RUN, KSSTATE_STOP};
use waverig_protocol::scenario::Disturbance;
use waverig_protocol::timeline::Event;
use waverig_signal::Generator;

use super::client::Life;
use super::journal::Journal;
use super::ks::Handle;
use super::life::{self, Ear};
use super::pin::{Interface, Pin};
use super::processor::{self, ClientStalls, Pauses};
use super::task::{self, Bell};
use super::{Place, UserError};
use crate::kernel::kernel;
use crate::nt::status::NtStatus;
use crate::time::{Hns, Qpc};

/// What requests bring back.
#[derive(Default)]
struct Returned {
    bell: Bell,
    /// Ended, since the client last looked.
    ended: Cell<u32>,
    /// The first status that is none of success.
    refused: Cell<Option<NtStatus>>,
}

/// An open stream and what is still to be sent.
struct Requests {
    filter: Handle,
    pin: Pin,
    journal: Journal,
    generator: Generator,
    disturbances: Vec<Disturbance>,
    stalls: ClientStalls,
    pauses: Pauses,
    ear: Ear,
    returned: Rc<Returned>,
    frame_bytes: usize,
    packet: u64,
    /// Frames of the signal, and how many of them were sent.
    frames: u64,
    sent: u64,
    under_way: u32,
    most: u32,
    stop: Qpc,
}

/// Plays until everything was heard; `started` is told the moment the stream first runs.
pub(super) async fn run(
    life: &Life,
    (packet_frames, requests): (u32, u32),
    place: &Place,
    started: impl FnOnce(Qpc),
) -> Result<(), UserError> {
    let mut client = Requests::open(life, (packet_frames, requests), place)?;
    let run = client.play(started).await;
    client.finish(run)
}

impl Requests {
    fn open(
        life: &Life,
        (packet_frames, requests): (u32, u32),
        place: &Place,
    ) -> Result<Self, UserError> {
        let scenario = &life.scenario;
        let filter = Handle::open(&place.wave)
            .map_err(|status| UserError(format!("opening {} failed with {status}", place.wave)))?;
        let (format, mode) = (&scenario.format, scenario.mode);
        let pin = Pin::open_for(Interface::Streaming, &filter, place.pin, format, mode)?;
        let pin = pin.map_err(|status| UserError(format!("opening the pin failed with {status}")));
        let generator = Generator::new(&scenario.signal, scenario.format)
            .map_err(|error| UserError(error.to_string()))?;
        life.journal.note(Event::Opened {
            buffer_frames: u64::from(packet_frames) * u64::from(requests),
            packet_frames: packet_frames.into(),
        });
        let (now, returned) = (kernel().now(), Rc::<Returned>::default());
        let bell = returned.bell.clone();
        Ok(Self {
            filter,
            pin: pin?,
            journal: life.journal.clone(),
            generator,
            stalls: ClientStalls::new(&scenario.disturbances, now),
            pauses: Pauses::new(&scenario.disturbances, now),
            ear: Ear::open(life.node.as_ref(), &scenario.disturbances, bell),
            disturbances: scenario.disturbances.clone(),
            returned,
            frame_bytes: scenario.format.frame_bytes(),
            packet: packet_frames.into(),
            frames: scenario.frames(),
            sent: 0,
            under_way: 0,
            most: requests,
            stop: life.stop.unwrap_or(Qpc(u64::MAX)),
        })
    }

    fn set_state(&self, state: i32) -> Result<(), UserError> {
        self.pin.set_state(state)?;
        let name = ["stop", "acquire", "pause", "run"][state as usize];
        self.journal.note(Event::State { state: name.into() });
        Ok(())
    }

    async fn play(&mut self, started: impl FnOnce(Qpc)) -> Result<(), UserError> {
        self.set_state(KSSTATE_ACQUIRE)?;
        self.set_state(KSSTATE_PAUSE)?;
        self.send();
        self.set_state(KSSTATE_RUN)?;
        let start = kernel().now();
        self.stalls = ClientStalls::new(&self.disturbances, start);
        self.pauses = Pauses::new(&self.disturbances, start);
        started(start);
        loop {
            if !self.wait().await? {
                return Ok(());
            }
            while let Some(for_ms) = self.stalls.take() {
                self.journal.note(Event::Stalled { for_ms });
                task::sleep(Hns::from_millis(for_ms.into())).await;
            }
            while let Some(length) = self.pauses.take() {
                self.pause(length).await?;
            }
            self.under_way -= self.returned.ended.take();
            if let Some(status) = self.returned.refused.take() {
                return Err(UserError(format!("a write ended with {status}")));
            }
            self.position()?;
            if self.ear.is_told() || self.sent == self.frames && self.under_way == 0 {
                return Ok(());
            }
            self.send();
        }
    }

    /// Asks for the position: a count of the stream's own frames.
    fn position(&self) -> Result<u64, UserError> {
        let frames = self.pin.position()? / self.frame_bytes as u64;
        self.journal.note(Event::Position { frames });
        Ok(frames)
    }

    async fn pause(&mut self, length: Hns) -> Result<(), UserError> {
        self.set_state(KSSTATE_PAUSE)?;
        let before = self.position()?;
        task::sleep(length).await;
        if self.position()? != before {
            return Err(UserError("a paused stream went on".into()));
        }
        self.set_state(KSSTATE_RUN)
    }

    /// Sends as many requests as may be under way.
    fn send(&mut self) {
        while self.under_way < self.most && self.sent < self.frames {
            let frames = self.packet.min(self.frames - self.sent);
            let mut data = vec![0; frames as usize * self.frame_bytes].into_boxed_slice();
            self.generator.fill(self.sent, &mut data);
            self.journal.note(Event::Wrote {
                stream_frame: self.sent,
                signal_frame: self.sent,
                frames,
            });
            self.sent += frames;
            self.under_way += 1;
            let returned = Rc::clone(&self.returned);
            let journal = self.journal.clone();
            self.pin.write(data, move |status| {
                returned.ended.set(returned.ended.get() + 1);
                if !status.is_ok() {
                    returned
                        .refused
                        .set(returned.refused.get().or(Some(status)));
                }
                journal.note(Event::Notified);
                returned.bell.ring();
            });
        }
    }

    /// Waits until a request ends, which must be within 2 s; `false` when the client is to stop first.
    async fn wait(&self) -> Result<bool, UserError> {
        let patience = Hns(Hns::from_secs(2).0 + processor::allowance(&self.disturbances).0);
        let deadline = kernel().now() + patience;
        let (returned, ear) = (&self.returned, &self.ear);
        let condition = || returned.ended.get() > 0 || ear.is_told();
        if self
            .returned
            .bell
            .until(condition, deadline.min(self.stop))
            .await
        {
            return Ok(true);
        }
        if self.stop <= deadline {
            return Ok(false);
        }
        Err(UserError(
            "no request ended for 2 s while the stream was running".into(),
        ))
    }

    /// Stops the stream and gives everything back; requests that are under way are cancelled.
    fn finish(self, run: Result<(), UserError>) -> Result<(), UserError> {
        let stopped = [KSSTATE_PAUSE, KSSTATE_ACQUIRE, KSSTATE_STOP]
            .into_iter()
            .try_for_each(|state| self.set_state(state));
        self.pin.close();
        self.filter.close();
        self.ear.close();
        self.journal.note(Event::Closed);
        if life::ends_the_device(&self.disturbances) {
            return Ok(());
        }
        run.and(stopped)
    }
}
