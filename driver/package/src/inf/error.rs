//! Where in an INF something is wrong.

use std::fmt;

/// A line number, the first line being 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line(pub u32);

/// An INF that cannot be read or followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InfError {
    /// The file's name, without a folder.
    pub file: String,
    /// The line, where one is to blame.
    pub line: Option<Line>,
    /// What is wrong, and what is needed instead.
    pub message: String,
}

impl fmt::Display for InfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(Line(line)) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for InfError {}
