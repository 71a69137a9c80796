//! What the programs saw, kept in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use waverig_protocol::Program;
use waverig_protocol::timeline::Stamped;

use crate::user::journal::Sink;

/// Observations in order, and captured audio by program.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) events: RefCell<Vec<Stamped>>,
    pub(super) captured: RefCell<BTreeMap<Program, Vec<u8>>>,
}

/// Hands observations on.
pub(super) struct ToSeen(pub(super) Rc<Seen>);

impl Sink for ToSeen {
    fn events(&self, events: Vec<Stamped>) {
        self.0.events.borrow_mut().extend(events);
    }

    fn capture(&self, program: Program, _first: u64, bytes: Vec<u8>) {
        let mut captured = self.0.captured.borrow_mut();
        captured.entry(program).or_default().extend(bytes);
    }
}
