//! Why a dump gives no answer: which file, where in it, and what to do next.

use std::fmt;
use std::path::Path;

use super::bug_check::BugCheck;

/// What is wrong with a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The file cannot be opened or read.
    Unreadable,
    /// The place for a dump is there, and no crash has filled it.
    NotWritten,
    /// The file ends before what it says it holds.
    CutOff,
    /// The file contradicts itself.
    Damaged,
    /// A dump of another kind.
    OtherKind,
}

impl Wrong {
    fn next(self) -> &'static str {
        match self {
            Self::Unreadable => "look at the file's name and rights",
            Self::NotWritten => {
                "no crash has been written here: look at the screenshot and the serial log; a machine \
                 that was ended while it wrote needs a longer deadline"
            }
            Self::CutOff => {
                "copy it again, or give the machine time and the dump disk room to write all of it"
            }
            Self::Damaged => {
                "copy it again; if it stays so, let the machine crash once more, and keep this one for WinDbg"
            }
            Self::OtherKind => {
                "set CrashControl\\CrashDumpEnabled to 1 (complete), 2 (kernel) or 3 (small), or open it in WinDbg"
            }
        }
    }
}

/// A dump that gives no answer.
#[derive(Debug, Clone)]
pub struct DumpError {
    /// What is wrong.
    pub wrong: Wrong,
    /// The file.
    pub file: Box<Path>,
    /// Where in the file, when it is about one place.
    pub offset: Option<u64>,
    /// The bug check, when the header could be read.
    pub bug_check: Option<BugCheck>,
    pub(super) what: String,
}

impl fmt::Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        if let Some(bug_check) = &self.bug_check {
            write!(f, "{bug_check}; ")?;
        }
        write!(f, "{}", self.what)?;
        if let Some(offset) = self.offset {
            write!(f, " (at {offset:#x} in the file)")?;
        }
        write!(f, "; next: {}", self.wrong.next())
    }
}

impl std::error::Error for DumpError {}
