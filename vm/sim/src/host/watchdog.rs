//! Notices driver code that does not return: a second thread that watches a counter, and how much of the processor the kernel's
//! thread has had meanwhile. Time on the wall says nothing: on a busy host a thread may stand for seconds.
//!
//! The counter is odd while driver code runs and moves at every outermost call, every return and every event of the
//! schedule. When it stays at one odd value for too long, the kernel's thread is interrupted: in driver code it reports
//! its place at once, in the kernel's own at the next boundary to the driver, where nothing is half done.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::fault;
use super::thread::ThreadTime;

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Set when a runaway was found outside of driver code.
static STOP: AtomicBool = AtomicBool::new(false);

/// Drivers that one process can load.
const IMAGES: usize = 16;

/// Where driver code lies, readable in a signal handler: starts and ends.
static CODE: [(AtomicUsize, AtomicUsize); IMAGES] =
    [const { (AtomicUsize::new(0), AtomicUsize::new(0)) }; IMAGES];

/// Notes where a driver was mapped.
pub(crate) fn note_image(base: usize, size: usize) {
    for (start, end) in &CODE {
        if start
            .compare_exchange(0, base, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
        {
            end.store(base + size, Ordering::SeqCst);
            return;
        }
    }
}

/// Whether an address lies in a driver; may be asked in a signal handler.
pub(super) fn in_driver(address: usize) -> bool {
    CODE.iter().any(|(start, end)| {
        (start.load(Ordering::SeqCst)..end.load(Ordering::SeqCst)).contains(&address)
    })
}

/// Asks for a stop at the next boundary; `true` when that was asked before, so that no boundary is ever reached.
pub(super) fn ask_to_stop() -> bool {
    STOP.swap(true, Ordering::SeqCst)
}

/// Whether the run has to end here as a runaway.
#[inline]
pub(crate) fn must_stop() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// How often the counter is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// Marks that an outermost call into the driver begins or has returned.
#[inline]
pub(crate) fn progress(in_driver: bool) {
    COUNTER.store(
        next(COUNTER.load(Ordering::Relaxed), in_driver),
        Ordering::Relaxed,
    );
}

/// The next value of the wanted parity: odd inside, even outside.
fn next(value: u64, in_driver: bool) -> u64 {
    let odd = (value + 1) | 1;
    if in_driver { odd } else { odd + 1 }
}

/// Marks that the machine got something done, without changing whether driver code runs.
#[inline]
pub(crate) fn event() {
    // The kernel's thread is the only one that writes.
    COUNTER.store(COUNTER.load(Ordering::Relaxed) + 2, Ordering::Relaxed);
}

/// Starts to watch the calling thread, the one that called `fault::install`: it may have the processor for `limit` without getting
/// anything done.
///
/// # Errors
/// When the host does not say how much of the processor a thread has had.
pub fn start(limit: Duration) -> io::Result<()> {
    let time = ThreadTime::of_this_thread()?;
    let watch = move || {
        let mut last = 0;
        let mut since = Duration::ZERO;
        loop {
            thread::sleep(LOOK);
            let (now, spent) = (COUNTER.load(Ordering::Relaxed), time.spent());
            if now != last || now % 2 == 0 {
                since = spent;
            } else if spent.saturating_sub(since) >= limit {
                fault::interrupt();
                since = spent;
            }
            last = now;
        }
    };
    thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(watch)
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_odd_exactly_inside_the_driver_and_never_goes_back() {
        for value in [0, 1, 2, 3, 10, 11] {
            let (inside, outside) = (next(value, true), next(value, false));
            assert_eq!((inside % 2, outside % 2), (1, 0));
            assert!(inside > value && outside > value);
        }
    }

    #[test]
    fn a_thread_that_waits_spends_nothing_of_the_processor() {
        let time = ThreadTime::of_this_thread().expect("the host knows");
        let start = time.spent();
        let (told, waits) = std::sync::mpsc::channel();
        let other = thread::spawn(move || {
            // Another thread works while this one waits.
            let busy = ThreadTime::of_this_thread().expect("the host knows");
            while busy.spent() < Duration::from_millis(200) {}
            told.send(()).expect("somebody waits");
        });
        waits.recv().expect("the other thread tells");
        other.join().expect("it ended well");
        assert!(time.spent() - start < Duration::from_millis(100));
    }

    #[test]
    fn driver_code_is_known_by_address() {
        note_image(0x7000_0000, 0x1000);
        assert!(in_driver(0x7000_0FFF) && !in_driver(0x7000_1000) && !in_driver(0));
    }
}
