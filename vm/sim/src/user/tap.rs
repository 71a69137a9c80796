//! The tap's client: keeps reads pended and hands on every block, in order, until the stream's last.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use waverig_protocol::scenario::Disturbance;
use waverig_protocol::timeline::{Event, StarvedRun};
use waverig_tap::{Block, BlockFlags, Reader, Session, Steering, ioctl, request, status};

use super::UserError;
use super::journal::Journal;
use super::ks::Handle;
use super::life::{self, Ear};
use super::task::Bell;
use crate::kernel::kernel;
use crate::nt::status::{
    NtStatus, STATUS_BUFFER_TOO_SMALL, STATUS_CANCELLED, STATUS_DEVICE_NOT_CONNECTED,
    STATUS_INVALID_PARAMETER, STATUS_SHARING_VIOLATION,
};
use crate::pnp::node::Node;
use crate::sched;
use crate::time::{Hns, Qpc};

/// A read has room for this many times the frames it waits for, so that one that comes late takes all there is.
const ROOM: usize = 8;
/// Between two reads that complete at once.
const POLL: Hns = Hns::from_millis(1);
/// Bytes a reply to HELLO may have; a later version may enlarge it.
const HELLO_ROOM: usize = 64;
/// The same for STATUS.
const STATUS_ROOM: usize = 1024;
/// Bytes a reply about the clock may have.
const CLOCK_ROOM: usize = 128;

/// How a tap is read.
pub(super) struct Reading {
    /// Each read completes when this many frames are there; 0: at once, with what is there.
    pub(super) read_frames: u32,
    /// Reads kept pended.
    pub(super) reads: u32,
    /// Bytes in a frame of what is played.
    pub(super) frame_bytes: usize,
    pub(super) disturbances: Vec<Disturbance>,
    /// The device's node, when something may happen to it.
    pub(super) node: Option<Rc<Node>>,
}

/// An open tap with its reads.
pub(super) struct Tap {
    state: Rc<State>,
}

struct State {
    handle: RefCell<Option<Handle>>,
    journal: Journal,
    request: Vec<u8>,
    /// Reads complete at once, with what is there.
    at_once: bool,
    room: usize,
    frame_bytes: usize,
    reader: RefCell<Reader>,
    pended: Cell<u32>,
    last_seen: Cell<bool>,
    closing: Cell<bool>,
    /// The device may be stopped or go.
    may_end: bool,
    /// A read was refused because it did.
    refused: Cell<bool>,
    ear: Ear,
    error: RefCell<Option<UserError>>,
    /// Rung after every read.
    bell: Bell,
}

impl Tap {
    /// Opens the tap's interface, agrees on a version, and pends the reads.
    pub(super) fn open(link: &str, reading: &Reading, journal: Journal) -> Result<Self, UserError> {
        let failed =
            |what: &str, status: NtStatus| UserError(format!("{what} failed with {status}"));
        let handle = Handle::open(link).map_err(|status| failed("opening the tap", status))?;
        let reply = handle
            .control(ioctl::HELLO, &request::hello(), HELLO_ROOM)
            .map_err(|status| failed("the tap's HELLO", status))?;
        let session = Session::decode(&reply).map_err(|error| UserError(error.to_string()))?;
        if session.qpc_frequency.cast_unsigned() != crate::time::QPC_FREQUENCY {
            return Err(UserError(format!(
                "the tap says that QPC runs at {} Hz",
                session.qpc_frequency
            )));
        }
        let frames = reading.read_frames;
        let frame_bytes = reading.frame_bytes;
        let bell = Bell::default();
        let ear = Ear::open(reading.node.as_ref(), &reading.disturbances, bell.clone());
        let state = Rc::new(State {
            handle: RefCell::new(Some(handle)),
            journal,
            request: request::read(frames, 0).to_vec(),
            at_once: frames == 0,
            room: session.header_bytes + ROOM * (frames as usize).max(48) * frame_bytes,
            frame_bytes,
            reader: RefCell::new(Reader::new(session.qpc_frequency)),
            pended: Cell::new(0),
            last_seen: Cell::new(false),
            closing: Cell::new(false),
            may_end: life::ends_the_device(&reading.disturbances),
            refused: Cell::new(false),
            ear,
            error: RefCell::default(),
            bell,
        });
        for _ in 0..reading.reads {
            pend(&state);
        }
        Ok(Self { state })
    }

    /// Waits for the stream's last block, or an error, until `deadline`; `false` when that came first.
    pub(super) async fn last(&self, deadline: Qpc) -> bool {
        let state = &self.state;
        let seen = || {
            let over = state.last_seen.get() && !state.may_end;
            over || state.refused.get() || state.ear.is_told() || state.error.borrow().is_some()
        };
        let met = state.bell.until(seen, deadline).await;
        if state.ear.is_told() {
            // The player has been told, too: its stream ends in a moment.
            let ended = || state.last_seen.get() || state.refused.get();
            state
                .bell
                .until(ended, kernel().now() + Hns::from_millis(50))
                .await;
        }
        met
    }

    /// Steers the clock, or lets go of it, and notes what the driver answered.
    pub(super) fn steer(&self, ppb: Option<i32>) -> Result<(), UserError> {
        let input = ppb.map_or_else(request::release, request::steer);
        let reply = self.control(ioctl::STEER, &input);
        let answer = reply
            .as_ref()
            .err()
            .map_or(0, |status| status.0.cast_unsigned());
        self.state.journal.note(Event::Steer { ppb, answer });
        reply.map_or(Ok(()), |reply| self.note_clock(&reply).map(|_| ()))
    }

    /// Asks what the clock does, and notes it; gives the position that it told.
    pub(super) fn clock(&self) -> Result<u64, UserError> {
        let reply = self.control(ioctl::CLOCK, &[]);
        let reply =
            reply.map_err(|status| UserError(format!("the tap's CLOCK failed with {status}")))?;
        self.note_clock(&reply)
    }

    /// Requests about the clock that no driver may take: each with the answer it must get. While somebody else steers, that may
    /// be the reason too.
    pub(super) fn ask_for_too_much(&self) -> Result<(), UserError> {
        let told = self.control(ioctl::CLOCK, &[]);
        let told =
            told.map_err(|status| UserError(format!("the tap's CLOCK failed with {status}")))?;
        let told = waverig_tap::clock(&told).map_err(|error| UserError(error.to_string()))?;
        let taken = told.steering == Steering::AnotherHandle as u32;
        let [mut unknown, mut reserved, mut idle] =
            [request::steer(1), request::steer(1), request::release()];
        unknown[0] = 3;
        reserved[12] = 1;
        idle[4] = 1;
        let steer = request::steer;
        for (what, input, expect) in [
            (
                "a rate above the bound",
                &steer(1_000_001)[..],
                STATUS_INVALID_PARAMETER,
            ),
            (
                "a rate below the bound",
                &steer(-1_000_001),
                STATUS_INVALID_PARAMETER,
            ),
            (
                "the lowest number",
                &steer(i32::MIN),
                STATUS_INVALID_PARAMETER,
            ),
            (
                "the highest number",
                &steer(i32::MAX),
                STATUS_INVALID_PARAMETER,
            ),
            ("an unknown action", &unknown, STATUS_INVALID_PARAMETER),
            ("a reserved field", &reserved, STATUS_INVALID_PARAMETER),
            ("a rate to let go with", &idle, STATUS_INVALID_PARAMETER),
            ("15 bytes", &steer(1)[..15], STATUS_BUFFER_TOO_SMALL),
            ("nothing", &[], STATUS_BUFFER_TOO_SMALL),
        ] {
            let answer = self.control(ioctl::STEER, input).err();
            if answer != Some(expect) && !(taken && answer == Some(STATUS_SHARING_VIOLATION)) {
                return Err(UserError(format!(
                    "STEER with {what} must fail with {expect}; the driver answered {answer:?}"
                )));
            }
        }
        Ok(())
    }

    fn control(&self, code: u32, input: &[u8]) -> Result<Vec<u8>, NtStatus> {
        let handle = self.state.handle.borrow();
        let handle = handle.as_ref().ok_or(STATUS_CANCELLED)?;
        handle.control(code, input, CLOCK_ROOM)
    }

    fn note_clock(&self, reply: &[u8]) -> Result<u64, UserError> {
        let clock = waverig_tap::clock(reply).map_err(|error| UserError(error.to_string()))?;
        if clock.qpc != kernel().now().0.cast_signed() {
            return Err(UserError(format!(
                "the tap's clock is told for tick {}",
                clock.qpc
            )));
        }
        self.state.journal.note(Event::Clock {
            device_ticks: clock.device_ticks,
            device_fraction: clock.device_fraction,
            slope_ppb: clock.slope_ppb,
            target_ppb: clock.target_ppb,
            steering: clock.steering,
            generation: clock.generation,
            position: clock.position,
        });
        Ok(clock.position)
    }

    /// Waits for the stream's last block when `wait`, then closes the tap.
    pub(super) async fn finish(self, wait: bool) -> Result<(), UserError> {
        let state = &self.state;
        if wait {
            self.last(kernel().now() + Hns::from_secs(2)).await;
        }
        state.closing.set(true);
        if let Some(handle) = state.handle.take() {
            if wait && let Err(error) = state.starved(&handle) {
                state.error.borrow_mut().get_or_insert(error);
            }
            handle.close();
            state.journal.note(Event::TapClosed);
        }
        state.ear.close();
        let deadline = kernel().now() + Hns::from_secs(1);
        state.bell.until(|| state.pended.get() == 0, deadline).await;
        let left = state.pended.get();
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        if left > 0 {
            return Err(UserError(format!(
                "{left} tap reads were not completed when the tap's handle was closed"
            )));
        }
        if wait && !state.last_seen.get() && !state.may_end {
            return Err(UserError(
                "the tap delivered no last block within 2 s after the stream stopped".into(),
            ));
        }
        Ok(())
    }
}

fn pend(state: &Rc<State>) {
    let handle = state.handle.borrow();
    let Some(handle) = handle.as_ref() else {
        return;
    };
    state.pended.set(state.pended.get() + 1);
    let later = Rc::clone(state);
    handle.control_later(
        ioctl::READ,
        &state.request,
        state.room,
        move |status, bytes| {
            // Completion can come at DISPATCH_LEVEL with the driver on the stack: the client runs afterwards.
            sched::soon("the tap's client", move || {
                completed(&later, status, &bytes)
            });
        },
    );
}

fn completed(state: &Rc<State>, status: NtStatus, bytes: &[u8]) {
    state.pended.set(state.pended.get() - 1);
    state.bell.ring();
    if status == STATUS_CANCELLED && (state.closing.get() || state.last_seen.get()) {
        return;
    }
    if status == STATUS_DEVICE_NOT_CONNECTED && state.may_end {
        state.journal.note(Event::Refused {
            request: "tap-read".into(),
            status: status.0.cast_unsigned(),
        });
        state.refused.set(true);
        return;
    }
    let taken = if status.is_ok() {
        state.take(bytes)
    } else {
        Err(UserError(format!("a tap read failed with {status}")))
    };
    match taken {
        Err(error) => {
            state.error.borrow_mut().get_or_insert(error);
        }
        Ok(()) if state.last_seen.get() && !state.may_end => {}
        Ok(()) if state.closing.get() || state.refused.get() => {}
        // A read that waits for nothing is asked for again after a while, else time would never pass.
        Ok(()) if state.at_once => {
            let state = Rc::clone(state);
            sched::after(POLL, "the tap's client polls", move || pend(&state));
        }
        Ok(()) => pend(state),
    }
}

impl State {
    /// Asks what the tap counted. A device that is gone answers nothing.
    fn starved(&self, handle: &Handle) -> Result<(), UserError> {
        let Ok(reply) = handle.control(ioctl::STATUS, &[], STATUS_ROOM) else {
            return Ok(());
        };
        let told = status(&reply).map_err(|error| UserError(error.to_string()))?;
        let runs = told.recent.iter().filter(|run| run.frames > 0);
        self.journal.note(Event::Starved {
            clear_frames: told.clear_frames,
            clear_runs: told.clear_runs,
            missed_frames: told.missed_frames,
            missed_runs: told.missed_runs,
            known_from: (told.known_from != u64::MAX).then_some(told.known_from),
            recent: runs
                .map(|run| StarvedRun {
                    first_frame: run.first_frame,
                    frames: run.frames,
                    qpc: run.qpc,
                    known: run.known != 0,
                })
                .collect(),
        });
        Ok(())
    }

    fn take(&self, bytes: &[u8]) -> Result<(), UserError> {
        let error =
            |error: waverig_tap::Error| UserError(format!("the tap breaks its promise: {error}"));
        let block = Block::decode(bytes).map_err(error)?;
        self.reader.borrow_mut().accept(&block).map_err(error)?;
        let frame_bytes = block
            .format
            .map_or(self.frame_bytes, |format| format.frame_bytes());
        if frame_bytes != self.frame_bytes {
            return Err(UserError(format!(
                "the tap delivers frames of {frame_bytes} bytes, {} are played",
                self.frame_bytes
            )));
        }
        self.journal.note(Event::Block {
            generation: block.generation,
            first_frame: block.first_frame,
            frames: block.count.into(),
            first_qpc: block.qpc,
            flags: block.flags.0,
            lost: block.lost,
            clear: block.clear.into(),
            missed: block.missed.into(),
        });
        self.journal
            .capture(block.first_frame, block.count.into(), block.frames);
        if block.is(BlockFlags::LAST) {
            self.last_seen.set(true);
        }
        Ok(())
    }
}
