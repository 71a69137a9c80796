//! What drivers ask about the system: its version, its processors, routines by name.

use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::layout::UnicodeString;
use crate::nt::status::{NtStatus, STATUS_SUCCESS};
use crate::nt::unicode;

/// The build that the machine claims to be: Windows 10, version 2004, the first with ExAllocatePool2.
const VERSION: [u32; 3] = [10, 0, 19041];

extern "win64" fn rtl_get_version(information: *mut u32) -> NtStatus {
    // SAFETY: the driver's RTL_OSVERSIONINFOW; its first member is its size. A bad address faults into a report.
    unsafe {
        information
            .add(1)
            .cast::<[u32; 3]>()
            .write_unaligned(VERSION)
    };
    STATUS_SUCCESS
}

extern "win64" fn ke_query_active_processor_count(affinity: *mut usize) -> u32 {
    if !affinity.is_null() {
        // SAFETY: the driver's place for a mask; a bad address faults into a report.
        unsafe { affinity.write(1) };
    }
    1
}

extern "win64" fn ke_query_active_processor_count_ex(_group: u16) -> u32 {
    1
}

extern "win64" fn ke_get_current_processor_number_ex(number: *mut u32) -> u32 {
    if !number.is_null() {
        // SAFETY: the driver's PROCESSOR_NUMBER of four bytes; a bad address faults into a report.
        unsafe { number.write_unaligned(0) };
    }
    0
}

extern "win64" fn mm_get_system_routine_address(name: *const UnicodeString) -> usize {
    let name = unicode::text(name);
    let known = |dll| crate::imports::find(dll, &name).is_some();
    if known("ntoskrnl.exe") {
        crate::imports::bind("ntoskrnl.exe", &name).0
    } else {
        0
    }
}

extern "win64" fn io_get_current_process() -> usize {
    // An opaque address that stays the same: the one process of this machine.
    std::ptr::from_ref(kernel()) as usize
}

extern "win64" fn ps_get_current_process_id() -> usize {
    4
}

extern "win64" fn ke_get_current_thread() -> usize {
    crate::inlined::current_thread()
}

extern "win64" fn io_is_wdm_version_available(major: u8, minor: u8) -> bool {
    // 6.0 is what Windows Vista and everything after it answer to.
    (major, minor) <= (6, 0)
}

extern "win64" fn ps_get_version(
    major: *mut u32,
    minor: *mut u32,
    build: *mut u32,
    service_pack: *mut UnicodeString,
) -> bool {
    for (place, value) in [major, minor, build].into_iter().zip(VERSION) {
        if !place.is_null() {
            // SAFETY: the driver's variable; a bad address faults into a report.
            unsafe { place.write(value) };
        }
    }
    if !service_pack.is_null() {
        // SAFETY: as above.
        unsafe { service_pack.write(UnicodeString::empty()) };
    }
    false
}

extern "win64" fn mm_is_address_valid(address: usize) -> bool {
    crate::host::memory::read_word(address as u64).is_some()
}

nt_rows! {
    "KeGetCurrentThread"            ke_get_current_thread              ANY     "wdm/nf-wdm-kegetcurrentthread";
    "PsGetCurrentThread"            ke_get_current_thread              ANY     "wdm/nf-wdm-psgetcurrentthread";
    "IoIsWdmVersionAvailable"       io_is_wdm_version_available        ANY     "wdm/nf-wdm-ioiswdmversionavailable";
    "PsGetVersion"                  ps_get_version                     ANY     "ntddk/nf-ntddk-psgetversion";
    "MmIsAddressValid"              mm_is_address_valid                DISPATCH "ntddk/nf-ntddk-mmisaddressvalid";
    "RtlGetVersion"                 rtl_get_version                    PASSIVE "wdm/nf-wdm-rtlgetversion";
    "KeQueryActiveProcessorCount"   ke_query_active_processor_count    ANY     "ntddk/nf-ntddk-kequeryactiveprocessorcount";
    "KeQueryActiveProcessorCountEx" ke_query_active_processor_count_ex ANY     "ntddk/nf-ntddk-kequeryactiveprocessorcountex";
    "KeGetCurrentProcessorNumberEx" ke_get_current_processor_number_ex ANY     "ntddk/nf-ntddk-kegetcurrentprocessornumberex";
    "MmGetSystemRoutineAddress"     mm_get_system_routine_address      PASSIVE "wdm/nf-wdm-mmgetsystemroutineaddress";
    "IoGetCurrentProcess"           io_get_current_process             ANY     "wdm/nf-wdm-iogetcurrentprocess";
    "PsGetCurrentProcess"           io_get_current_process             ANY     "ntddk/nf-ntddk-psgetcurrentprocess";
    "PsGetCurrentProcessId"         ps_get_current_process_id          ANY     "ntddk/nf-ntddk-psgetcurrentprocessid";
}
