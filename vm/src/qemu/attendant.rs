//! Sits before a machine that a medium sets up: presses a key as long as the medium may ask for one, and tells how far it is.
//!
//! Windows' media ask to "press any key to boot from CD" and go on without the CD when nobody does. Whether one still asks is seen by how
//! much was read of it: what asks is small, what is started then is not.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::command::{MEDIUM, SYSTEM};
use super::guest::Monitor;
use super::watch::Watch;
use crate::setup::Tell;

/// How often a key is pressed: Windows' media wait for five seconds.
const KEYS: Duration = Duration::from_secs(1);
/// How often it is told how far it is.
const TOLD: Duration = Duration::from_secs(10);
/// Once so much was read of a medium, it asks for no key any more.
const ASKS: u64 = 8 << 20;

/// A thread that ends when this is dropped.
pub(super) struct Attendant {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Attendant {
    pub(super) fn begin(monitor: Monitor, watch: &Arc<Watch>, tell: &Tell) -> Self {
        let (stop, stopped) = channel::<()>();
        let (watch, tell) = (Arc::clone(watch), tell.clone());
        let thread = thread::spawn(move || {
            let began = Instant::now();
            let mut told = began;
            while stopped.recv_timeout(KEYS) == Err(RecvTimeoutError::Timeout) {
                let mut monitor = monitor.lock().unwrap_or_else(PoisonError::into_inner);
                // A machine that is being ended answers nothing any more.
                let Ok(stats) = monitor.command("query-blockstats", &json!({})) else {
                    continue;
                };
                let seen = Seen::of(&stats);
                if seen.read < ASKS {
                    let _ = monitor.command("send-key", &key());
                }
                drop(monitor);
                if told.elapsed() >= TOLD {
                    told = Instant::now();
                    (tell.0)(&seen.words(began.elapsed(), watch.starts()));
                }
            }
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Enter, which firmware takes for nothing else while it starts.
fn key() -> Value {
    json!({ "keys": [{ "type": "qcode", "data": "ret" }] })
}

/// What was moved so far, in bytes.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    read: u64,
    written: u64,
}

impl Seen {
    /// Out of what the monitor answers to `query-blockstats`.
    fn of(stats: &Value) -> Self {
        let bytes = |drive: &str, what: &str| {
            let mut all = stats.as_array().into_iter().flatten();
            let of = all.find(|it| it["device"] == drive);
            of.and_then(|it| it["stats"][what].as_u64()).unwrap_or(0)
        };
        Self {
            read: bytes(MEDIUM, "rd_bytes"),
            written: bytes(SYSTEM, "wr_bytes"),
        }
    }

    fn words(&self, since: Duration, starts: u32) -> String {
        format!(
            "{} s: {} MiB read of the medium, {} MiB written to the disk, started anew {starts} times",
            since.as_secs(),
            self.read >> 20,
            self.written >> 20
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_moved_is_read_from_the_monitors_answer() {
        let stats = json!([
            { "device": "payload", "stats": { "rd_bytes": 7, "wr_bytes": 7 } },
            { "device": "medium", "stats": { "rd_bytes": 3 << 20, "wr_bytes": 0 } },
            { "device": "system", "stats": { "rd_bytes": 1, "wr_bytes": 5 << 20 } },
        ]);
        let seen = Seen::of(&stats);
        let (read, written) = (3 << 20, 5 << 20);
        assert_eq!(seen, Seen { read, written });
        assert_eq!(
            seen.words(Duration::from_secs(61), 2),
            "61 s: 3 MiB read of the medium, 5 MiB written to the disk, started anew 2 times"
        );
        let nothing = Seen {
            read: 0,
            written: 0,
        };
        assert_eq!(Seen::of(&json!({})), nothing);
    }
}
