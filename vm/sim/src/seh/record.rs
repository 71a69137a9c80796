//! What drivers and the kernel tell each other about an exception (winnt.h; the structures of language-specific handlers are in "x64
//! exception handling", Microsoft Learn).

use std::ffi::c_void;

use super::context::Context;
use crate::nt::status::NtStatus;

/// `EXCEPTION_NONCONTINUABLE`.
pub(crate) const NONCONTINUABLE: u32 = 1;
/// `EXCEPTION_UNWINDING`: handlers clean up.
pub(super) const UNWINDING: u32 = 2;
/// `EXCEPTION_TARGET_UNWIND`: in the frame that goes on.
pub(super) const TARGET_UNWIND: u32 = 0x20;
/// Whatever says that frames are being unwound (`EXCEPTION_UNWIND`).
pub(super) const ANY_UNWIND: u32 = 0x66;

// EXCEPTION_DISPOSITION (excpt.h).
pub(super) const CONTINUE_EXECUTION: i32 = 0;
pub(super) const CONTINUE_SEARCH: i32 = 1;

/// EXCEPTION_RECORD.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) code: NtStatus,
    pub(crate) flags: u32,
    pub(crate) next: *mut Record,
    pub(crate) address: usize,
    pub(crate) count: u32,
    pub(crate) information: [u64; 15],
}

const _: () = assert!(size_of::<Record>() == 0x98);

impl Record {
    /// An exception with what its page says of it.
    pub(crate) fn new(code: NtStatus, information: &[u64]) -> Self {
        let mut all = [0; 15];
        all[..information.len()].copy_from_slice(information);
        Self {
            code,
            flags: 0,
            next: std::ptr::null_mut(),
            address: 0,
            count: information.len() as u32,
            information: all,
        }
    }
}

/// EXCEPTION_POINTERS.
#[repr(C)]
pub(super) struct Pointers {
    pub(super) record: *mut Record,
    pub(super) context: *mut Context,
}

/// DISPATCHER_CONTEXT.
#[repr(C)]
pub(crate) struct Dispatcher {
    pub(super) control_pc: usize,
    pub(super) image_base: usize,
    pub(super) function: *const c_void,
    pub(super) establisher: usize,
    pub(super) target_ip: usize,
    pub(super) context: *mut Context,
    pub(super) handler: usize,
    pub(super) data: *const u8,
    pub(super) history: *mut c_void,
    pub(super) scope: u32,
    pub(super) fill: u32,
}

const _: () = assert!(size_of::<Dispatcher>() == 0x50);
