//! Guests that wait for a session.

use std::sync::{Mutex, PoisonError};

use crate::line::Line;

/// Those of one kind of machine, each with its line.
pub(crate) struct Idle<G>(Mutex<Vec<(Line, Box<G>)>>);

impl<G> Default for Idle<G> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<G> Idle<G> {
    /// The one that was put last.
    pub(crate) fn take(&self) -> Option<(Line, Box<G>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Does `what` with each.
    pub(crate) fn each(&self, what: impl Fn(&G)) {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.iter().for_each(|(_, guest)| what(guest));
    }

    /// Keeps one.
    pub(crate) fn put(&self, line: Line, guest: Box<G>) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push((line, guest));
    }
}
