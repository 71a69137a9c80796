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

/// The guest's screen and keyboard, a socket there that speaks VNC's protocol.
pub const SCREEN: &str = "screen.sock";
/// This host as guests see it (QEMU's documentation, "Using the user mode network stack").
pub const GATEWAY: &str = "10.0.2.2";
/// Bus, device and function of a network adapter for a kernel debugger in decimal. It is an Intel 82574L, of which
/// KDNET has a driver of its own ("Supported Ethernet NICs for network kernel debugging in Windows 11": vendor 8086, device 10D3).
pub const ADAPTER: &str = "0.16.0";
/// Its slot, as QEMU counts.
pub(super) const SLOT: &str = "0x10";

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
