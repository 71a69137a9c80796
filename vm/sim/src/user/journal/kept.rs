//! What the programs saw, kept in memory, for whoever judges it in the machine itself.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use waverig_protocol::Program;
use waverig_protocol::timeline::Stamped;

use super::Sink;

/// Observations in order, and captured audio by program.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) events: RefCell<Vec<Stamped>>,
    pub(crate) captured: RefCell<BTreeMap<Program, Vec<u8>>>,
}

impl Sink for Rc<Kept> {
    fn events(&self, events: Vec<Stamped>) {
        self.events.borrow_mut().extend(events);
    }

    fn capture(&self, program: Program, _first: u64, bytes: Vec<u8>) {
        let mut captured = self.captured.borrow_mut();
        captured.entry(program).or_default().extend(bytes);
    }
}

/// What is wrong with what was `given` of what was `played`, in words; `who` says who was given how many bytes. More than was played may be given.
pub(crate) fn differs(played: &[u8], given: &[u8], who: &str) -> Option<String> {
    if given.starts_with(played) {
        return None;
    }
    let same = given.iter().zip(played).take_while(|(a, b)| a == b).count();
    Some(format!(
        "of {} bytes that were played {who} {}, the first {same} of them right",
        played.len(),
        given.len()
    ))
}
