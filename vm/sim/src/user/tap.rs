//! The tap's client: keeps reads pended, or shares memory, and hands on every block, in order, until the stream's last.

mod clock;
pub(super) mod hostile;
mod shared;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use waverig_protocol::scenario::{Disturbance, Share, TapDisturbance};
use waverig_protocol::timeline::Event;
use waverig_tap::{Block, BlockFlags, Reader, Session, ioctl, request, status, told};

use super::UserError;
use super::journal::Journal;
use super::ks::Handle;
use super::life::{self, Ear};
use super::task::{self, Bell};
use crate::kernel::kernel;
use crate::nt::io::{Pending, give_back};
use crate::nt::status::{NtStatus, STATUS_CANCELLED, STATUS_DEVICE_NOT_CONNECTED};
use crate::pnp::node::Node;
use crate::sched;
use crate::time::{Hns, Qpc};

/// A read has room for this many times the frames it waits for, so that one that comes late takes all there is.
const ROOM: usize = 8;
/// How long another processor is held up between taking a cancel routine and calling it: more than a tick, less than a block may come
/// late.
const RACE: Hns = Hns(15_000);
/// Between two reads that complete at once.
const POLL: Hns = Hns::from_millis(1);
/// Bytes a reply to HELLO may have; a later version may enlarge it.
const HELLO_ROOM: usize = 64;
/// The same for STATUS.
const STATUS_ROOM: usize = 1024;

/// How a tap is read.
pub(super) struct Reading {
    /// Each read completes when this many frames are there; 0: at once, with what is there.
    pub(super) read_frames: u32,
    /// Reads kept pended.
    pub(super) reads: u32,
    /// The streams that come, one after the other: where what it is given of each is noted, and the bytes in a frame of it.
    pub(super) lives: Vec<(Journal, usize)>,
    pub(super) disturbances: Vec<Disturbance>,
    /// The device's node, when something may happen to it.
    pub(super) node: Option<Rc<Node>>,
    /// Memory is shared instead.
    pub(super) share: Option<Share>,
}

/// An open tap with its reads.
pub(super) struct Tap {
    state: Rc<State>,
}

struct State {
    handle: RefCell<Option<Handle>>,
    lives: Vec<(Journal, usize)>,
    /// Which of them it reads.
    life: Cell<usize>,
    /// Its generation, once it has begun.
    generation: Cell<Option<u32>>,
    request: Vec<u8>,
    /// Reads complete at once, with what is there.
    at_once: bool,
    room: usize,
    reader: RefCell<Reader>,
    /// Requests that are with the driver.
    pended: RefCell<Vec<Pending>>,
    share: Option<shared::Sharing>,
    /// The client sleeps: what was completed meanwhile waits.
    asleep: Cell<bool>,
    waiting: RefCell<VecDeque<(NtStatus, Vec<u8>)>>,
    /// Its requests were cancelled, and it has not noticed all of that.
    cancelled: Cell<usize>,
    /// How often it ran because something had come, and when the last time was.
    woken: Cell<(u32, Option<Qpc>)>,
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
    pub(super) fn open(link: &str, reading: &Reading) -> Result<Self, UserError> {
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
        let largest = reading.lives.iter().map(|(_, frame_bytes)| *frame_bytes);
        let largest = largest.max().unwrap_or(0);
        let bell = Bell::default();
        let ear = Ear::open(reading.node.as_ref(), &reading.disturbances, bell.clone());
        let state = Rc::new(State {
            handle: RefCell::new(Some(handle)),
            lives: reading.lives.clone(),
            life: Cell::new(0),
            generation: Cell::new(None),
            request: request::read(frames, 0).to_vec(),
            at_once: frames == 0,
            room: session.header_bytes + ROOM * (frames as usize).max(48) * largest,
            reader: RefCell::new(Reader::new(session.qpc_frequency)),
            pended: RefCell::default(),
            share: reading
                .share
                .map(|share| shared::Sharing::new(share, frames, largest)),
            asleep: Cell::new(false),
            waiting: RefCell::default(),
            cancelled: Cell::new(0),
            woken: Cell::default(),
            last_seen: Cell::new(false),
            closing: Cell::new(false),
            may_end: life::ends_the_device(&reading.disturbances),
            refused: Cell::new(false),
            ear,
            error: RefCell::default(),
            bell,
        });
        let keeps_frames = match reading.share {
            Some(share) => u64::from(share.slots) * u64::from(frames),
            None => session.ring_frames.into(),
        };
        state.own().note(Event::TapOpened { keeps_frames });
        if state.share.is_some() {
            shared::begin(&state)?;
        } else {
            for _ in 0..reading.reads {
                pend(&state);
            }
        }
        Ok(Self { state })
    }

    /// What goes wrong with the client, one thing after the other; `begin` is when the scenario began. `true` when the
    /// client is gone.
    pub(super) async fn disturb(&self, mut all: Vec<TapDisturbance>, begin: Qpc) -> bool {
        let state = &self.state;
        all.sort_by_key(TapDisturbance::at_ms);
        for each in all {
            task::sleep_until(begin + Hns::from_millis(each.at_ms().into())).await;
            match each {
                TapDisturbance::TapSlow { for_ms, .. } => {
                    state.own().note(Event::TapSlept { for_ms });
                    state.asleep.set(true);
                    task::sleep(Hns::from_millis(for_ms.into())).await;
                    wake(state);
                }
                TapDisturbance::TapCancel { .. } => {
                    let requests = cancel_all(state, Pending::cancel);
                    state.own().note(Event::TapCancelled { requests });
                    if state.share.is_some() {
                        return true;
                    }
                }
                TapDisturbance::TapRace { .. } => {
                    let requests = cancel_all(state, |one| one.cancel_slowly(RACE));
                    state.own().note(Event::TapCancelled { requests });
                }
                TapDisturbance::TapKill { .. } => {
                    // A process that ends takes its requests back thread by thread, then closes its handles
                    // ("Canceling IRPs", "DispatchCleanup, DispatchClose").
                    state.closing.set(true);
                    cancel_all(state, Pending::cancel);
                    return true;
                }
            }
        }
        false
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
            let (requests, refused) = (handle.sent(), handle.refused());
            handle.close();
            let (woken, _) = state.woken.get();
            state.own().note(Event::TapClosed {
                requests,
                woken,
                refused,
            });
        }
        state.ear.close();
        let deadline = kernel().now() + Hns::from_secs(1);
        let all_done = || left(state) == 0;
        state.bell.until(all_done, deadline).await;
        if let Some(sharing) = &state.share {
            sharing.close();
        }
        let left = left(state);
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

/// Requests that the driver still has.
fn left(state: &State) -> usize {
    let mut pended = state.pended.borrow_mut();
    pended.retain(Pending::is_pending);
    pended.len()
}

/// Cancels every request; gives how many there were.
fn cancel_all(state: &Rc<State>, cancel: impl Fn(&Pending) -> bool) -> u32 {
    left(state);
    // A copy: what is cancelled may be sent again meanwhile.
    let pended = state.pended.borrow().clone();
    state.cancelled.set(pended.len());
    for one in &pended {
        cancel(one);
    }
    u32::try_from(pended.len()).unwrap_or(u32::MAX)
}

/// The client looks again.
fn wake(state: &Rc<State>) {
    state.asleep.set(false);
    loop {
        let next = state.waiting.borrow_mut().pop_front();
        let Some((status, bytes)) = next else { break };
        completed(state, status, &bytes);
    }
    if state.share.is_some() {
        shared::look(state);
    }
}

fn pend(state: &Rc<State>) {
    let handle = state.handle.borrow();
    let Some(handle) = handle.as_ref() else {
        return;
    };
    let later = Rc::clone(state);
    let pending = handle.control_later(
        ioctl::READ,
        &state.request,
        state.room,
        move |status, bytes| {
            // Completion can come at DISPATCH_LEVEL with the driver on the stack: the client runs afterwards.
            sched::soon("the tap's client", move || {
                later.bell.ring();
                later.woke();
                if later.asleep.get() {
                    later.waiting.borrow_mut().push_back((status, bytes));
                } else {
                    completed(&later, status, &bytes);
                    give_back(bytes);
                }
            });
        },
    );
    left(state);
    if pending.is_pending() {
        state.pended.borrow_mut().push(pending);
    }
}

fn completed(state: &Rc<State>, status: NtStatus, bytes: &[u8]) {
    if status == STATUS_CANCELLED {
        if state.closing.get() || state.last_seen.get() {
            return;
        }
        if let Some(rest) = state.cancelled.get().checked_sub(1) {
            state.cancelled.set(rest);
            return pend(state);
        }
    }
    if status == STATUS_DEVICE_NOT_CONNECTED && state.may_end {
        state.own().note(Event::Refused {
            request: "tap-read".into(),
            status: status.0.cast_unsigned(),
        });
        state.refused.set(true);
        return;
    }
    let taken = if status.is_ok() {
        Block::decode(bytes)
            .map_err(broken)
            .and_then(|block| state.take(&block))
    } else {
        Err(UserError(format!("a tap read failed with {status}")))
    };
    match taken {
        Err(error) => state.fail(error),
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

fn broken(error: waverig_tap::Error) -> UserError {
    UserError(format!("the tap breaks its promise: {error}"))
}

impl State {
    /// Where it is noted what becomes of the reader itself.
    fn own(&self) -> &Journal {
        &self.lives[0].0
    }

    /// Where it is noted what it is given now.
    fn journal(&self) -> &Journal {
        &self.lives[self.life.get()].0
    }

    /// Asks what the tap counted. A device that is gone answers nothing.
    fn starved(&self, handle: &Handle) -> Result<(), UserError> {
        let Ok(reply) = handle.control(ioctl::STATUS, &[], STATUS_ROOM) else {
            return Ok(());
        };
        let counted = status(&reply).map_err(|error| UserError(error.to_string()))?;
        self.journal().note(told::starved(&counted));
        Ok(())
    }

    /// The client runs because something came for it.
    fn woke(&self) {
        let (count, last) = self.woken.get();
        let now = Some(kernel().now());
        if last != now && !self.closing.get() {
            self.woken.set((count.saturating_add(1), now));
        }
    }

    fn fail(&self, error: UserError) {
        self.error.borrow_mut().get_or_insert(error);
        self.bell.ring();
    }

    fn take(&self, block: &Block<'_>) -> Result<(), UserError> {
        self.reader.borrow_mut().accept(block).map_err(broken)?;
        if let Some(format) = block.format {
            let before = self.generation.replace(Some(block.generation));
            if before.is_some_and(|before| before != block.generation) {
                // One that nobody expects is told with the last.
                self.life
                    .set((self.life.get() + 1).min(self.lives.len() - 1));
            }
            let (given, played) = (format.frame_bytes(), self.lives[self.life.get()].1);
            if given != played {
                return Err(UserError(format!(
                    "the tap delivers frames of {given} bytes, {played} are played"
                )));
            }
        }
        self.journal().note(told::block(block));
        self.journal()
            .capture(block.first_frame, block.count.into(), block.frames);
        if block.is(BlockFlags::LAST) {
            if self.life.get() + 1 == self.lives.len() {
                self.last_seen.set(true);
            } else if let Some(handle) = self.handle.borrow().as_ref() {
                // What it counted of this stream is forgotten with the next.
                self.starved(handle)?;
            }
        }
        Ok(())
    }
}
