//! What every verb works with: where things lie, how programs are started, how to talk to people.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

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
    /// Held while a verb writes to the output folder; released by the operating system whatever happens.
    lock: Option<File>,
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
