//! How much of the processor a thread had: its own CPU clock.

use std::io;
use std::time::Duration;

/// The clock of one thread, readable from every other.
pub struct ThreadTime(libc::clockid_t);

impl ThreadTime {
    /// That of the calling thread.
    ///
    /// # Errors
    /// When the host has no such clock.
    pub fn of_this_thread() -> io::Result<Self> {
        let mut clock = 0;
        // SAFETY: the calling thread exists, and the result has a place.
        match unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) } {
            0 => Ok(Self(clock)),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Processor time that the thread has had so far; nothing once it has ended.
    pub fn spent(&self) -> Duration {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the result has a place; the clock of a thread that has ended is an error and leaves it alone.
        unsafe { libc::clock_gettime(self.0, &raw mut time) };
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
    }
}

/// Lets any process of this user attach as a debugger, where the host asks for that.
pub fn allow_debugger() {
    // SAFETY: a plain system call; a host without that restriction refuses it, which changes nothing.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY, 0, 0, 0) };
}

/// Whether a debugger is attached (proc(5), TracerPid).
pub fn has_debugger() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let tracer = status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|tracer| tracer.trim() != "0")
}
