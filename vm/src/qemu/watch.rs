//! What QEMU says of a guest by itself: that it crashed, started anew, or ended.

use std::sync::mpsc::SyncSender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::qmp::Event;
use crate::line::Arrival;

/// How often a guest may start anew before its agent is up; Windows does so once or twice after an installation.
pub(super) const STARTS: u32 = 4;
/// The same of one that is being installed: Setup's two, the one of the script for the first logon, and as many again for what a medium
/// may bring.
pub(super) const STARTS_OF_SETUP: u32 = 8;

/// How long resets belong to one start. A processor that waits for its reset under TCG goes on with the triple fault that asked for it,
/// and QEMU tells each one: two to five within 60 ms were seen on an idle host.
const ONE_START: Duration = Duration::from_secs(1);

/// What is known of one guest.
pub(super) struct Watch {
    known: Mutex<Known>,
    changed: Condvar,
    /// How often it may start anew before its agent is up.
    most: u32,
}

#[derive(Default)]
struct Known {
    up: bool,
    restart_expected: bool,
    end_expected: bool,
    starts: u32,
    /// When the last start before its agent was up began.
    started: Option<Duration>,
    /// Why it crashed, as far as it could say.
    crash: Option<String>,
}

impl Watch {
    pub(super) fn new(most: u32) -> Self {
        Self {
            known: Mutex::default(),
            changed: Condvar::new(),
            most,
        }
    }

    /// How often it has started anew since its agent was up, or at all.
    pub(super) fn starts(&self) -> u32 {
        self.known().starts
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The agent is there: from now on nothing happens unasked.
    pub(super) fn is_up(&self) {
        let mut known = self.known();
        known.up = true;
        known.starts = 0;
        known.started = None;
    }

    /// The next start is one that was asked for.
    pub(super) fn expect_restart(&self) {
        let mut known = self.known();
        known.restart_expected = true;
        known.starts = 0;
    }

    /// So is its end.
    pub(super) fn expect_end(&self) {
        self.known().end_expected = true;
    }

    /// Whether the guest crashed; waits for it when it has not.
    pub(super) fn crashed(&self, within: Duration) -> Option<String> {
        let known = self.known();
        let waited = self
            .changed
            .wait_timeout_while(known, within, |known| known.crash.is_none());
        let (known, _) = waited.unwrap_or_else(PoisonError::into_inner);
        known.crash.clone()
    }

    /// Takes an event of QEMU's monitor (QEMU QMP Reference Manual, "Run state"); tells the host what ends a session.
    pub(super) fn event(&self, event: &Event, arrivals: &SyncSender<Arrival>) {
        if let Some(what) = self.judge(event) {
            // Nobody listens when the session is over already.
            let _ = arrivals.send(Arrival::Broken(what));
        }
    }

    fn judge(&self, &Event { name, data, at }: &Event) -> Option<String> {
        let mut known = self.known();
        match name {
            "GUEST_PANICKED" => {
                let what = crash(data);
                known.crash = Some(what.clone());
                self.changed.notify_all();
                Some(what)
            }
            "RESET" if data["guest"] == true => {
                if known.started.is_some_and(|since| at < since + ONE_START) {
                    return None;
                }
                if !known.up || known.restart_expected {
                    known.started = Some(at);
                }
                if std::mem::take(&mut known.restart_expected) {
                    known.up = false;
                    return None;
                }
                known.starts += 1;
                if known.up {
                    Some("the guest started anew by itself".into())
                } else if known.starts >= self.most {
                    let most = self.most;
                    Some(format!(
                        "the guest started anew {most} times before its agent was up: a boot loop"
                    ))
                } else {
                    None
                }
            }
            "SHUTDOWN" if data["guest"] == true && !known.end_expected => {
                Some("the guest ended by itself".into())
            }
            _ => None,
        }
    }
}

/// What a crash says of itself: a Windows guest with Hyper-V's enlightenments gives its bug check.
fn crash(data: &Value) -> String {
    let info = &data["info"];
    if info["type"] == "hyper-v" {
        let number = |name: &str| info[name].as_u64().unwrap_or(0);
        return format!(
            "the guest crashed: bug check {:#x} ({:#x}, {:#x}, {:#x}, {:#x})",
            number("arg1"),
            number("arg2"),
            number("arg3"),
            number("arg4"),
            number("arg5")
        );
    }
    "the guest crashed".into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(watch: &Watch, name: &str, data: &Value) -> String {
        told_at(watch, name, data, 0)
    }

    /// The same some milliseconds later.
    fn told_at(watch: &Watch, name: &str, data: &Value, ms: u64) -> String {
        let at = Duration::from_millis(ms);
        watch.judge(&Event { name, data, at }).unwrap_or_default()
    }

    #[test]
    fn a_guest_may_start_and_end_only_when_asked() {
        let by_guest = json!({"guest": true});
        let watch = Watch::new(STARTS);
        // Firmware and installers do.
        assert_eq!(told(&watch, "RESET", &by_guest), "");
        watch.is_up();
        assert_eq!(told(&watch, "RESET", &json!({"guest": false})), "");
        assert!(told(&watch, "RESET", &by_guest).contains("by itself"));
        watch.expect_restart();
        assert_eq!(told(&watch, "RESET", &by_guest), "");
        watch.is_up();
        assert!(told(&watch, "SHUTDOWN", &by_guest).contains("ended by itself"));
        watch.expect_end();
        assert_eq!(told(&watch, "SHUTDOWN", &by_guest), "");
    }

    #[test]
    fn a_boot_loop_is_one_at_the_fourth_start() {
        let watch = Watch::new(STARTS);
        let reset = |ms| told_at(&watch, "RESET", &json!({"guest": true}), ms);
        // However often each of them is told, and however fast the guest goes round.
        assert_eq!([0, 30, 60, 999, 1000, 1990, 2000].map(&reset), [""; 7]);
        assert_eq!(watch.starts(), 3);
        assert!(reset(3000).contains("boot loop"));
    }

    #[test]
    fn a_restart_that_was_asked_for_may_be_told_more_than_once() {
        let watch = Watch::new(STARTS);
        let reset = |ms| told_at(&watch, "RESET", &json!({"guest": true}), ms);
        watch.is_up();
        watch.expect_restart();
        assert_eq!([0, 30, 60, 90, 120, 150].map(&reset), [""; 6]);
        assert_eq!(watch.starts(), 0);
        watch.is_up();
        assert!(reset(900).contains("by itself"));
    }

    #[test]
    fn a_crash_is_told_with_its_bug_check() {
        let watch = Watch::new(STARTS);
        assert_eq!(watch.crashed(Duration::ZERO), None);
        let data = json!({"action": "pause", "info": {"type": "hyper-v", "arg1": 0xD1, "arg2": 1, "arg3": 2, "arg4": 0, "arg5": 3}});
        let expect = "the guest crashed: bug check 0xd1 (0x1, 0x2, 0x0, 0x3)";
        assert_eq!(told(&watch, "GUEST_PANICKED", &data), expect);
        assert_eq!(watch.crashed(Duration::ZERO).as_deref(), Some(expect));
        assert_eq!(
            told(&watch, "GUEST_PANICKED", &json!({"action": "pause"})),
            "the guest crashed"
        );
    }
}
