//! Exceptions that a driver raises, and routines that raise one when what a user program gave is not as it should be.

use std::ffi::c_void;

use crate::finding;
use crate::host::{PAGE_SIZE, memory};
use crate::imports::{Import, Levels};
use crate::kernel::kernel;
use crate::nt::status::{NtStatus, STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT};
use crate::nt::{mdl, pageable, pool};
use crate::seh::{self, NONCONTINUABLE, Record};
use crate::{image, rules};

/// The call ends with this exception; see [`seh::raise`].
pub(crate) fn raise(status: NtStatus) {
    seh::raise(Record {
        flags: NONCONTINUABLE,
        ..Record::new(status, &[])
    });
}

extern "win64" fn ex_raise_status(status: NtStatus) {
    raise(status);
}

extern "win64" fn rtl_raise_exception(record: *const Record) {
    // SAFETY: the driver's record; a bad address faults into a report.
    seh::raise(unsafe { record.read() });
}

extern "win64" fn ex_raise_access_violation() {
    raise(STATUS_ACCESS_VIOLATION);
}

extern "win64" fn ex_raise_datatype_misalignment() {
    raise(STATUS_DATATYPE_MISALIGNMENT);
}

/// Whether an address is the kernel's. A program's own memory is whatever is none of a driver's and the kernel's: both have the one half
/// of the host's addresses that programs have.
pub(crate) fn is_kernel(address: usize) -> bool {
    image::contains(address)
        || pool::knows(address)
        || pageable::hides(address)
        || mdl::describe(address).is_some()
        || kernel().calls.on_stack(address)
        || address >= 1 << 47
}

/// Whether a range of a program's memory has an end, is aligned, and is no kernel's; raises the exception otherwise.
fn probe(address: usize, length: usize, alignment: u32) -> bool {
    if length == 0 {
        return false;
    }
    if !address.is_multiple_of(alignment.max(1) as usize) {
        raise(STATUS_DATATYPE_MISALIGNMENT);
        return false;
    }
    let ends = [Some(address), address.checked_add(length - 1)];
    if ends.iter().any(|end| end.is_none_or(is_kernel)) {
        raise(STATUS_ACCESS_VIOLATION);
        return false;
    }
    true
}

/// APC_LEVEL or below.
extern "win64" fn probe_for_read(address: usize, length: usize, alignment: u32) {
    probe(address, length, alignment);
}

/// Touches each page, as the page says.
extern "win64" fn probe_for_write(address: usize, length: usize, alignment: u32) {
    if !probe(address, length, alignment) {
        return;
    }
    let first = address / PAGE_SIZE * PAGE_SIZE;
    let mut pages = (first..address + length).step_by(PAGE_SIZE);
    if pages.any(|page| !memory::is_writable(page)) {
        raise(STATUS_ACCESS_VIOLATION);
    }
}

/// What language-specific handlers that are linked into a driver call.
extern "win64" fn rtl_unwind_ex(
    frame: usize,
    target: usize,
    _record: *mut c_void,
    value: u64,
    _context: *mut c_void,
    _history: *mut c_void,
) {
    seh::unwind(frame, target, value);
}

/// In checked builds of drivers: an ASSERT that does not hold.
extern "win64" fn rtl_assert(
    assertion: *const i8,
    file: *const i8,
    line: u32,
    _message: *const i8,
) {
    let [assertion, file] = [assertion, file].map(|text| {
        // SAFETY: a zero-terminated text of the driver; a bad one faults into a report.
        unsafe { std::ffi::CStr::from_ptr(text.cast()) }
            .to_string_lossy()
            .into_owned()
    });
    finding::fatal(
        &rules::ASSERTION,
        format!("{assertion} does not hold at {file}:{line}"),
    );
}

pub(crate) static IMPORTS: &[Import] = &[
    Import::nt(
        "__C_specific_handler",
        seh::c_specific_handler as *const (),
        Levels::ANY,
        "\"x64 exception handling\", Microsoft Learn",
    ),
    Import::nt(
        "ExRaiseStatus",
        ex_raise_status as *const (),
        Levels::DISPATCH,
        "ntddk/nf-ntddk-exraisestatus",
    ),
    Import::nt(
        "RtlRaiseException",
        rtl_raise_exception as *const (),
        Levels::ANY,
        "ntifs/nf-ntifs-rtlraiseexception",
    ),
    Import::nt(
        "ExRaiseAccessViolation",
        ex_raise_access_violation as *const (),
        Levels::DISPATCH,
        "ntddk/nf-ntddk-exraiseaccessviolation",
    ),
    Import::nt(
        "ExRaiseDatatypeMisalignment",
        ex_raise_datatype_misalignment as *const (),
        Levels::DISPATCH,
        "ntddk/nf-ntddk-exraisedatatypemisalignment",
    ),
    Import::nt(
        "ProbeForRead",
        probe_for_read as *const (),
        Levels::APC,
        "wdm/nf-wdm-probeforread",
    ),
    Import::nt(
        "ProbeForWrite",
        probe_for_write as *const (),
        Levels::APC,
        "wdm/nf-wdm-probeforwrite",
    ),
    Import::nt(
        "RtlUnwindEx",
        rtl_unwind_ex as *const (),
        Levels::ANY,
        "\"x64 exception handling\", Microsoft Learn",
    ),
    Import::nt(
        "RtlAssert",
        rtl_assert as *const (),
        Levels::ANY,
        "wdm/nf-wdm-rtlassert",
    ),
];
