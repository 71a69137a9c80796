//! Exceptions that a driver raises. The simulator ends a run at the first one, with what was raised; frames that would catch it are not
//! unwound.

use std::ffi::c_void;

use crate::finding;
use crate::imports::{Import, Levels};
use crate::nt::status::NtStatus;
use crate::rules;

fn raised(status: NtStatus) -> ! {
    finding::fatal(
        &rules::EXCEPTION,
        format!("the driver raises the exception {status}; the simulator unwinds no frames"),
    )
}

extern "win64" fn c_specific_handler(
    _record: *mut c_void,
    _frame: *mut c_void,
    _context: *mut c_void,
    _dispatcher: *mut c_void,
) -> i32 {
    finding::fatal(
        &rules::MISSING_IMPORT,
        "structured exception handling: the simulator ends a run at the first exception",
    )
}

extern "win64" fn ex_raise_status(status: NtStatus) {
    raised(status);
}

/// The record begins with the code.
extern "win64" fn rtl_raise_exception(record: *const NtStatus) {
    // SAFETY: the driver's record; a bad address faults into a report.
    raised(unsafe { record.read() });
}

extern "win64" fn ex_raise_access_violation() {
    raised(crate::nt::status::STATUS_ACCESS_VIOLATION);
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
        c_specific_handler as *const (),
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
        "RtlAssert",
        rtl_assert as *const (),
        Levels::ANY,
        "wdm/nf-wdm-rtlassert",
    ),
];
