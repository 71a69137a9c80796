//! What a base image is made of beside an installation medium: a disc with the answers that Windows Setup asks for, the agent, and a
//! script for the first logon.
//!
//! Setup takes the answer file from the root of a removable medium, of those that can be written to first, then of those that cannot, in
//! the order of their letters (learn.microsoft.com, "Windows Setup Automation Overview", implicit answer file search order). A disc is
//! one under every hypervisor; a hard disk of Hyper-V is not.
//!
//! **The agent is a program of the logged-on user, not a service.** A service lives in session 0, where what it plays is not heard and
//! no error says so; WASAPI's clients belong into the session at the console ("Session 0 isolation"). So the user logs on by himself, and
//! Task Scheduler starts the agent at that logon with his highest rights, which device installation needs.
//!
//! Nothing of this has been seen on Windows.

pub mod answer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use waverig_protocol::{Condition, Request, frame};

use crate::{LinkError, condition_in_words};

/// Label of the disc; the first logon's command finds it by that.
pub const LABEL: &str = "WAVERIG";
/// The answer file, by the name that Setup looks for.
pub const ANSWERS: &str = "AUTOUNATTEND.XML";
/// The agent.
pub const AGENT: &str = "AGENT.EXE";
/// The script.
pub const SCRIPT: &str = "SETUP.PS1";
/// What is in it.
pub const FIRST_LOGON: &str = include_str!("first_logon.ps1");

/// Who hears how far an installation is.
#[derive(Clone)]
pub struct Tell(pub Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for Tell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tell")
    }
}

/// How long a system that was just installed may take to end.
pub(crate) const END: Duration = Duration::from_secs(300);

/// What ends it.
pub(crate) fn end() -> Vec<u8> {
    let mut bytes = Vec::new();
    // Memory takes everything.
    let _ = frame::write(&mut bytes, &Request::PowerOff, &[]);
    bytes
}

/// It did not.
pub(crate) fn still_up() -> LinkError {
    LinkError(format!(
        "the guest did not end within {} s of being told so: its disk is not whole",
        END.as_secs()
    ))
}

/// Of an agent's conditions, those that a base image must fulfil.
const NEEDED: [&str; 5] = [
    "build",
    "elevation",
    "test-signing",
    "audio-services",
    "session",
];

/// Whether a guest is one of a base image.
///
/// # Errors
/// Names the first condition that it does not fulfil.
pub(crate) fn judge(conditions: &[Condition]) -> Result<(), LinkError> {
    let broken = conditions
        .iter()
        .find(|it| NEEDED.contains(&&*it.name) && it.holds == Some(false));
    match broken {
        None => Ok(()),
        Some(broken) => Err(LinkError(format!(
            "this is no base image, {}",
            condition_in_words(broken)
        ))),
    }
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
        let check = |conditions: &[Condition], expect: Option<&str>| match judge(conditions) {
            Ok(()) => assert_eq!(expect, None),
            Err(error) => assert!(error.to_string().contains(expect.expect("it is one"))),
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
