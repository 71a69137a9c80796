//! How much of the processor a thread had: the times that the system counts for it.

use std::io;
use std::time::Duration;

use windows_sys::Win32::Foundation::{CloseHandle, FILETIME, HANDLE};
use windows_sys::Win32::System::Threading::{
    GetCurrentThreadId, GetThreadTimes, OpenThread, THREAD_QUERY_LIMITED_INFORMATION,
};

/// The times of one thread, readable from every other.
pub struct ThreadTime(HANDLE);

// SAFETY: a handle belongs to the process, not to a thread.
unsafe impl Send for ThreadTime {}

impl ThreadTime {
    /// Those of the calling thread.
    ///
    /// # Errors
    /// When the host gives no handle of it.
    pub fn of_this_thread() -> io::Result<Self> {
        // SAFETY: no pointers are passed.
        let thread =
            unsafe { OpenThread(THREAD_QUERY_LIMITED_INFORMATION, 0, GetCurrentThreadId()) };
        if thread.is_null() {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(thread))
    }

    /// Processor time that the thread has had so far, in steps of the system's tick.
    pub fn spent(&self) -> Duration {
        let none = FILETIME {
            dwLowDateTime: 0,
            dwHighDateTime: 0,
        };
        let (mut created, mut ended, mut kernel, mut user) = (none, none, none, none);
        // SAFETY: the handle is open until this value is dropped; each result has a place.
        unsafe {
            GetThreadTimes(
                self.0,
                &raw mut created,
                &raw mut ended,
                &raw mut kernel,
                &raw mut user,
            );
        }
        let hns =
            |time: FILETIME| u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
        let spent = hns(kernel).saturating_add(hns(user));
        Duration::from_nanos(spent.saturating_mul(100))
    }
}

impl Drop for ThreadTime {
    fn drop(&mut self) {
        // SAFETY: the handle is this value's own.
        unsafe { CloseHandle(self.0) };
    }
}

/// Debuggers of the same user may attach anyway.
pub fn allow_debugger() {}

/// Whether a debugger is attached.
pub fn has_debugger() -> bool {
    // SAFETY: no arguments.
    unsafe { windows_sys::Win32::System::Diagnostics::Debug::IsDebuggerPresent() != 0 }
}
