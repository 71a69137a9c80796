//! Everything that is asked of a Hyper-V host, behind one trait: a real one has PowerShell and pipes, a test has a transcript.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::Ends;

/// A Hyper-V host.
pub trait Executor: Send + Sync {
    /// Lets PowerShell execute `script` and gives its answer, one line of JSON ([`super::answer`]).
    ///
    /// # Errors
    /// When there is no answer within `deadline`, whatever the script does.
    fn run(&self, script: &str, deadline: Duration) -> Result<String, Failure>;

    /// Opens the named pipe that a virtual machine's COM port is, as its client.
    ///
    /// # Errors
    /// `NotFound` when the pipe is not there (yet), else why it cannot be opened.
    fn connect(&self, pipe: &str) -> io::Result<Ends>;

    /// What a report says when this is no real host.
    fn remark(&self) -> Option<String> {
        None
    }
}

/// Why PowerShell gave no answer.
#[derive(Debug)]
pub enum Failure {
    /// It cannot be started.
    Start(String),
    /// It did not answer within this time and was ended.
    Late(Duration),
    /// It ended by itself, with these last words.
    Ended(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(why) => write!(f, "PowerShell cannot be started: {why}"),
            Self::Late(deadline) => write!(
                f,
                "PowerShell gave no answer within {} s and was ended; look whether the Virtual Machine Management service hangs (Get-Service vmms)",
                deadline.as_secs_f32()
            ),
            Self::Ended(words) => write!(f, "PowerShell ended without an answer: {words}"),
        }
    }
}

impl std::error::Error for Failure {}
