//! What every audio client does with its stream, whichever way the data flow: opening, states, the position, waiting,
//! stalling, closing.

use std::cell::RefCell;
use std::rc::Rc;

use waverig_portcls::status::{
    STATUS_DATA_LATE_ERROR, STATUS_DATA_OVERRUN, STATUS_DEVICE_NOT_READY,
    STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
};
use waverig_portcls::{DRMRIGHTS, KSSTATE_ACQUIRE, KSSTATE_PAUSE, KSSTATE_RUN, KSSTATE_STOP};
use waverig_protocol::scenario::{Client, Disturbance, Format, Mode, Opening};
use waverig_protocol::timeline::Event;

use super::journal::Journal;
use super::ks::Handle;
use super::life::{self, Ear};
use super::pin::{Buffer, Pin};
use super::processor::{self, ClientStalls, Lapse, Lapses, Pauses};
use super::protection::Protections;
use super::task::{self, Bell};
use super::unroll::Unroll;
use super::{Place, UserError};
use crate::kernel::kernel;
use crate::nt::event::{self, EventKind};
use crate::nt::layout::KEvent;
use crate::nt::object::{self, HandleOwner};
use crate::nt::status::NtStatus;
use crate::pnp::node::Node;
use crate::time::{Hns, Qpc};

/// What a stream is opened with.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) format: Format,
    pub(super) client: Client,
    pub(super) mode: Option<Mode>,
    /// Those of the client and those of the machine.
    pub(super) disturbances: Vec<Disturbance>,
    pub(super) journal: Journal,
    /// The device's node, when something may happen to it.
    pub(super) node: Option<Rc<Node>>,
    /// When the client stops, whatever it still has to do.
    pub(super) stop: Option<Qpc>,
}

/// An open stream.
pub(super) struct Stream {
    filter: Handle,
    pin: Pin,
    pub(super) buffer: Buffer,
    pub(super) buffer_frames: u64,
    /// Frames between two notifications; 0 without.
    pub(super) packet_frames: u64,
    pub(super) frame_bytes: usize,
    rate: u32,
    pub(super) journal: Journal,
    notification: Option<Notification>,
    disturbances: Vec<Disturbance>,
    unroll: Unroll,
    stalls: ClientStalls,
    ear: Ear,
    pauses: Pauses,
    protections: Protections,
    lapses: Lapses,
    stop: Qpc,
}

/// The event that the driver signals.
struct Notification {
    handle: usize,
    event: *mut KEvent,
    bell: Bell,
    /// Where it is noted: that of the program that uses the stream now.
    journal: Rc<RefCell<Journal>>,
}

impl Notification {
    fn new(journal: Journal) -> Self {
        let event = event::create(EventKind::Synchronization, false);
        let bell = Bell::default();
        let ring = bell.clone();
        let journal = Rc::new(RefCell::new(journal));
        let noted = Rc::clone(&journal);
        event::observe(event, move |_| {
            noted.borrow().note(Event::Notified);
            ring.ring();
        });
        let handle = object::open(event, HandleOwner::User);
        // From here on the handle keeps the event.
        object::dereference(event);
        Self {
            handle,
            event,
            bell,
            journal,
        }
    }
}

impl Stream {
    /// Opens filter and pin, gets a buffer, registers the event.
    pub(super) fn open(place: &Place, setup: &Setup) -> Result<Self, UserError> {
        let stream = Self::ask(place, setup)?;
        stream.map_err(|status| UserError(format!("opening the pin failed with {status}")))
    }

    /// The same as a program does it that may have to wait for the pin, or does without; `None` when it is not given to it.
    pub(super) async fn open_as(
        opening: Opening,
        place: &Place,
        setup: &Setup,
    ) -> Result<Option<Self>, UserError> {
        if opening == Opening::AtOnce {
            return Self::open(place, setup).map(Some);
        }
        loop {
            match Self::ask(place, setup)? {
                Ok(stream) => return Ok(Some(stream)),
                Err(status) => setup.journal.note(Event::Refused {
                    request: "open-pin".into(),
                    status: status.0.cast_unsigned(),
                }),
            }
            if opening == Opening::Refused {
                return Ok(None);
            }
            task::sleep(Hns::from_millis(1)).await;
        }
    }

    fn ask(place: &Place, setup: &Setup) -> Result<Result<Self, NtStatus>, UserError> {
        let frame_bytes = setup.format.frame_bytes();
        let filter = Handle::open(&place.wave)
            .map_err(|status| UserError(format!("opening {} failed with {status}", place.wave)))?;
        let pin = match Pin::open(&filter, place.pin, &setup.format, setup.mode)? {
            Ok(pin) => pin,
            Err(status) => {
                filter.close();
                return Ok(Err(status));
            }
        };
        let (frames, notifications) = match setup.client {
            Client::EventDriven { packet_frames } | Client::Packet { packet_frames, .. } => {
                (2 * u64::from(packet_frames), 2)
            }
            Client::Shared {
                period_frames,
                event: true,
            } => (2 * u64::from(period_frames), 2),
            Client::Shared {
                period_frames,
                event: false,
            } => (4 * u64::from(period_frames), 0),
            Client::Polling { buffer_frames, .. } => (u64::from(buffer_frames), 0),
            Client::Requests { .. } => (0, 0),
        };
        let bytes = u32::try_from(frames * frame_bytes as u64).map_err(|_| {
            UserError(format!(
                "a buffer of {frames} frames has more bytes than a request can say"
            ))
        })?;
        let buffer = pin.allocate(bytes, notifications)?;
        pin.latency()?;
        let notification = (notifications > 0).then(|| Notification::new(setup.journal.clone()));
        if let Some(notification) = &notification {
            pin.register(notification.handle)?;
        }
        let buffer_frames = (buffer.bytes / frame_bytes) as u64;
        let packet_frames = buffer_frames
            .checked_div(u64::from(notifications))
            .unwrap_or(0);
        setup.journal.note(Event::Opened {
            buffer_frames,
            packet_frames,
        });
        let now = kernel().now();
        let bell = notification
            .as_ref()
            .map(|notification| notification.bell.clone());
        let ear = Ear::open(
            setup.node.as_ref(),
            &setup.disturbances,
            bell.unwrap_or_default(),
        );
        Ok(Ok(Self {
            filter,
            pin,
            buffer,
            buffer_frames,
            packet_frames,
            frame_bytes,
            rate: setup.format.rate,
            journal: setup.journal.clone(),
            notification,
            disturbances: setup.disturbances.clone(),
            unroll: Unroll::new(buffer_frames, setup.format.rate, life::time_awake()),
            stalls: ClientStalls::new(&setup.disturbances, now),
            ear,
            pauses: Pauses::new(&setup.disturbances, now),
            protections: Protections::new(&setup.disturbances, now),
            lapses: Lapses::new(&setup.disturbances, now),
            stop: setup.stop.unwrap_or(Qpc(u64::MAX)),
        }))
    }

    /// Stops the stream and keeps its pin for the program that goes on with it. Nothing is left of what was played: the position
    /// is asked for once more.
    pub(super) fn rest(&mut self) -> Result<(), UserError> {
        for state in [KSSTATE_PAUSE, KSSTATE_ACQUIRE, KSSTATE_STOP] {
            self.set_state(state)?;
        }
        let offset = self.pin.position()? / self.frame_bytes as u64;
        self.journal.note(Event::Position { frames: offset });
        self.journal.note(Event::Kept);
        Ok(())
    }

    /// Another program goes on with the stream, which is stopped: with the buffer and the event that there are.
    pub(super) fn hand_over(&mut self, setup: &Setup) {
        self.journal = setup.journal.clone();
        if let Some(notification) = &self.notification {
            notification.journal.replace(setup.journal.clone());
            // What was signalled before the stream stopped is nothing to wake up for.
            event::try_consume(notification.event);
        }
        self.disturbances.clone_from(&setup.disturbances);
        self.stop = setup.stop.unwrap_or(Qpc(u64::MAX));
        self.journal.note(Event::Opened {
            buffer_frames: self.buffer_frames,
            packet_frames: self.packet_frames,
        });
    }

    fn set_state(&self, state: i32) -> Result<(), UserError> {
        self.pin.set_state(state)?;
        let name = ["stop", "acquire", "pause", "run"][state as usize];
        self.journal.note(Event::State { state: name.into() });
        Ok(())
    }

    /// Takes the stream to PAUSE.
    pub(super) fn prepare(&mut self) -> Result<(), UserError> {
        self.set_state(KSSTATE_ACQUIRE)?;
        self.set_state(KSSTATE_PAUSE)
    }

    /// Starts the stream; gives the moment of the start.
    pub(super) fn start(&mut self) -> Result<Qpc, UserError> {
        self.prepare()?;
        self.go()
    }

    /// Starts a prepared stream; gives the moment of the start.
    pub(super) fn go(&mut self) -> Result<Qpc, UserError> {
        self.set_state(KSSTATE_RUN)?;
        let start = kernel().now();
        self.unroll = Unroll::new(self.buffer_frames, self.rate, life::time_awake());
        self.stalls = ClientStalls::new(&self.disturbances, start);
        self.pauses = Pauses::new(&self.disturbances, start);
        self.protections = Protections::new(&self.disturbances, start);
        self.lapses = Lapses::new(&self.disturbances, start);
        Ok(start)
    }

    /// Asks how many packets are complete.
    pub(super) fn packet_count(&self) -> Result<u64, UserError> {
        let count = self.pin.packet_count()?;
        self.journal.note(Event::PacketCount { count });
        Ok(count.into())
    }

    /// Asks for the presentation position.
    pub(super) fn presentation(&self) -> Result<(), UserError> {
        let (frames, at) = self.pin.presentation()?;
        self.journal.note(Event::Presented { frames, at });
        Ok(())
    }

    /// Declares a packet.
    pub(super) fn declare(&self, packet: u64, flags: u32, last_bytes: u64) {
        // Both are what 32 bits of them are; the driver sees no more.
        let (packet, last_bytes) = (packet as u32, last_bytes as u32);
        let answer = match self.pin.set_write_packet(packet, flags, last_bytes).0 {
            STATUS_SUCCESS => "taken".into(),
            STATUS_DATA_LATE_ERROR => "late".into(),
            STATUS_DATA_OVERRUN => "overrun".into(),
            STATUS_INVALID_DEVICE_STATE => "ended".into(),
            STATUS_INVALID_PARAMETER => "invalid".into(),
            STATUS_NOT_SUPPORTED => "unsupported".into(),
            other => format!("{other:#010x}"),
        };
        self.journal.note(Event::Declared {
            packet,
            flags,
            last_bytes,
            answer,
        });
    }

    /// Asks for the next packet to read; gives its number and whether there is another. `None` when there is none.
    pub(super) fn read_packet(&self) -> Option<(u32, bool)> {
        let got = self.pin.read_packet();
        let answer = match &got {
            Ok(_) => "given".into(),
            Err(NtStatus(STATUS_DEVICE_NOT_READY)) => "not-ready".into(),
            Err(NtStatus(STATUS_NOT_SUPPORTED)) => "unsupported".into(),
            Err(other) => format!("{:#010x}", other.0),
        };
        let (packet, at, more) = *got.as_ref().unwrap_or(&(0, 0, false));
        self.journal.note(Event::ReadPacket {
            answer,
            packet,
            at,
            more,
        });
        got.ok().map(|(packet, _, more)| (packet, more))
    }

    /// Tells the driver that everything before frame `limit` of the stream is written.
    pub(super) fn tell_written(&self, limit: u64) -> Result<(), UserError> {
        // A full buffer is told as its length, which only the end of a lap can be.
        let buffer_frame = match limit % self.buffer_frames {
            0 => self.buffer_frames,
            frame => frame,
        };
        self.pin
            .set_write_position(buffer_frame * self.frame_bytes as u64)?;
        self.journal.note(Event::WritePosition { buffer_frame });
        Ok(())
    }

    /// What goes wrong on purpose with a packet client now.
    pub(super) fn lapse(&mut self) -> Option<Lapse> {
        self.lapses.take()
    }

    /// Asks for the position, in frames since the start.
    pub(super) fn position(&mut self) -> Result<u64, UserError> {
        let offset = self.pin.position()? / self.frame_bytes as u64;
        let frames = self.unroll.frames(offset, life::time_awake());
        self.journal.note(Event::Position { frames });
        Ok(frames)
    }

    /// Whether the device is to go, or has gone, and the stream is to be closed; or whether the client wants no more of it.
    pub(super) fn must_end(&self) -> bool {
        self.is_told() || kernel().now() >= self.stop
    }

    /// Whether the device is to go, or has gone.
    pub(super) fn is_told(&self) -> bool {
        self.ear.is_told()
    }

    /// Lets time pass, but not beyond the moment at which the client stops.
    pub(super) async fn sleep(&self, time: Hns) {
        task::sleep_until((kernel().now() + time).min(self.stop)).await;
    }

    /// Asks for the position when it is known to be about `near`: after days an offset in the buffer tells nothing else.
    pub(super) fn position_near(&mut self, near: u64) -> Result<(), UserError> {
        let offset = self.pin.position()? / self.frame_bytes as u64;
        let ahead = (offset + self.buffer_frames - near % self.buffer_frames) % self.buffer_frames;
        let behind = if ahead > self.buffer_frames / 2 {
            self.buffer_frames
        } else {
            0
        };
        let frames = (near + ahead).saturating_sub(behind);
        self.journal.note(Event::Position { frames });
        Ok(())
    }

    /// Frames per second.
    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// Where a frame of the stream lies in the buffer, in bytes.
    pub(super) fn offset(&self, frame: u64) -> usize {
        (frame % self.buffer_frames) as usize * self.frame_bytes
    }

    /// Stands still when a stall of the client is due, and pauses the stream when that is.
    pub(super) async fn stall(&mut self) -> Result<(), UserError> {
        while let Some(for_ms) = self.stalls.take() {
            self.journal.note(Event::Stalled { for_ms });
            task::sleep(Hns::from_millis(for_ms.into())).await;
        }
        self.protect()?;
        while let Some(length) = self.pauses.take() {
            self.pause(length).await?;
        }
        Ok(())
    }

    /// What the stream carries becomes protected or free when that is due. The program tries to say so itself before.
    fn protect(&mut self) -> Result<(), UserError> {
        while let Some(content) = self.protections.take() {
            self.pin.claim_content(content)?;
            self.pin.content(content)?;
            let protected = content.DrmRights != DRMRIGHTS::default();
            self.journal.note(Event::Protected { protected });
        }
        Ok(())
    }

    /// Pauses the stream, and asks for the position at the beginning, in the middle and at the end.
    async fn pause(&mut self, length: Hns) -> Result<(), UserError> {
        self.set_state(KSSTATE_PAUSE)?;
        self.position()?;
        self.unroll.hold();
        let half = Hns(length.0 / 2);
        for part in [half, Hns(length.0 - half.0)] {
            task::sleep(part).await;
            self.position()?;
        }
        self.set_state(KSSTATE_RUN)?;
        self.unroll.go_on(life::time_awake());
        Ok(())
    }

    /// Waits for the driver's notification, which must come within 2 s, or until the client stops.
    pub(super) async fn wait(&mut self) -> Result<(), UserError> {
        self.wait_until(self.stop).await.map(|_| ())
    }

    /// Waits for the driver's notification, which must come within 2 s, but no longer than until `stop`; `false` when
    /// that came first.
    pub(super) async fn wait_until(&mut self, stop: Qpc) -> Result<bool, UserError> {
        while self.interrupted() < stop {
            if self.notified_until(self.interrupted()).await? {
                return Ok(true);
            }
            self.protect()?;
            if let Some(length) = self.pauses.take() {
                self.pause(length).await?;
            }
        }
        self.notified_until(stop).await
    }

    /// When the next pause or change of protection is due.
    fn interrupted(&self) -> Qpc {
        self.pauses.next().min(self.protections.next())
    }

    async fn notified_until(&self, stop: Qpc) -> Result<bool, UserError> {
        let Some(Notification { event, bell, .. }) = &self.notification else {
            return Err(UserError("the stream has no notifications".into()));
        };
        let patience = Hns(Hns::from_secs(2).0 + processor::allowance(&self.disturbances).0);
        let deadline = kernel().now() + patience;
        if bell
            .until(
                || event::try_consume(*event) || self.ear.is_told(),
                deadline.min(stop),
            )
            .await
        {
            return Ok(true);
        }
        if stop <= deadline {
            return Ok(false);
        }
        Err(UserError(
            "the driver signalled no notification for 2 s while the stream was running".into(),
        ))
    }

    /// Stops the stream and gives everything back. `run` says how it went until then. Once the device is stopped or gone,
    /// requests may fail, and the handles are closed all the same.
    pub(super) fn finish(self, run: Result<(), UserError>) -> Result<(), UserError> {
        let stopped = [KSSTATE_PAUSE, KSSTATE_ACQUIRE, KSSTATE_STOP]
            .into_iter()
            .try_for_each(|state| self.set_state(state));
        let unregistered = match &self.notification {
            Some(notification) => self.pin.unregister(notification.handle),
            None => Ok(()),
        };
        self.pin.close();
        self.filter.close();
        if let Some(notification) = &self.notification {
            object::close(notification.handle);
        }
        self.ear.close();
        self.journal.note(Event::Closed);
        if life::ends_the_device(&self.disturbances) {
            return Ok(());
        }
        run.and(stopped).and(unregistered)
    }
}
