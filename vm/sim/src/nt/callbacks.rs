//! Callbacks that drivers register with the parts of the system around them: registry, processes, objects, power settings, callback
//! objects, shutdown and bug checks. None of them is called here but the value of a power setting, which is not told either: what these parts
//! do never happens in the machine. What can be seen is that each is taken back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;

use crate::call;
use crate::finding;
use crate::image;
use crate::imports::{call_site, nt_rows};
use crate::kernel::kernel;
use crate::nt::layout::{ObjectAttributes, UnicodeString};
use crate::nt::object;
use crate::nt::pool::{self, Owner};
use crate::nt::status::{
    NtStatus, STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS,
};
use crate::rules;

/// What undoes each, for reports.
const REGISTRY: &str = "CmUnRegisterCallback";
const CALLBACK: &str = "ExUnregisterCallback";
const PROCESS: &str = "PsSetCreateProcessNotifyRoutine with Remove";
const THREAD: &str = "PsRemoveCreateThreadNotifyRoutine";
const IMAGE: &str = "PsRemoveLoadImageNotifyRoutine";
const OBJECT: &str = "ObUnRegisterCallbacks";
const POWER: &str = "PoUnregisterPowerSettingCallback";
const SHUTDOWN: &str = "IoUnregisterShutdownNotification";
const BUG_CHECK: &str = "KeDeregisterBugCheckCallback";
const BUG_CHECK_REASON: &str = "KeDeregisterBugCheckReasonCallback";

/// A callback function of a driver's.
type Callback = unsafe extern "win64" fn(*mut c_void, usize, usize);

#[derive(Debug, Clone, Copy)]
struct Registration {
    undo: &'static str,
    /// The driver's routine.
    routine: usize,
    context: usize,
    /// The callback object that it belongs to.
    object: usize,
    site: Option<usize>,
}

/// What is registered, by what the driver knows it by; and the callback objects, by name.
#[derive(Debug, Default)]
pub(crate) struct CallbackState {
    all: RefCell<BTreeMap<usize, Registration>>,
    objects: RefCell<BTreeMap<String, usize>>,
}

fn all() -> &'static RefCell<BTreeMap<usize, Registration>> {
    &kernel().nt.callbacks.all
}

/// Reports what a driver leaves registered.
pub(crate) fn check_leaks() {
    let left: Vec<Registration> = all().borrow().values().copied().collect();
    for one in left {
        let text = format!(
            "the routine {} is registered after unload ({})",
            image::offset_name(one.routine),
            one.undo
        );
        finding::raise_at(&rules::CALLBACK_LEAK, text, one.site);
    }
}

fn register(key: usize, undo: &'static str, routine: usize, context: usize) -> NtStatus {
    let registration = Registration {
        undo,
        routine,
        context,
        object: 0,
        site: call_site(),
    };
    let before = all().borrow_mut().insert(key, registration);
    if before.is_some() {
        finding::raise(
            &rules::BAD_ARGUMENT,
            format!("{key:#x} is registered a second time ({undo} comes first)"),
        );
        return STATUS_INVALID_PARAMETER;
    }
    STATUS_SUCCESS
}

/// A number that stands for a registration.
fn handle() -> usize {
    pool::allocate(16, *b"Clbk", Owner::System) as usize
}

fn unregister(key: usize, undo: &str) -> NtStatus {
    let known = all().borrow().get(&key).is_some_and(|one| one.undo == undo);
    if !known {
        finding::raise(
            &rules::BAD_ARGUMENT,
            format!("{undo} with {key:#x}, which is not registered"),
        );
        return STATUS_INVALID_PARAMETER;
    }
    all().borrow_mut().remove(&key);
    STATUS_SUCCESS
}

/// The same for a handle of [`handle`].
fn close(key: usize, undo: &str) -> NtStatus {
    let status = unregister(key, undo);
    if status == STATUS_SUCCESS {
        pool::free(key as *mut u8);
    }
    status
}

fn give(place: *mut usize, undo: &'static str, routine: usize, context: usize) -> NtStatus {
    let handle = handle();
    // SAFETY: the driver's place for the handle; a bad address faults into a report.
    unsafe { place.write_unaligned(handle) };
    register(handle, undo, routine, context)
}

extern "win64" fn cm_register_callback(
    routine: usize,
    context: usize,
    cookie: *mut usize,
) -> NtStatus {
    give(cookie, REGISTRY, routine, context)
}

extern "win64" fn cm_register_callback_ex(
    routine: usize,
    _altitude: *const UnicodeString,
    _driver: *mut c_void,
    context: usize,
    cookie: *mut usize,
    _reserved: *mut c_void,
) -> NtStatus {
    give(cookie, REGISTRY, routine, context)
}

extern "win64" fn cm_unregister_callback(cookie: usize) -> NtStatus {
    close(cookie, REGISTRY)
}

fn process(routine: usize, remove: u8) -> NtStatus {
    if remove != 0 {
        unregister(routine, PROCESS)
    } else {
        register(routine, PROCESS, routine, 0)
    }
}

extern "win64" fn ps_set_create_process_notify_routine(routine: usize, remove: u8) -> NtStatus {
    process(routine, remove)
}

extern "win64" fn ps_set_create_process_notify_routine_ex2(
    _kind: i32,
    routine: usize,
    remove: u8,
) -> NtStatus {
    process(routine, remove)
}

extern "win64" fn ps_set_create_thread_notify_routine(routine: usize) -> NtStatus {
    register(routine, THREAD, routine, 0)
}

extern "win64" fn ps_remove_create_thread_notify_routine(routine: usize) -> NtStatus {
    unregister(routine, THREAD)
}

extern "win64" fn ps_set_load_image_notify_routine(routine: usize) -> NtStatus {
    register(routine, IMAGE, routine, 0)
}

extern "win64" fn ps_set_load_image_notify_routine_ex(routine: usize, _flags: usize) -> NtStatus {
    register(routine, IMAGE, routine, 0)
}

extern "win64" fn ps_remove_load_image_notify_routine(routine: usize) -> NtStatus {
    unregister(routine, IMAGE)
}

/// `OB_CALLBACK_REGISTRATION` (wdm.h).
#[repr(C)]
struct ObRegistration {
    version: u16,
    count: u16,
    altitude: UnicodeString,
    context: usize,
    operations: *const ObOperation,
}

/// `OB_OPERATION_REGISTRATION` (wdm.h).
#[repr(C)]
struct ObOperation {
    kind: usize,
    operations: u32,
    before: usize,
    after: usize,
}

extern "win64" fn ob_register_callbacks(
    registration: *const ObRegistration,
    place: *mut usize,
) -> NtStatus {
    // SAFETY: the driver's description; a bad address faults into a report.
    let (routine, context) = unsafe {
        let registration = &*registration;
        if registration.count == 0 {
            return STATUS_INVALID_PARAMETER;
        }
        let first = &*registration.operations;
        let routine = if first.before == 0 {
            first.after
        } else {
            first.before
        };
        (routine, registration.context)
    };
    give(place, OBJECT, routine, context)
}

extern "win64" fn ob_unregister_callbacks(handle: usize) {
    close(handle, OBJECT);
}

extern "win64" fn po_register_power_setting_callback(
    _device: *mut c_void,
    _setting: *const c_void,
    routine: usize,
    context: usize,
    place: *mut usize,
) -> NtStatus {
    if place.is_null() {
        return register(handle(), POWER, routine, context);
    }
    give(place, POWER, routine, context)
}

extern "win64" fn po_unregister_power_setting_callback(handle: usize) -> NtStatus {
    close(handle, POWER)
}

// A device object is registered once; several registrations are taken back at once.
extern "win64" fn io_register_shutdown_notification(device: usize) -> NtStatus {
    if all().borrow().contains_key(&device) {
        return STATUS_SUCCESS;
    }
    register(device, SHUTDOWN, device, 0)
}

extern "win64" fn io_unregister_shutdown_notification(device: usize) {
    // Without a registration it does nothing.
    all().borrow_mut().remove(&device);
}

extern "win64" fn ke_register_bug_check_callback(
    record: usize,
    routine: usize,
    _buffer: *mut c_void,
    _length: u32,
    _component: *const u8,
) -> bool {
    let fresh = !all().borrow().contains_key(&record);
    if fresh {
        register(record, BUG_CHECK, routine, 0);
    }
    fresh
}

extern "win64" fn ke_deregister_bug_check_callback(record: usize) -> bool {
    all().borrow_mut().remove(&record).is_some()
}

extern "win64" fn ke_register_bug_check_reason_callback(
    record: usize,
    routine: usize,
    _reason: i32,
    _component: *const u8,
) -> bool {
    let fresh = !all().borrow().contains_key(&record);
    if fresh {
        register(record, BUG_CHECK_REASON, routine, 0);
    }
    fresh
}

extern "win64" fn ex_create_callback(
    place: *mut usize,
    attributes: *const ObjectAttributes,
    create: u8,
    _multiple: u8,
) -> NtStatus {
    let name = if attributes.is_null() {
        String::new()
    } else {
        object::named(attributes).1
    };
    let known = kernel().nt.callbacks.objects.borrow().get(&name).copied();
    let found = match known.filter(|_| !name.is_empty()) {
        Some(found) => {
            object::reference(found as *mut c_void);
            found
        }
        None if create == 0 => return STATUS_OBJECT_NAME_NOT_FOUND,
        None => {
            let made = pool::allocate(16, *b"Call", Owner::System);
            let key = name.clone();
            object::track(made, object::Kind::Other, move || {
                kernel().nt.callbacks.objects.borrow_mut().remove(&key);
                pool::free(made);
            });
            let mut objects = kernel().nt.callbacks.objects.borrow_mut();
            objects.insert(name, made as usize);
            made as usize
        }
    };
    object::taken(found as *mut c_void);
    // SAFETY: the driver's place for the object; a bad address faults into a report.
    unsafe { place.write(found) };
    STATUS_SUCCESS
}

extern "win64" fn ex_register_callback(object: usize, routine: usize, context: usize) -> usize {
    let handle = handle();
    register(handle, CALLBACK, routine, context);
    if let Some(one) = all().borrow_mut().get_mut(&handle) {
        one.object = object;
    }
    handle
}

extern "win64" fn ex_unregister_callback(handle: usize) {
    close(handle, CALLBACK);
}

extern "win64" fn ex_notify_callback(object: usize, first: usize, second: usize) {
    let called: Vec<Registration> = {
        let all = all().borrow();
        let mine = |one: &&Registration| one.undo == CALLBACK && one.object == object;
        all.values().filter(mine).copied().collect()
    };
    for one in called {
        // SAFETY: the routine that the driver registered, with its own context.
        unsafe {
            let routine: Callback = std::mem::transmute::<usize, _>(one.routine);
            let arguments = (one.context as *mut c_void, first, second);
            call::driver("callback of a callback object", routine, arguments);
        }
    }
}

nt_rows! {
    "CmRegisterCallback"                cm_register_callback                     APC      "wdm/nf-wdm-cmregistercallback";
    "CmRegisterCallbackEx"              cm_register_callback_ex                  APC      "wdm/nf-wdm-cmregistercallbackex";
    "CmUnRegisterCallback"              cm_unregister_callback                   APC      "wdm/nf-wdm-cmunregistercallback";
    "PsSetCreateProcessNotifyRoutine"   ps_set_create_process_notify_routine     PASSIVE  "ntddk/nf-ntddk-pssetcreateprocessnotifyroutine";
    "PsSetCreateProcessNotifyRoutineEx" ps_set_create_process_notify_routine     PASSIVE  "ntddk/nf-ntddk-pssetcreateprocessnotifyroutineex";
    "PsSetCreateProcessNotifyRoutineEx2" ps_set_create_process_notify_routine_ex2 PASSIVE "ntddk/nf-ntddk-pssetcreateprocessnotifyroutineex2";
    "PsSetCreateThreadNotifyRoutine"    ps_set_create_thread_notify_routine      PASSIVE  "ntddk/nf-ntddk-pssetcreatethreadnotifyroutine";
    "PsRemoveCreateThreadNotifyRoutine" ps_remove_create_thread_notify_routine   APC      "ntddk/nf-ntddk-psremovecreatethreadnotifyroutine";
    "PsSetLoadImageNotifyRoutine"       ps_set_load_image_notify_routine         PASSIVE  "ntddk/nf-ntddk-pssetloadimagenotifyroutine";
    "PsSetLoadImageNotifyRoutineEx"     ps_set_load_image_notify_routine_ex      PASSIVE  "ntddk/nf-ntddk-pssetloadimagenotifyroutineex";
    "PsRemoveLoadImageNotifyRoutine"    ps_remove_load_image_notify_routine      APC      "ntddk/nf-ntddk-psremoveloadimagenotifyroutine";
    "ObRegisterCallbacks"               ob_register_callbacks                    APC      "wdm/nf-wdm-obregistercallbacks";
    "ObUnRegisterCallbacks"             ob_unregister_callbacks                  APC      "wdm/nf-wdm-obunregistercallbacks";
    "PoRegisterPowerSettingCallback"    po_register_power_setting_callback       PASSIVE  "wdm/nf-wdm-poregisterpowersettingcallback";
    "PoUnregisterPowerSettingCallback"  po_unregister_power_setting_callback     PASSIVE  "wdm/nf-wdm-pounregisterpowersettingcallback";
    "IoRegisterShutdownNotification"    io_register_shutdown_notification        PASSIVE  "wdm/nf-wdm-ioregistershutdownnotification";
    "IoUnregisterShutdownNotification"  io_unregister_shutdown_notification      PASSIVE  "wdm/nf-wdm-iounregistershutdownnotification";
    "KeRegisterBugCheckCallback"        ke_register_bug_check_callback           ANY      "wdm/nf-wdm-keregisterbugcheckcallback";
    "KeDeregisterBugCheckCallback"      ke_deregister_bug_check_callback         ANY      "wdm/nf-wdm-kederegisterbugcheckcallback";
    "KeRegisterBugCheckReasonCallback"  ke_register_bug_check_reason_callback    ANY      "wdm/nf-wdm-keregisterbugcheckreasoncallback";
    "KeDeregisterBugCheckReasonCallback" ke_deregister_bug_check_callback        ANY      "wdm/nf-wdm-kederegisterbugcheckreasoncallback";
    "ExCreateCallback"                  ex_create_callback                       APC      "wdm/nf-wdm-excreatecallback";
    "ExRegisterCallback"                ex_register_callback                     APC      "wdm/nf-wdm-exregistercallback";
    "ExUnregisterCallback"              ex_unregister_callback                   APC      "wdm/nf-wdm-exunregistercallback";
    "ExNotifyCallback"                  ex_notify_callback                       DISPATCH "wdm/nf-wdm-exnotifycallback";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn a_registration_is_taken_back_once() {
        let check = |register: fn() -> usize, undo: fn(usize)| {
            let machine = Kernel::boot(Options::default());
            let handle = register();
            undo(handle);
            check_leaks();
            assert!(machine.findings.is_empty());
            register();
            check_leaks();
            assert!(machine.findings.has(&rules::CALLBACK_LEAK));
            undo(handle);
            assert!(machine.findings.has(&rules::BAD_ARGUMENT));
        };
        check(
            || {
                let mut cookie = 0;
                cm_register_callback(0x1000, 0, &raw mut cookie);
                cookie
            },
            |cookie| {
                cm_unregister_callback(cookie);
            },
        );
        check(
            || {
                let mut handle = 0;
                let (none, place) = (std::ptr::null_mut(), &raw mut handle);
                po_register_power_setting_callback(none, none, 0x1000, 0, place);
                handle
            },
            |handle| {
                po_unregister_power_setting_callback(handle);
            },
        );
    }

    unsafe extern "win64" fn count(context: *mut c_void, first: usize, second: usize) {
        // SAFETY: the test's number.
        unsafe { *context.cast::<usize>() += first + second };
    }

    #[test]
    fn a_callback_object_calls_who_registered_with_it() {
        let machine = Kernel::boot(Options::default());
        let (mut object, mut sum) = (0, 0_usize);
        ex_create_callback(&raw mut object, std::ptr::null(), 1, 1);
        let routine = count as *const () as usize;
        let handle = ex_register_callback(object, routine, (&raw mut sum) as usize);
        ex_notify_callback(object, 2, 3);
        ex_notify_callback(object + 16, 2, 3);
        ex_unregister_callback(handle);
        ex_notify_callback(object, 2, 3);
        assert_eq!(sum, 5);
        check_leaks();
        assert!(machine.findings.is_empty());
        object::check_references();
        assert!(machine.findings.has(&rules::OBJECT_LEAK));
    }
}
