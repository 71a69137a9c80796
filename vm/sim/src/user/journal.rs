//! What the programs saw, in order, on its way out of the machine.

use std::cell::RefCell;
use std::rc::Rc;

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

impl Journal {
    /// A journal that gives out to `sink`.
    pub fn new(sink: impl Sink + 'static) -> Self {
        let inner = Inner { events: RefCell::default(), piece: RefCell::default(), sink: Box::new(sink) };
        Self { inner: Rc::new(inner) }
    }

    /// Notes what happens now.
    pub(crate) fn note(&self, event: Event) {
        let mut events = self.inner.events.borrow_mut();
        // Virtual time fits: it starts at 0 and counts 100 ns.
        events.push(Stamped { qpc: kernel().now().0.cast_signed(), event });
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
            self.send(&mut piece);
            piece.first = first;
        }
        piece.bytes.extend_from_slice(bytes);
        piece.next = first + frames;
    }

    fn send(&self, piece: &mut Piece) {
        if !piece.bytes.is_empty() {
            self.inner.sink.capture(piece.first, std::mem::take(&mut piece.bytes));
        }
    }

    /// Gives out what is left.
    pub(crate) fn flush(&self) {
        self.send(&mut self.inner.piece.borrow_mut());
        let events = self.inner.events.take();
        if !events.is_empty() {
            self.inner.sink.events(events);
        }
    }
}
