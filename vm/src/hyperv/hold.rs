//! A guest that stays up after its session, for somebody who looks at it.

use std::fmt;
use std::sync::Arc;

/// Number of the COM port for a kernel debugger; the agent has the first.
pub const DEBUGGER: u8 = 2;

/// The pipe of that port of a machine with this name.
pub(super) fn pipe(name: &str) -> String {
    format!(r"\\.\pipe\{name}-debugger")
}

/// What somebody who looks needs to know.
#[derive(Debug)]
pub struct Held<'a> {
    /// The machine's name, which no other of this host has.
    pub name: &'a str,
    /// The named pipe that its COM port [`DEBUGGER`] is.
    pub pipe: &'a str,
    /// How its session ended.
    pub why: &'a str,
}

/// Called with a guest whose session is over; the guest ends when it returns.
#[derive(Clone)]
pub struct Hold(pub Arc<dyn Fn(&Held<'_>) + Send + Sync>);

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}
