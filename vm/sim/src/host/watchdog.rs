//! Notices driver code that does not return, in wall-clock time: a second thread that watches a counter.
//!
//! The counter is odd while driver code runs and moves at every outermost call, every return and every event of the
//! schedule. When it stays at one odd value for too long, the kernel's thread is interrupted and reports its place.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::fault;

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// How often the counter is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// Marks that an outermost call into the driver begins or has returned.
#[inline]
pub(crate) fn progress(in_driver: bool) {
    let value = COUNTER.load(Ordering::Relaxed);
    // To the next value of the wanted parity: even outside, odd inside.
    let next = (value + 1) | 1;
    COUNTER.store(if in_driver { next } else { next + 1 }, Ordering::Relaxed);
}

/// Marks that the machine got something done, without changing whether driver code runs.
#[inline]
pub(crate) fn event() {
    COUNTER.fetch_add(2, Ordering::Relaxed);
}

/// Starts to watch the thread that called `fault::install`.
pub fn start(limit: Duration) {
    let watch = move || {
        let mut last = 0;
        let mut still = Duration::ZERO;
        loop {
            thread::sleep(LOOK);
            let now = COUNTER.load(Ordering::Relaxed);
            still = if now == last && now % 2 == 1 { still + LOOK } else { Duration::ZERO };
            last = now;
            if still >= limit {
                fault::interrupt();
                return;
            }
        }
    };
    thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(watch)
        .expect("the host has room for one more thread");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_odd_exactly_inside_the_driver() {
        let parity = || COUNTER.load(Ordering::Relaxed) % 2;
        // Other tests of this process share the counter but only ever leave it even on their own threads' account;
        // here only the arithmetic of one step is looked at.
        let step = |value: u64, inside: bool| {
            let next = (value + 1) | 1;
            if inside { next } else { next + 1 }
        };
        for value in [0, 1, 2, 3, 10, 11] {
            assert_eq!(step(value, true) % 2, 1);
            assert_eq!(step(value, false) % 2, 0);
            assert!(step(value, true) > value && step(value, false) > value);
        }
        let before = parity();
        event();
        let _ = before;
    }
}
