//! What the programs saw, in order, on its way out of the machine.

mod digest;
mod kept;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use waverig_protocol::Program;
use waverig_protocol::timeline::{Event, Stamped};

use crate::kernel::kernel;
pub(crate) use digest::Digester;
pub(crate) use kept::{Kept, differs};

/// Observations that are sent together.
const EVENTS: usize = 512;
/// Bytes of captured audio that are sent together.
const BYTES: usize = 64 << 10;

/// Takes what the journal gives out.
pub(crate) trait Sink {
    /// Observations, in order.
    fn events(&self, events: Vec<Stamped>);
    /// Frames that `program` was given without a gap, from frame `first` on.
    fn capture(&self, program: Program, first: u64, bytes: Vec<u8>);
}

/// Collects observations and captured audio of one program, and gives them out in portions with those of the others.
#[derive(Clone)]
pub(crate) struct Journal {
    program: Program,
    inner: Rc<Inner>,
}

struct Inner {
    events: RefCell<Vec<Stamped>>,
    pieces: RefCell<BTreeMap<Program, Piece>>,
    /// Folds what the main player sees.
    digester: RefCell<Option<Digester>>,
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
    /// The main program's journal, that gives out to `sink`; it becomes the current one.
    pub(crate) fn new(sink: impl Sink + 'static) -> Self {
        let inner = Rc::new(Inner {
            events: RefCell::default(),
            pieces: RefCell::default(),
            digester: RefCell::default(),
            sink: Box::new(sink),
        });
        CURRENT.with_borrow_mut(|current| *current = Rc::downgrade(&inner));
        Self {
            program: Program::Main,
            inner,
        }
    }

    /// The journal of another program of the same run.
    pub(crate) fn of(&self, program: Program) -> Self {
        Self {
            program,
            inner: Rc::clone(&self.inner),
        }
    }

    /// From now on what the main player sees is folded.
    pub(crate) fn fold(&self, digester: Digester) {
        self.inner.digester.replace(Some(digester));
    }

    /// Notes what happens now.
    pub(crate) fn note(&self, event: Event) {
        // Virtual time fits: it starts at 0 and counts 100 ns.
        let qpc = kernel().now().0.cast_signed();
        let told = match self.inner.digester.borrow_mut().as_mut() {
            Some(digester) if self.program == Program::Main => digester.fold(qpc, event),
            _ => [None, Some(event)],
        };
        for event in told.into_iter().flatten() {
            self.tell(qpc, event);
        }
    }

    fn tell(&self, qpc: i64, event: Event) {
        let mut events = self.inner.events.borrow_mut();
        events.push(Stamped {
            qpc,
            program: self.program,
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
        if self.program == Program::Main
            && let Some(digester) = self.inner.digester.borrow_mut().as_mut()
        {
            return digester.capture(first, frames, bytes);
        }
        let mut pieces = self.inner.pieces.borrow_mut();
        let piece = pieces.entry(self.program).or_default();
        if piece.bytes.is_empty() || piece.next != first || piece.bytes.len() >= BYTES {
            self.inner.send(self.program, piece);
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
    fn send(&self, program: Program, piece: &mut Piece) {
        if !piece.bytes.is_empty() {
            self.sink
                .capture(program, piece.first, std::mem::take(&mut piece.bytes));
        }
    }

    /// Parts that are being written to at this moment (the machine ends in the middle of that) are left out.
    fn flush(&self) {
        if let Ok(mut pieces) = self.pieces.try_borrow_mut() {
            for (program, piece) in &mut *pieces {
                self.send(*program, piece);
            }
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
