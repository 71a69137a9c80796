//! Notifications of Plug and Play that drivers ask for. What is there already is told at once when they say so; nothing of another
//! driver arrives later.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;

use crate::call;
use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::interface;
use crate::nt::layout::{Guid, UnicodeString};
use crate::nt::pool::{self, Owner};
use crate::nt::status::{NtStatus, STATUS_INVALID_PARAMETER, STATUS_SUCCESS};
use crate::rules;

/// `EventCategoryDeviceInterfaceChange` (wdm.h).
const INTERFACE_CHANGE: i32 = 2;
/// `PNPNOTIFY_DEVICE_INTERFACE_INCLUDE_EXISTING_INTERFACES`.
const EXISTING: u32 = 1;
/// `GUID_DEVICE_INTERFACE_ARRIVAL` (wdmguid.h).
const ARRIVAL: Guid = Guid {
    data1: 0xCB3A_4004,
    data2: 0x46F0,
    data3: 0x11D0,
    data4: [0xB0, 0x8F, 0x00, 0x60, 0x97, 0x13, 0x05, 0x3F],
};

type Callback = unsafe extern "win64" fn(*mut Change, *mut c_void) -> NtStatus;

/// `DEVICE_INTERFACE_CHANGE_NOTIFICATION`.
#[repr(C)]
struct Change {
    version: u16,
    size: u16,
    event: Guid,
    class: Guid,
    link: *const UnicodeString,
}

/// Who asked, by entry.
#[derive(Debug, Default)]
pub(crate) struct NotifyState {
    entries: RefCell<BTreeMap<usize, i32>>,
}

/// Reports registrations that a driver leaves behind.
pub(crate) fn check_leaks() {
    let left = kernel().nt.notifications.entries.borrow().len();
    if left > 0 {
        let text = format!(
            "{left} registration(s) are left after unload (IoUnregisterPlugPlayNotificationEx)"
        );
        finding::raise_at(&rules::NOTIFICATION_LEAK, text, None);
    }
}

extern "win64" fn io_register_plug_play_notification(
    category: i32,
    flags: u32,
    data: *const Guid,
    _driver: *mut c_void,
    callback: Callback,
    context: *mut c_void,
    entry: *mut usize,
) -> NtStatus {
    let number = pool::allocate(16, *b"PnpN", Owner::System) as usize;
    kernel()
        .nt
        .notifications
        .entries
        .borrow_mut()
        .insert(number, category);
    // SAFETY: the driver's place for the entry; a bad address faults into a report.
    unsafe { entry.write(number) };
    if category != INTERFACE_CHANGE || flags & EXISTING == 0 {
        return STATUS_SUCCESS;
    }
    // SAFETY: for this category the driver passes a class.
    let class = unsafe { data.read_unaligned() };
    let there = interface::list(Some(&class)).into_iter();
    for one in there.filter(|one| one.enabled) {
        let link = UnicodeString::allocate(&one.link);
        let mut change = Change {
            version: 1,
            size: size_of::<Change>() as u16,
            event: ARRIVAL,
            class,
            link: &raw const link,
        };
        // SAFETY: the routine that the driver registers; what it is given lives until it returns.
        unsafe {
            call::driver(
                "notification of an interface",
                callback,
                (&raw mut change, context),
            );
        }
        pool::free(link.buffer.cast());
    }
    STATUS_SUCCESS
}

extern "win64" fn io_unregister_plug_play_notification(entry: usize) -> NtStatus {
    let known = kernel()
        .nt
        .notifications
        .entries
        .borrow_mut()
        .remove(&entry);
    if known.is_none() {
        finding::raise(
            &rules::BAD_ARGUMENT,
            format!("IoUnregisterPlugPlayNotification with {entry:#x}, which is not registered"),
        );
        return STATUS_INVALID_PARAMETER;
    }
    pool::free(entry as *mut u8);
    STATUS_SUCCESS
}

nt_rows! {
    "IoRegisterPlugPlayNotification"     io_register_plug_play_notification   PASSIVE "wdm/nf-wdm-ioregisterplugplaynotification";
    "IoUnregisterPlugPlayNotification"   io_unregister_plug_play_notification PASSIVE "wdm/nf-wdm-iounregisterplugplaynotification";
    "IoUnregisterPlugPlayNotificationEx" io_unregister_plug_play_notification PASSIVE "wdm/nf-wdm-iounregisterplugplaynotificationex";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Options;

    unsafe extern "win64" fn ignore(_change: *mut Change, _context: *mut c_void) -> NtStatus {
        STATUS_SUCCESS
    }

    #[test]
    fn a_registration_is_taken_back_once() {
        let machine = crate::kernel::Kernel::boot(Options::default());
        let (class, none) = (ARRIVAL, std::ptr::null_mut());
        let mut entry = 0;
        let place = &raw mut entry;
        let class = &raw const class;
        io_register_plug_play_notification(2, EXISTING, class, none, ignore, none, place);
        check_leaks();
        assert!(machine.findings.has(&rules::NOTIFICATION_LEAK));
        assert_eq!(io_unregister_plug_play_notification(entry), STATUS_SUCCESS);
        assert!(!machine.findings.has(&rules::BAD_ARGUMENT));
        let again = io_unregister_plug_play_notification(entry);
        assert_eq!(again, STATUS_INVALID_PARAMETER);
        assert!(machine.findings.has(&rules::BAD_ARGUMENT));
    }
}
