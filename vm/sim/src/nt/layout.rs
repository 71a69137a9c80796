//! The structures of the NT kernel as drivers see them, with their x64 offsets (wdm.h of the WDK).
//!
//! Only members that the simulator or its clients use have names; the rest is reserved space.

mod io;

use std::ffi::c_void;

use super::status::NtStatus;

pub use io::*;

/// Doubly linked list entry or head (`LIST_ENTRY`).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ListEntry {
    /// Next entry.
    pub flink: *mut ListEntry,
    /// Entry before.
    pub blink: *mut ListEntry,
}

/// Counted UTF-16 string (`UNICODE_STRING`); lengths in bytes.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct UnicodeString {
    /// Bytes in use.
    pub length: u16,
    /// Bytes of the buffer.
    pub maximum_length: u16,
    /// The characters; need not end with a zero.
    pub buffer: *mut u16,
}

/// `GUID`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Guid {
    /// First eight hexadecimal digits.
    pub data1: u32,
    /// Next four.
    pub data2: u16,
    /// Next four.
    pub data3: u16,
    /// The last sixteen.
    pub data4: [u8; 8],
}

/// `DEVPROPKEY`: a property of a device or interface.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevPropKey {
    /// Category.
    pub fmtid: Guid,
    /// Number within it.
    pub pid: u32,
}

/// `IO_STATUS_BLOCK`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoStatus {
    /// Final status.
    pub status: NtStatus,
    /// Usually bytes transferred.
    pub information: usize,
}

/// `DISPATCHER_HEADER`: the start of everything that can be waited for.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DispatcherHeader {
    /// Kind of object (`KOBJECTS`).
    pub kind: u8,
    /// Absolute or signalling flags, by kind.
    pub flags: u8,
    /// Size in 32-bit words.
    pub size: u8,
    /// Inserted, debug active and the like, by kind.
    pub state: u8,
    /// Above zero: signalled.
    pub signal_state: i32,
    /// Waiting threads.
    pub wait_list: ListEntry,
}

/// `KEVENT`, and the start of a mutex or semaphore.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct KEvent {
    /// The object itself.
    pub header: DispatcherHeader,
}

/// `KSEMAPHORE`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct KSemaphore {
    /// The object itself.
    pub header: DispatcherHeader,
    /// Highest count.
    pub limit: i32,
}

/// `KMUTANT`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct KMutex {
    /// The object itself.
    pub header: DispatcherHeader,
    reserved: [usize; 4],
}

/// `KTIMER`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct KTimer {
    /// The object itself.
    pub header: DispatcherHeader,
    /// Due time in interrupt time.
    pub due_time: u64,
    /// Timer list.
    pub entry: ListEntry,
    /// Queued when it expires.
    pub dpc: *mut KDpc,
    processor: u32,
    /// Milliseconds between expiries; 0 for once.
    pub period: u32,
}

/// Routine of a DPC: DPC, context, two system arguments.
pub type DpcRoutine = unsafe extern "win64" fn(*mut KDpc, *mut c_void, *mut c_void, *mut c_void);

/// `KDPC`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct KDpc {
    /// Kind of object.
    pub kind: u8,
    /// Importance.
    pub importance: u8,
    number: u16,
    expedite: u32,
    entry: usize,
    history: usize,
    /// What it runs.
    pub routine: Option<DpcRoutine>,
    /// First argument after the DPC.
    pub context: *mut c_void,
    /// Given by who queues it.
    pub argument1: *mut c_void,
    /// Given by who queues it.
    pub argument2: *mut c_void,
    /// Not null while it is queued.
    pub data: *mut c_void,
}

/// `OBJECT_ATTRIBUTES`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ObjectAttributes {
    /// Size in bytes.
    pub length: u32,
    /// Handle that the name is relative to.
    pub root_directory: usize,
    /// Name.
    pub object_name: *const UnicodeString,
    /// OBJ_ flags.
    pub attributes: u32,
    security_descriptor: *mut c_void,
    security_quality: *mut c_void,
}

/// A spin lock of the kernel's own, at an address that stays.
#[derive(Debug)]
pub struct KSpinLockWord {
    word: Box<std::cell::UnsafeCell<usize>>,
}

impl Default for KSpinLockWord {
    fn default() -> Self {
        Self {
            word: Box::new(std::cell::UnsafeCell::new(0)),
        }
    }
}

impl KSpinLockWord {
    /// The lock as the spin lock routines take it.
    pub fn address(&self) -> *mut usize {
        self.word.get()
    }
}

#[cfg(test)]
mod tests;
