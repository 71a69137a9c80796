//! How many sessions a machine has at a time: the others wait, before any deadline runs.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::{LinkError, interrupt};

/// Turns that may be had.
pub(crate) struct Turns {
    free: Mutex<usize>,
    one_more: Condvar,
}

/// A turn, given back when it is dropped.
pub(crate) struct Turn(Arc<Turns>);

impl Turns {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Mutex::new(most),
            one_more: Condvar::new(),
        })
    }

    fn free(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for one.
    ///
    /// # Errors
    /// When the run is interrupted.
    pub(crate) fn take(self: &Arc<Self>) -> Result<Turn, LinkError> {
        let mut free = self.free();
        while *free == 0 {
            if interrupt::pending() {
                return Err(interrupt::before_start());
            }
            let waited = self.one_more.wait_timeout(free, interrupt::LOOK);
            (free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Ok(Turn(Arc::clone(self)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.free() += 1;
        self.0.one_more.notify_one();
    }
}
