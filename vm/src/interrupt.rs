//! Somebody wants the run to end (Ctrl-C): machines are ended, what was observed is kept, and no new machine is started.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::LinkError;

static PENDING: AtomicBool = AtomicBool::new(false);

/// How often a waiting host looks.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// Ends every session under way, and all later ones. May be called from any thread.
pub fn interrupt() {
    PENDING.store(true, Ordering::SeqCst);
}

/// Whether somebody did.
#[must_use]
pub fn pending() -> bool {
    PENDING.load(Ordering::SeqCst)
}

/// Why no machine starts any more.
pub(crate) fn before_start() -> LinkError {
    LinkError("the run was interrupted before the machine started".into())
}
