//! One virtual machine, from the moment it exists to the last evidence.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding as _};

use super::cmdlet::{self, HostEvent, VmId};
use super::{Held, Host, disks, hold, leftovers, screen};
use crate::collect::{COLLECTED, Keep};
use crate::dump::Own;
use crate::idle::Idle;
use crate::line::{Line, NOISE, Noise};
use crate::link::{Behind, Cause};
use crate::turn::Turn;
use crate::{Ends, LinkError, interrupt, result};

/// Most events of the host's log that are looked at.
const EVENTS: u32 = 200;

/// The event that a guest's operating system has reset its machine: number and message as public transcripts of such logs have them.
const RESET: u32 = 18_514;
/// The event that a guest's operating system has crashed, from the same.
const FATAL: u32 = 18_590;
/// How often a guest may start anew before its agent is up; Windows does so once or twice after an installation.
pub(super) const STARTS: usize = 4;
/// The same of one that is being installed: Setup's own, the one of the script for the first logon, and as many again.
pub(super) const STARTS_OF_SETUP: usize = 8;

/// What the host noted of a machine, newest first.
pub(super) fn events(host: &Host, id: &VmId) -> Vec<HostEvent> {
    host.ask(&cmdlet::get_worker_events(id, EVENTS))
        .unwrap_or_default()
}

/// Whether these events are those of a guest that never gets anywhere.
pub(super) fn boot_loop(events: &[HostEvent], most: usize) -> Option<String> {
    let resets = events.iter().filter(|event| event.id == RESET).count();
    (resets >= most).then(|| {
        format!("the guest started anew {resets} times before its agent was up: a boot loop")
    })
}

/// A virtual machine. Dropping it removes it and its folder.
pub(super) struct Guest {
    host: Arc<Host>,
    id: VmId,
    name: String,
    folder: PathBuf,
    /// Where the evidence of the session goes.
    evidence: PathBuf,
    /// As long as a session lasts.
    turn: Option<Turn>,
    idle: Arc<Idle<Self>>,
    /// The driver that dumps are searched for.
    own: Option<Own>,
    /// Ends whoever waits for the line.
    close: Option<Box<dyn Fn() -> String + Send>>,
    noise: Option<Noise>,
    over: bool,
}

impl Guest {
    pub(super) fn new(
        host: &Arc<Host>,
        (id, name): (VmId, &str),
        folder: &Path,
        own: Option<Own>,
        idle: &Arc<Idle<Self>>,
    ) -> Self {
        Self {
            host: Arc::clone(host),
            id,
            name: name.into(),
            folder: folder.into(),
            evidence: PathBuf::new(),
            turn: None,
            idle: Arc::clone(idle),
            own,
            close: None,
            noise: None,
            over: false,
        }
    }

    pub(super) fn id(&self) -> &VmId {
        &self.id
    }

    /// A session begins.
    pub(super) fn begin(&mut self, evidence: &Path, turn: Turn) {
        self.evidence = evidence.into();
        self.turn = Some(turn);
    }

    /// Its line, from the host's ends.
    ///
    /// # Errors
    /// When its folder cannot be written to.
    pub(super) fn line(&mut self, ends: Ends) -> Result<Line, LinkError> {
        self.close = Some(ends.close);
        let noise = Noise::to(&self.folder).map_err(|error| {
            LinkError(format!(
                "cannot write to {}: {error}",
                self.folder.display()
            ))
        })?;
        self.noise = Some(noise.clone());
        Ok(Line::noisy(ends.input, ends.output, noise))
    }

    /// What only a machine that still is can tell. Says what was found.
    fn ask(&self, cause: Cause) -> Vec<String> {
        let mut found = Vec::new();
        let _ = fs::create_dir_all(&self.evidence);
        if cause == Cause::Interrupted {
            return found;
        }
        let state = match self.host.ask(&cmdlet::get_vm(&self.id)) {
            Ok(vm) => vm.state,
            Err(error) => {
                found.push(format!("(nothing from Hyper-V: {error})"));
                return found;
            }
        };
        found.push(format!("its state, {state}"));
        let mut screen = self.look();
        found.extend(self.picture(screen.as_deref(), "screen.bmp"));
        let mut noted = events(&self.host, &self.id);
        let runs = state == super::RUNNING;
        let mut crashed = runs && noted.iter().any(|event| event.id == FATAL);
        // Where a silent guest hangs, its own kernel tells best; one that has crashed has told, and may be writing its dump, and one that
        // somebody will look at stays as it is.
        if cause == Cause::Silence
            && runs
            && !crashed
            && self.host.hold.is_none()
            && self.host.ask(&cmdlet::debug_vm(&self.id)).is_ok()
        {
            let (known, end) = (noted.len(), Instant::now() + self.host.crash);
            // Each look takes as long as PowerShell needs for it.
            while noted.len() == known && Instant::now() < end {
                noted = events(&self.host, &self.id);
            }
            crashed = noted.len() != known;
            found.push("a crash that the host caused with an NMI".into());
            screen = self.look();
            found.extend(self.picture(screen.as_deref(), "screen-after-nmi.bmp"));
        }
        if crashed {
            self.settle(screen);
        }
        if !noted.is_empty() {
            let lines = noted.iter().rev().map(|event| {
                let HostEvent { time, id, message } = event;
                format!("{time} {id} {message}\n")
            });
            let text: String = lines.collect();
            if fs::write(self.evidence.join("events.txt"), text).is_ok() {
                found.push("events.txt".into());
            }
        }
        found
    }

    /// Lets somebody look at it, if anybody wants to.
    pub(super) fn hold(&self, why: &str) {
        if let Some(hold) = &self.host.hold {
            hold.0(&Held {
                name: &self.name,
                pipe: &hold::pipe(&self.name),
                why,
            });
        }
    }

    /// What is on the screen, in base64.
    fn look(&self) -> Option<String> {
        let call = cmdlet::thumbnail(&self.id, screen::WIDTH, screen::HEIGHT);
        self.host.ask(&call).ok()
    }

    /// Keeps what was on the screen.
    fn picture(&self, screen: Option<&str>, name: &str) -> Option<String> {
        let pixels = Base64::decode_vec(screen?).ok()?;
        let file = screen::bitmap(&pixels, screen::WIDTH, screen::HEIGHT)?;
        fs::write(self.evidence.join(name), file).ok()?;
        Some(name.into())
    }

    /// Waits until a crashed guest has written its dump. Windows counts on the screen how much of it is written, so that is when the screen stays
    /// the same (inferred): the disk's file does not tell while a machine has it open. Of a host that gives no picture this waits once.
    fn settle(&self, mut screen: Option<String>) {
        let (quiet, most) = self.host.dumped;
        let end = Instant::now() + most;
        while Instant::now() < end && !interrupt::pending() {
            thread::sleep(quiet);
            let now = self.look();
            if now == screen {
                return;
            }
            screen = now;
        }
    }

    /// Takes its power away and removes it; what could not be removed. Its disks stay, and are nobody's then.
    fn end_machine(&mut self) -> Option<String> {
        self.over = true;
        if let Some(close) = &self.close {
            close();
        }
        if let Some(noise) = &self.noise {
            noise.close();
        }
        let error = leftovers::end_any(&self.host, &self.id).err()?;
        Some(format!(
            "the virtual machine {} is still there ({error}); the next run removes it, or `Get-VM -Id {} | Remove-VM`",
            self.name, self.id
        ))
    }

    /// Removes its folder; what could not be removed.
    fn clear(&self) -> Option<String> {
        let error = fs::remove_dir_all(&self.folder).err()?;
        Some(format!(
            "the folder {} is still there ({error}); the next run removes it",
            self.folder.display()
        ))
    }

    /// Removes all of it; what could not be removed.
    fn remove(&mut self) -> Option<String> {
        self.end_machine().or_else(|| self.clear())
    }

    /// At the end of a run, of one that waits for a session: nothing in it is wanted any more.
    pub(super) fn discard(mut self) -> Option<String> {
        self.remove()
    }
}

impl Behind for Guest {
    fn end(&mut self, cause: Option<Cause>) -> String {
        if self.over {
            return String::new();
        }
        let mut found = cause.map_or_else(Vec::new, |cause| self.ask(cause));
        let noise = self.folder.join(NOISE);
        let worth = fs::metadata(&noise).is_ok_and(|data| data.len() > 0);
        if worth && fs::copy(noise, self.evidence.join(NOISE)).is_ok() {
            found.push(NOISE.into());
        }
        if cause != Some(Cause::Interrupted) {
            self.hold(cause.map_or("the driver crashed", Cause::words));
        }
        let mut left = self.end_machine();
        let mut told = Vec::new();
        // Nobody else has the disk open any more.
        if left.is_none() && cause.is_some() {
            found.extend(result::bring_home(
                &self.folder.join(disks::RESULT),
                &self.evidence,
            ));
            told = result::dumps(&self.evidence, self.own.as_ref());
        }
        left = left.or_else(|| self.clear());
        told.push(format!("kept: {}", found.join(", ")));
        told.extend(left);
        told.join("; ")
    }

    fn keep(&self) -> Option<Keep> {
        Some(Keep {
            folder: self.evidence.join(COLLECTED),
            own: self.own.clone(),
        })
    }

    fn finish(mut self: Box<Self>, line: Line, _: Duration) {
        let idle = Arc::clone(&self.idle);
        // Given back when the next session finds this guest.
        let turn = self.turn.take();
        idle.put(line, self);
        drop(turn);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if !self.over
            && let Some(left) = self.remove()
        {
            eprintln!("hyperv: {left}");
        }
    }
}
