//! What a program of a run saw and was given: kept until the run is over, so that the line to the host disturbs no stream.

use waverig_protocol::Program;
use waverig_protocol::timeline::{Event, Stamped};

use super::system;

/// Of one program.
pub(super) struct Journal {
    program: Program,
    pub(super) events: Vec<Stamped>,
    /// Frames that it was given, in pieces: the number of the first, the bytes, and how many.
    pub(super) captured: Vec<(u64, Vec<u8>, u64)>,
}

impl Journal {
    pub(super) fn new(program: Program) -> Self {
        Self {
            program,
            events: Vec::new(),
            captured: Vec::new(),
        }
    }

    /// Whose it is.
    pub(super) fn program(&self) -> Program {
        self.program
    }

    /// Notes what happens now.
    pub(super) fn note(&mut self, event: Event) {
        self.note_at(system::qpc(), event);
    }

    /// Notes what was so at this tick.
    pub(super) fn note_at(&mut self, qpc: i64, event: Event) {
        self.events.push(Stamped {
            qpc,
            program: self.program,
            event,
        });
    }

    /// A state that the program set.
    pub(super) fn state(&mut self, state: &str) {
        self.note(Event::State {
            state: state.to_owned(),
        });
    }
}
