//! A tap client that shares its memory: one request, and an event that tells it to look.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use waverig_protocol::scenario::Share;
use waverig_protocol::timeline::Event;
use waverig_tap::{Shared, Words, ioctl, request};

use super::{State, broken};
use crate::nt::event::{self, EventKind};
use crate::nt::io::Memory;
use crate::nt::object::{self, HandleOwner};
use crate::nt::status::{STATUS_CANCELLED, STATUS_DEVICE_NOT_CONNECTED};
use crate::sched;
use crate::user::UserError;

/// The memory as its reader sees it.
struct Mine(Memory);

impl Words for Mine {
    fn words(&self) -> usize {
        self.0.words().len()
    }

    fn acquire(&self, at: usize) -> u64 {
        self.0.words().acquire(at)
    }

    fn relaxed(&self, at: usize) -> u64 {
        self.0.words().relaxed(at)
    }
}

/// What is shared.
pub(super) struct Sharing {
    memory: Memory,
    slot_bytes: usize,
    share: Share,
    frames: u32,
    event: Cell<Option<usize>>,
    reader: RefCell<Option<Shared<Mine>>>,
}

impl Sharing {
    pub(super) fn new(share: Share, frames: u32, frame_bytes: usize) -> Self {
        let slot_bytes = request::slot_bytes(frames, frame_bytes);
        Self {
            memory: Memory::new(request::share_bytes(share.slots as usize, slot_bytes)),
            slot_bytes,
            share,
            frames,
            event: Cell::new(None),
            reader: RefCell::new(None),
        }
    }

    /// The handle of the event is closed, with the process.
    pub(super) fn close(&self) {
        if let Some(event) = self.event.take() {
            object::close(event);
        }
    }
}

/// Hands the memory over.
pub(super) fn begin(state: &Rc<State>) -> Result<(), UserError> {
    let (Some(sharing), handle) = (&state.share, state.handle.borrow()) else {
        return Ok(());
    };
    let Some(handle) = handle.as_ref() else {
        return Ok(());
    };
    let object = event::create(EventKind::Synchronization, false);
    let woken = Rc::clone(state);
    event::observe(object, move |_| {
        // It is set at DISPATCH_LEVEL with the driver on the stack: the client runs afterwards.
        let state = Rc::clone(&woken);
        sched::soon("the tap's client looks", move || {
            state.woke();
            look(&state);
        });
    });
    let event = object::open(object, HandleOwner::User);
    // From here on the handle keeps the event.
    object::dereference(object);
    sharing.event.set(Some(event));
    let slot_bytes = u32::try_from(sharing.slot_bytes)
        .map_err(|_| UserError("a slot has more bytes than a request can say".into()))?;
    let wish = request::share(
        sharing.frames,
        sharing.share.wake_blocks,
        slot_bytes,
        event as u64,
    );
    let ended = Rc::clone(state);
    let pending = handle.control_in(ioctl::SHARE, &wish, &sharing.memory, move |status| {
        sched::soon("the tap's client", move || {
            ended.bell.ring();
            let asked = ended.closing.get() || ended.cancelled.take() > 0;
            if status == STATUS_DEVICE_NOT_CONNECTED && ended.may_end {
                ended.own().note(Event::Refused {
                    request: "tap-share".into(),
                    status: status.0.cast_unsigned(),
                });
                ended.refused.set(true);
                return;
            }
            if !(status == STATUS_CANCELLED && (asked || ended.last_seen.get())) {
                ended.fail(UserError(format!("sharing memory ended with {status}")));
            }
        });
    });
    if pending.is_pending() {
        state.pended.borrow_mut().push(pending);
    }
    let mine = Mine(sharing.memory.clone());
    let reader = Shared::open(mine).map_err(broken)?;
    *sharing.reader.borrow_mut() = reader;
    Ok(())
}

/// Takes every block that is there.
pub(super) fn look(state: &Rc<State>) {
    let Some(sharing) = &state.share else { return };
    if state.asleep.get() || state.last_seen.get() || state.closing.get() {
        return;
    }
    let mut reader = sharing.reader.borrow_mut();
    let Some(reader) = reader.as_mut() else {
        return;
    };
    loop {
        let taken = match reader.next_block() {
            Ok(None) => break,
            Ok(Some(block)) => state.take(&block),
            Err(error) => Err(broken(error)),
        };
        if let Err(error) = taken {
            return state.fail(error);
        }
    }
    state.bell.ring();
}
