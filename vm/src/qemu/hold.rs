//! A guest that stays up after its session, for somebody who looks at it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The console of the guest's first serial port, a socket in the machine's folder.
pub const CONSOLE: &str = "console.sock";
/// QEMU's monitor for people, a socket there.
pub const HUMAN: &str = "human.sock";
/// QEMU's stub for gdb, a socket there.
pub const GDB: &str = "gdb.sock";

/// What somebody who looks needs to know.
#[derive(Debug)]
pub struct Held<'a> {
    /// Where the machine's sockets and disks lie.
    pub folder: &'a Path,
    /// QEMU.
    pub process: u32,
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
