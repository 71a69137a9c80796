//! A guest whose disk is empty: an installation medium sets it up, and it ends when its agent has said hello.

use std::io;
use std::path::{Path, PathBuf};

use waverig_protocol::Condition;

use super::{Firmware, Qemu, ResultDisk};
use crate::setup::{self, END, Tell};
use crate::{LinkError, Machine as _};

/// Behind what the discs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    /// What every Windows has a driver for.
    Ahci,
    /// What a distribution's kernel for virtual machines has one for. Such a guest gets the payload disk, too, with its agent's order.
    VirtioScsi,
}

/// A medium and the machine it finds.
#[derive(Clone, Debug)]
pub struct Medium {
    /// The disc that is started from.
    pub file: PathBuf,
    /// The disc with the answers ([`crate::setup`]).
    pub answers: Option<PathBuf>,
    /// The disk that is installed to: qcow2.
    pub disk: PathBuf,
    /// Behind what the discs are.
    pub controller: Controller,
    /// What starts either.
    pub firmware: Firmware,
    /// Memory in MiB.
    pub memory: u32,
    /// Number of processors.
    pub processors: u32,
    /// What the disk that goes home is like.
    pub result: ResultDisk,
    /// Who hears how far it is.
    pub tell: Tell,
}

impl Medium {
    /// Makes what its machine needs in its folder.
    pub(super) fn prepare(&self, folder: &Path, result: &Path) -> io::Result<()> {
        self.result.make(result)?;
        self.firmware.remember(folder)
    }
}

impl Qemu {
    /// Starts a guest, which a [`Medium`] may have to make first; hears that its agent is up and that it fulfils what one of a base image
    /// must; and has it end itself. Evidence of what went wrong goes to `evidence`.
    ///
    /// # Errors
    /// What went wrong, and what is in the evidence.
    pub fn come_up_and_end(&self, evidence: &Path) -> Result<Vec<Condition>, LinkError> {
        let link = self.boot(evidence)?;
        let conditions = self.guests.conditions();
        setup::judge(&conditions)?;
        link.finish(END);
        let Some((line, guest)) = self.idle.take() else {
            return Err(LinkError("the machine is gone".into()));
        };
        guest.watch().expect_end();
        line.send(setup::end());
        if guest.power_off(line, END) {
            Ok(conditions)
        } else {
            Err(setup::still_up())
        }
    }
}
