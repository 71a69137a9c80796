//! What the programs saw, in order, on its way out of the machine.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use waverig_protocol::timeline::{Event, Stamped};

use crate::kernel::kernel;

/// Observations that are sent together.
const EVENTS: usize = 512;
/// Bytes of captured audio that are sent together.
const BYTES: usize = 64 << 10;

/// Takes what the journal gives out.
pub trait Sink {
    /// Observations, in order.
    fn events(&self, events: Vec<Stamped>);
    /// Captured frames without a gap, from frame `first` on.
    fn capture(&self, first: u64, bytes: Vec<u8>);
}

/// Collects observations and captured audio, and gives them out in portions.
#[derive(Clone)]
pub struct Journal {
    inner: Rc<Inner>,
}

struct Inner {
    events: RefCell<Vec<Stamped>>,
    piece: RefCell<Piece>,
    sink: Box<dyn Sink>,
}

/// Captured frames that follow each other.
#[derive(Default)]
struct Piece {
    first: u64,
    next: u64,
    bytes: Vec<u8>,
}

thread_local! {
    /// The journal of the run that goes on now.
    static CURRENT: RefCell<Weak<Inner>> = const { RefCell::new(Weak::new()) };
}

/// Gives out what the journal of this run still has, when the machine ends in the middle of it.
pub(crate) fn flush_current() {
    let current =
        CURRENT.try_with(|current| current.try_borrow().ok().and_then(|inner| inner.upgrade()));
    if let Ok(Some(inner)) = current {
        inner.flush();
    }
}

impl Journal {
    /// A journal that gives out to `sink`; it becomes the current one.
    pub fn new(sink: impl Sink + 'static) -> Self {
        let inner = Rc::new(Inner {
            events: RefCell::default(),
            piece: RefCell::default(),
            sink: Box::new(sink),
        });
        CURRENT.with_borrow_mut(|current| *current = Rc::downgrade(&inner));
        Self { inner }
    }

    /// Notes what happens now.
    pub(crate) fn note(&self, event: Event) {
        let mut events = self.inner.events.borrow_mut();
        // Virtual time fits: it starts at 0 and counts 100 ns.
        events.push(Stamped {
            qpc: kernel().now().0.cast_signed(),
            event,
        });
        if events.len() >= EVENTS {
            let events = std::mem::take(&mut *events);
            self.inner.sink.events(events);
        }
    }

    /// Takes `frames` captured frames that begin at frame `first`.
    pub(crate) fn capture(&self, first: u64, frames: u64, bytes: &[u8]) {
        if frames == 0 {
            return;
        }
        let mut piece = self.inner.piece.borrow_mut();
        if piece.bytes.is_empty() || piece.next != first || piece.bytes.len() >= BYTES {
            self.inner.send(&mut piece);
            piece.first = first;
        }
        piece.bytes.extend_from_slice(bytes);
        piece.next = first + frames;
    }

    /// Gives out what is left.
    pub(crate) fn flush(&self) {
        self.inner.flush();
    }
}

impl Inner {
    fn send(&self, piece: &mut Piece) {
        if !piece.bytes.is_empty() {
            self.sink
                .capture(piece.first, std::mem::take(&mut piece.bytes));
        }
    }

    /// Parts that are being written to at this moment (the machine ends in the middle of that) are left out.
    fn flush(&self) {
        if let Ok(mut piece) = self.piece.try_borrow_mut() {
            self.send(&mut piece);
        }
        let events = self
            .events
            .try_borrow_mut()
            .map(|mut events| std::mem::take(&mut *events));
        if let Some(events) = events.ok().filter(|events| !events.is_empty()) {
            self.sink.events(events);
        }
    }
}
