//! The client's end of a named pipe, for one thread that reads, one that writes, and one that closes.
//!
//! Windows does one operation at a time on a file that was opened for synchronous I/O: a writer would wait for the reader, which waits for
//! the machine. A second open of the pipe is no way out, since a pipe serves as many clients as it has instances, and a COM port has one
//! (inferred). So it is opened with FILE_FLAG_OVERLAPPED, and each operation waits for an event of its own, or for the one that closes
//! (learn.microsoft.com, "Synchronization and Overlapped Input and Output"). The standard library's `File` cannot be used on such a
//! handle: it waits for the handle itself, which either operation signals.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::ptr;
use std::sync::Arc;

use windows_sys::Win32::Foundation::{
    ERROR_BROKEN_PIPE, ERROR_IO_PENDING, ERROR_OPERATION_ABORTED, ERROR_PIPE_NOT_CONNECTED,
    GetLastError, HANDLE, WAIT_OBJECT_0,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_OVERLAPPED, ReadFile, SECURITY_IDENTIFICATION, WriteFile,
};
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Threading::{
    CreateEventW, INFINITE, ResetEvent, SetEvent, WaitForMultipleObjects,
};

use crate::Ends;

/// Opens it.
///
/// # Errors
/// `NotFound` when there is none of this name.
pub(super) fn connect(name: &str) -> io::Result<Ends> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(FILE_FLAG_OVERLAPPED)
        // Whoever made a pipe of this name learns who we are, and cannot act as us.
        .security_qos_flags(SECURITY_IDENTIFICATION)
        .open(name)?;
    let shared = Arc::new(Shared {
        file,
        closed: event()?,
    });
    let end = |shared: &Arc<Shared>| {
        Ok::<_, io::Error>(End {
            shared: Arc::clone(shared),
            done: event()?,
        })
    };
    Ok(Ends {
        input: Box::new(end(&shared)?),
        output: Box::new(end(&shared)?),
        close: Box::new(move || {
            // SAFETY: the event is open as long as `shared` is.
            unsafe { SetEvent(shared.closed.as_raw_handle()) };
            String::new()
        }),
    })
}

/// A manual-reset event, not signalled.
fn event() -> io::Result<OwnedHandle> {
    // SAFETY: no attributes and no name are allowed.
    let handle = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was just made, and nobody else has it.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

struct Shared {
    file: File,
    /// Signalled for good when nobody shall wait any more.
    closed: OwnedHandle,
}

/// One direction.
struct End {
    shared: Arc<Shared>,
    /// Signalled when this direction's operation is over.
    done: OwnedHandle,
}

impl End {
    /// Starts an operation and waits until it is over or the pipe is closed; gives the number of bytes.
    fn perform(&mut self, start: impl FnOnce(HANDLE, *mut OVERLAPPED) -> i32) -> io::Result<usize> {
        let file = self.shared.file.as_raw_handle();
        let (done, closed) = (
            self.done.as_raw_handle(),
            self.shared.closed.as_raw_handle(),
        );
        // SAFETY: an event that is open.
        unsafe { ResetEvent(done) };
        // SAFETY: zero is a valid value of every member.
        let mut overlapped: OVERLAPPED = unsafe { std::mem::zeroed() };
        overlapped.hEvent = done;
        let overlapped = &raw mut overlapped;
        if start(file, overlapped) == 0 {
            // SAFETY: no arguments.
            let error = unsafe { GetLastError() };
            if error != ERROR_IO_PENDING {
                return Err(io::Error::from_raw_os_error(error.cast_signed()));
            }
        }
        let events = [done, closed];
        // SAFETY: two handles, both open.
        let woken = unsafe { WaitForMultipleObjects(2, events.as_ptr(), 0, INFINITE) };
        if woken != WAIT_OBJECT_0 {
            // SAFETY: both are of the operation that was started above.
            unsafe { CancelIoEx(file, overlapped) };
        }
        let mut bytes = 0;
        // SAFETY: it waits for the end of the operation, so neither `overlapped` nor the buffer is used any more when this returns.
        let well = unsafe { GetOverlappedResult(file, overlapped, &raw mut bytes, 1) };
        if well == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(bytes as usize)
    }
}

/// Whether the other side is gone, or this one closed the pipe: the end of what comes.
fn over(error: &io::Error) -> bool {
    const OVER: [u32; 3] = [
        ERROR_BROKEN_PIPE,
        ERROR_PIPE_NOT_CONNECTED,
        ERROR_OPERATION_ABORTED,
    ];
    error
        .raw_os_error()
        .is_some_and(|code| OVER.contains(&code.cast_unsigned()))
}

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        let read = self.perform(|file, overlapped| {
            // SAFETY: `perform` does not return before the operation is over, and `buffer` has room for that many bytes until then.
            unsafe { ReadFile(file, buffer.as_mut_ptr(), room, ptr::null_mut(), overlapped) }
        });
        match read {
            Err(error) if over(&error) => Ok(0),
            other => other,
        }
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.perform(|file, overlapped| {
            // SAFETY: as above; the bytes are only read.
            unsafe { WriteFile(file, bytes.as_ptr(), length, ptr::null_mut(), overlapped) }
        })
    }

    /// What was written is in the pipe.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
