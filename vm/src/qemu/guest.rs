//! One guest: its process, its monitor and its folder, from the start to the last evidence.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use super::command::SERIAL;
use super::hold::{Held, Hold};
use super::qmp::Qmp;
use super::watch::{STARTS, STARTS_OF_SETUP, Watch};
use super::{Config, System};
use crate::collect::{COLLECTED, Keep};
use crate::dump::Own;
use crate::idle::Idle;
use crate::line::{Line, NOISE};
use crate::link::{Behind, Cause};
use crate::{interrupt, result};

/// How long a guest that was crashed on purpose may take to say so.
const CRASH: Duration = Duration::from_secs(5);

/// A kernel that says nothing for so long has said all.
const SETTLED: Duration = Duration::from_millis(300);

/// A monitor that others may use, too.
pub(super) type Monitor = Arc<Mutex<Qmp>>;
/// How long a crashed guest of a base image may take to write its dump, and what of that it may be silent: Windows frees and checks things before
/// it writes (inferred).
const DUMP: Duration = Duration::from_secs(300);
const DUMPED: Duration = Duration::from_secs(10);

/// The disk that goes home.
pub(super) const RESULT: &str = "result.img";

/// A running guest. Dropping it ends it and removes its folder.
pub(crate) struct Guest {
    child: Child,
    monitor: Option<Monitor>,
    watch: Arc<Watch>,
    folder: PathBuf,
    /// Where the evidence of the session goes.
    evidence: PathBuf,
    /// Where the logs of one that ended well go.
    logs: PathBuf,
    /// Who looks at it when its session is over.
    hold: Option<Hold>,
    idle: Arc<Idle<Self>>,
    /// Whether a crash on purpose tells where a silent guest hangs. One that is being installed shows that on its screen, until it crashes.
    crashes: bool,
    /// The driver that its dumps are searched for.
    own: Option<Own>,
    /// How long its disk is to be left alone for a dump to be whole, and how long that is waited for.
    dumping: (Duration, Duration),
    over: bool,
}

impl Guest {
    pub(super) fn new(
        child: Child,
        folder: &Path,
        evidence: &Path,
        config: &Config,
        idle: &Arc<Idle<Self>>,
    ) -> Self {
        let setup = matches!(config.system, System::Setup(_));
        let most = if setup { STARTS_OF_SETUP } else { STARTS };
        Self {
            child,
            monitor: None,
            watch: Arc::new(Watch::new(most)),
            folder: folder.to_owned(),
            evidence: evidence.to_owned(),
            logs: config.logs.clone(),
            hold: config.hold.clone(),
            idle: Arc::clone(idle),
            crashes: !setup,
            own: config.own.clone(),
            dumping: match config.system {
                System::Linux { .. } => (SETTLED, CRASH),
                System::Image(_) | System::Setup(_) => (DUMPED, DUMP),
            },
            over: false,
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    pub(super) fn set_monitor(&mut self, monitor: Qmp) -> Monitor {
        let monitor = Arc::new(Mutex::new(monitor));
        self.monitor = Some(Arc::clone(&monitor));
        monitor
    }

    /// A session begins.
    pub(super) fn begin(&mut self, evidence: &Path) {
        self.evidence = evidence.to_owned();
    }

    /// What QEMU itself complained of.
    pub(super) fn complaint(&self) -> String {
        let text = fs::read_to_string(self.folder.join("qemu.log")).unwrap_or_default();
        let text = text.trim();
        if text.is_empty() {
            "it says nothing".into()
        } else {
            text.replace('\n', "; ")
        }
    }

    /// Lets an idle guest that was told so end by itself. Whether it did.
    pub(super) fn power_off(mut self, line: Line, deadline: Duration) -> bool {
        let end = Instant::now() + deadline;
        line.until_closed(deadline);
        let by_itself = Instant::now() < end;
        let number = self.folder.file_name().unwrap_or_default();
        self.evidence = self.logs.join(number);
        self.stop();
        self.bring_home();
        self.remove();
        by_itself
    }

    /// What only a living guest can tell. Says what was found.
    fn ask(&mut self, cause: Cause) -> Vec<String> {
        let mut found = Vec::new();
        let Some(monitor) = &self.monitor else {
            return found;
        };
        let mut monitor = monitor.lock().unwrap_or_else(PoisonError::into_inner);
        let evidence = &self.evidence;
        let _ = fs::create_dir_all(evidence);
        if cause == Cause::Interrupted {
            return found;
        }
        if let Ok(text) = monitor.human("info registers") {
            let _ = fs::write(evidence.join("registers.txt"), text);
            found.push("registers.txt".into());
        }
        // Where a silent guest hangs, its own kernel tells best; one that somebody will look at stays as it is.
        if cause == Cause::Silence
            && self.crashes
            && self.hold.is_none()
            && self.watch.crashed(Duration::ZERO).is_none()
            && monitor.command("inject-nmi", &json!({})).is_ok()
            && self.watch.crashed(CRASH).is_some()
        {
            found.push("a crash that the host caused with an NMI".into());
        }
        if self.watch.crashed(Duration::ZERO).is_some() {
            settled(&self.folder.join(SERIAL), (SETTLED, CRASH));
            settled(&self.folder.join(RESULT), self.dumping);
        }
        let screen = evidence.join("screen.png");
        let shot = json!({ "filename": screen.display().to_string(), "format": "png" });
        if monitor.command("screendump", &shot).is_ok() {
            found.push("screen.png".into());
        }
        found
    }

    /// Lets somebody look at it, if anybody wants to and it is up.
    pub(super) fn hold(&self, why: &str) {
        if let Some(hold) = self.hold.as_ref().filter(|_| self.monitor.is_some()) {
            hold.0(&Held {
                folder: &self.folder,
                process: self.child.id(),
                why,
            });
        }
    }

    /// Ends QEMU, which writes out what it holds.
    fn stop(&mut self) {
        if let Some(monitor) = &self.monitor {
            let mut monitor = monitor.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = monitor.command("quit", &json!({}));
        }
        self.monitor = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Copies what the guest left to the evidence. Says what was found.
    fn bring_home(&self) -> Vec<String> {
        let mut found = Vec::new();
        let _ = fs::create_dir_all(&self.evidence);
        for name in [SERIAL, NOISE, "qemu.log"] {
            let from = self.folder.join(name);
            let worth = fs::metadata(&from).is_ok_and(|data| data.len() > 0);
            if worth && fs::copy(from, self.evidence.join(name)).is_ok() {
                found.push(name.to_owned());
            }
        }
        let disk = self.folder.join(RESULT);
        found.extend(result::bring_home(&disk, &self.evidence));
        found
    }

    fn remove(&mut self) {
        self.over = true;
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Waits until a crashing kernel has written what it has to write to a file, which is when that has not changed for so long; no longer than for so
/// long.
fn settled(file: &Path, (quiet, most): (Duration, Duration)) {
    let state = || {
        let data = fs::metadata(file).ok()?;
        Some((data.len(), data.modified().ok()?))
    };
    let end = Instant::now() + most;
    let mut known = state();
    while Instant::now() < end && !interrupt::pending() {
        std::thread::sleep(quiet);
        let now = state();
        if now == known {
            return;
        }
        known = now;
    }
}

impl Behind for Guest {
    fn end(&mut self, cause: Option<Cause>) -> String {
        if std::mem::replace(&mut self.over, true) {
            return String::new();
        }
        let mut found = cause.map_or_else(Vec::new, |cause| self.ask(cause));
        if cause != Some(Cause::Interrupted) {
            self.hold(cause.map_or("the driver crashed", Cause::words));
        }
        self.stop();
        let mut dumps = Vec::new();
        if cause.is_some() {
            found.extend(self.bring_home());
            dumps = result::dumps(&self.evidence, self.own.as_ref());
        }
        let last = fs::read(self.folder.join(SERIAL)).unwrap_or_default();
        let last = String::from_utf8_lossy(&last);
        let last = last.lines().rfind(|line| !line.trim().is_empty());
        self.remove();
        dumps.push(format!(
            "the guest last said {:?}; kept: {}",
            last.unwrap_or("nothing").trim(),
            found.join(", ")
        ));
        dumps.join("; ")
    }

    fn keep(&self) -> Option<Keep> {
        Some(Keep {
            folder: self.evidence.join(COLLECTED),
            own: self.own.clone(),
        })
    }

    fn expect_restart(&mut self) {
        self.watch.expect_restart();
    }

    fn finish(self: Box<Self>, line: Line, _: Duration) {
        let idle = Arc::clone(&self.idle);
        idle.put(line, self);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.end(None);
    }
}
