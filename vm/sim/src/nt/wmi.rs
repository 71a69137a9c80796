//! WMI as WPP tracing uses it. Nobody listens: a provider is registered, is never enabled, and what it traces all the same goes nowhere.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ffi::c_void;

use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::status::{
    NtStatus, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
};
use crate::rules;

// Actions of IoWMIRegistrationControl (wdm.h, WMIREG_ACTION_…).
const REGISTER: u32 = 1;
const DEREGISTER: u32 = 2;
const REREGISTER: u32 = 3;
const UPDATE_GUIDS: u32 = 4;
const BLOCK_IRPS: u32 = 5;
/// `WMIREG_FLAG_CALLBACK`: the object is a routine.
const CALLBACK: u32 = 0x8000_0000;

/// Who is registered.
#[derive(Debug, Default)]
pub(crate) struct WmiState {
    registered: RefCell<BTreeSet<usize>>,
    classic: RefCell<BTreeSet<u64>>,
    next: Cell<u64>,
}

fn state() -> &'static WmiState {
    &kernel().nt.wmi
}

/// Reports providers that are registered though their driver goes away.
pub(crate) fn check_leaks() {
    let left = state().registered.borrow().len() + state().classic.borrow().len();
    if left > 0 {
        finding::raise_at(
            &rules::ETW_LEAK,
            format!("{left} WMI or WPP provider(s) are registered after unload (WPP_CLEANUP)"),
            None,
        );
    }
}

/// Ends the registration of a classic provider; whether there was one.
pub(super) fn unregister_classic(handle: u64) -> bool {
    state().classic.borrow_mut().remove(&handle)
}

extern "win64" fn io_wmi_registration_control(object: usize, action: u32) -> NtStatus {
    let mut registered = state().registered.borrow_mut();
    match action & !CALLBACK & 0xFFFF {
        REGISTER => {
            registered.insert(object);
            STATUS_SUCCESS
        }
        DEREGISTER => {
            if registered.remove(&object) {
                STATUS_SUCCESS
            } else {
                STATUS_INVALID_PARAMETER
            }
        }
        REREGISTER | UPDATE_GUIDS | BLOCK_IRPS if registered.contains(&object) => STATUS_SUCCESS,
        _ => STATUS_INVALID_PARAMETER,
    }
}

extern "win64" fn etw_register_classic_provider(
    _id: *const c_void,
    _kind: u32,
    _callback: *const c_void,
    _context: *mut c_void,
    handle: *mut u64,
) -> NtStatus {
    // Apart from the handles of EtwRegister.
    let number = state().next.get() + 1;
    state().next.set(number);
    let number = number | 1 << 48;
    state().classic.borrow_mut().insert(number);
    // SAFETY: the driver's place for the handle; a bad address faults into a report.
    unsafe { handle.write_unaligned(number) };
    STATUS_SUCCESS
}

/// Variadic; no session has given out a handle, so there is none to trace to.
extern "win64" fn wmi_trace_message(
    _session: u64,
    _flags: u32,
    _message: *const c_void,
    _number: u16,
) -> NtStatus {
    STATUS_INVALID_HANDLE
}

extern "win64" fn wmi_query_trace_information(
    _class: i32,
    _information: *mut c_void,
    _length: u32,
    _needed: *mut u32,
    _buffer: *const c_void,
) -> NtStatus {
    STATUS_NOT_SUPPORTED
}

nt_rows! {
    "IoWMIRegistrationControl"   io_wmi_registration_control   PASSIVE "wdm/nf-wdm-iowmiregistrationcontrol";
    "EtwRegisterClassicProvider" etw_register_classic_provider PASSIVE "km-WppTrace.tpl of the WDK (inferred: it stands in no header)";
    "WmiTraceMessage"            wmi_trace_message             ANY     "wdm/nf-wdm-wmitracemessage";
    "WmiTraceMessageVa"          wmi_trace_message             ANY     "wdm/nf-wdm-wmitracemessageva";
    "WmiQueryTraceInformation"   wmi_query_trace_information   ANY     "wdm/nf-wdm-wmiquerytraceinformation";
}
