//! What every verb works with: where things lie, how programs are started, how to talk to people.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use waverig_kit::{Runner, Workspace};

use crate::exec::Exec;
use crate::layout::{self, Layout};
use crate::ui::Ui;

/// The folders, the programs, the screen.
pub(crate) struct Context {
    pub(crate) layout: Layout,
    pub(crate) exec: Box<dyn Runner>,
    pub(crate) ui: Ui,
    /// Folder in which machines note what of the driver they execute, when they are to.
    pub(crate) coverage: Option<PathBuf>,
    /// Folder with what a debugger needs, when machines are to wait for one.
    pub(crate) debugger: Option<PathBuf>,
    /// How a machine is to be tried.
    pub(crate) trial: Trial,
    /// Held while a verb writes to the output folder; released by the operating system whatever happens.
    lock: Option<File>,
}

/// How the rig itself is tried, and on what.
#[derive(Default)]
pub(crate) struct Trial {
    /// What a guest does wrong on purpose, and at which request.
    pub(crate) sabotage: Option<(String, String)>,
    /// The dump that a guest leaves that crashes on purpose.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "guests under QEMU only")
    )]
    pub(crate) dump: Option<PathBuf>,
    /// How long each step may take, booting included; else as long as the machine's kind usually needs.
    pub(crate) deadline: Option<Duration>,
    /// Whether a guest's operating system starts anew before each session.
    pub(crate) restart: bool,
    /// Why QEMU is to take no hardware's help.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "guests under QEMU only")
    )]
    pub(crate) accel: Option<&'static str>,
    /// The base image of guests that are not made here.
    pub(crate) image: Option<PathBuf>,
    /// What answers in the place of Hyper-V.
    pub(crate) transcript: Option<PathBuf>,
    /// Whether nobody needs this host.
    pub(crate) disposable: bool,
    /// Whether Driver Verifier is to look at the driver.
    pub(crate) verifier: bool,
}

impl Context {
    /// The real thing.
    pub(crate) fn new(out: Option<PathBuf>) -> Result<Self> {
        Ok(Self {
            layout: Layout::new(out)?,
            exec: Box::new(Exec::new()?),
            ui: Ui::new(),
            coverage: None,
            debugger: None,
            trial: Trial::default(),
            lock: None,
        })
    }

    /// The workspace as the kit sees it.
    pub(crate) fn workspace(&self) -> Workspace {
        Workspace::new(self.layout.root())
    }

    /// Makes the output folder and takes it for this run alone: two runs would overwrite each other's evidence.
    pub(crate) fn claim(&mut self) -> Result<()> {
        layout::make(self.layout.rig())?;
        let path = self.layout.rig().join(".lock");
        let file = File::create(&path).with_context(|| {
            format!(
                "cannot write {}; make the folder writable, or choose another with --out",
                path.display()
            )
        })?;
        match file.try_lock() {
            Ok(()) => {
                self.lock = Some(file);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => bail!(
                "another run is writing to {}; wait for it, or choose another folder with --out",
                self.layout.rig().display()
            ),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }
}
