//! A virtual machine whose disk is empty: an installation medium sets it up, and it ends when its agent has said hello.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use waverig_protocol::Condition;

use super::cmdlet::{self, Bytes, Call, VmId};
use super::{HyperV, leftovers};
use crate::setup::{self, END, Tell};
use crate::{LinkError, Machine as _};

/// How often Enter is pressed, once a second: Windows' media wait for five, and the firmware takes its time before.
const KEYS: u32 = 15;
/// How often it is told how far it is.
const TOLD: Duration = Duration::from_secs(10);

/// A medium and the disk that it finds.
#[derive(Clone, Debug)]
pub struct Medium {
    /// The disc that is started from.
    pub file: PathBuf,
    /// The disc with the answers ([`crate::setup`]).
    pub answers: PathBuf,
    /// How much the disk can hold.
    pub disk: Bytes,
    /// Who hears how far it is.
    pub tell: Tell,
}

impl Medium {
    /// Puts both discs in, behind the disk.
    pub(super) fn inserted(&self, id: &VmId) -> [Call<()>; 3] {
        [
            cmdlet::add_vm_dvd_drive(id, &self.file.display().to_string()),
            cmdlet::add_vm_dvd_drive(id, &self.answers.display().to_string()),
            cmdlet::set_vm_firmware_boot_order(id),
        ]
    }

    /// Answers "press any key to boot from CD".
    pub(super) fn key(&self, id: &VmId) -> Call<()> {
        cmdlet::type_enter(id, KEYS)
    }
}

impl HyperV {
    /// Starts a guest, which a [`Medium`] may have to make first; hears that its agent is up and that it fulfils what one of a base image
    /// must; and has it end itself. Evidence of what went wrong goes to `evidence`.
    ///
    /// # Errors
    /// What went wrong, and what is in the evidence.
    pub fn come_up_and_end(&self, evidence: &Path) -> Result<Vec<Condition>, LinkError> {
        let link = self.told(|| self.boot(evidence))?;
        let conditions = self.guests.conditions();
        setup::judge(&conditions)?;
        link.finish(END);
        let Some((line, guest)) = self.idle.take() else {
            return Err(LinkError("the machine is gone".into()));
        };
        line.send(setup::end());
        // The pipe ends with the machine (inferred); its state says whether it did.
        line.until_closed(END);
        let state = self.host.ask(&cmdlet::get_vm(guest.id()))?.state;
        let left = guest.discard();
        drop(line);
        if state != leftovers::OFF {
            return Err(setup::still_up());
        }
        match left {
            Some(left) => Err(LinkError(left)),
            None => Ok(conditions),
        }
    }

    /// Does `what`, and tells meanwhile how far the medium is.
    fn told<T>(&self, what: impl FnOnce() -> T) -> T {
        let Some(medium) = &self.config.medium else {
            return what();
        };
        let (over, ended) = channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                let began = Instant::now();
                while ended.recv_timeout(TOLD) == Err(RecvTimeoutError::Timeout) {
                    let bytes = fs::metadata(&self.config.image).map_or(0, |data| data.len());
                    (medium.tell.0)(&format!(
                        "{} s: the disk's file has {} MiB",
                        began.elapsed().as_secs(),
                        bytes >> 20
                    ));
                }
            });
            let done = what();
            drop(over);
            done
        })
    }
}
