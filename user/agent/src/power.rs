//! Ends and restarts of the guest.

use std::{fs, io};

use rustix::system::{RebootCommand, reboot};

use crate::places::RESULT;

/// Writes everything out, so that the host reads whole disks.
pub(crate) fn settle() {
    rustix::fs::sync();
    // Busy when a session's log is still open; it is written out all the same.
    let _ = rustix::mount::unmount(RESULT, rustix::mount::UnmountFlags::DETACH);
    rustix::fs::sync();
}

/// Ends the machine. Returns only when that is impossible.
pub(crate) fn off() -> io::Error {
    settle();
    reboot(RebootCommand::PowerOff).map_or_else(Into::into, |()| io::Error::other("still on"))
}

/// Starts it anew.
pub(crate) fn restart() -> io::Error {
    settle();
    reboot(RebootCommand::Restart).map_or_else(Into::into, |()| io::Error::other("still on"))
}

/// A crash of the kernel, as one of its own would be.
pub(crate) fn crash() -> io::Error {
    rustix::fs::sync();
    // kernel documentation, admin-guide/sysrq: `c` crashes the system.
    let result = fs::write("/proc/sys/kernel/sysrq", "1")
        .and_then(|()| fs::write("/proc/sysrq-trigger", "c"));
    result.map_or_else(|error| error, |()| io::Error::other("still on"))
}
