//! A guest whose disk is empty: an installation medium sets it up, and it ends when its agent has said hello.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use waverig_protocol::{Condition, Request, frame};

use super::{Firmware, Qemu, ResultDisk};
use crate::setup::NEEDED;
use crate::{LinkError, Machine as _, condition_in_words};

/// How long a system that was just installed may take to end.
const END: Duration = Duration::from_secs(300);

/// Who hears how far an installation is.
#[derive(Clone)]
pub struct Tell(pub Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for Tell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tell")
    }
}

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
        if let Some(broken) = broken(&conditions) {
            return Err(LinkError(format!(
                "this is no base image, {}",
                condition_in_words(broken)
            )));
        }
        link.finish(END);
        let Some((line, guest)) = self.idle.take() else {
            return Err(LinkError("the machine is gone".into()));
        };
        let mut bytes = Vec::new();
        // Memory takes everything.
        let _ = frame::write(&mut bytes, &Request::PowerOff, &[]);
        guest.watch().expect_end();
        line.send(bytes);
        if guest.power_off(line, END) {
            Ok(conditions)
        } else {
            Err(LinkError(format!(
                "the guest did not end within {} s of being told so: its disk is not whole",
                END.as_secs()
            )))
        }
    }
}

/// The first that a base image must fulfil and does not.
fn broken(conditions: &[Condition]) -> Option<&Condition> {
    conditions
        .iter()
        .find(|it| NEEDED.contains(&&*it.name) && it.holds == Some(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_test_signing_is_none() {
        let condition = |name: &str, holds| Condition {
            name: name.into(),
            holds,
            text: String::new(),
        };
        let check = |conditions: &[Condition], expect: Option<&str>| {
            assert_eq!(broken(conditions).map(|it| &*it.name), expect);
        };
        let certificate = condition("certificate", Some(false));
        check(std::slice::from_ref(&certificate), None);
        check(&[condition("test-signing", Some(true))], None);
        check(&[condition("test-signing", None)], None);
        check(
            &[certificate, condition("test-signing", Some(false))],
            Some("test-signing"),
        );
    }
}
