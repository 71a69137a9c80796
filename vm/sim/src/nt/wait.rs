//! Waits: the one thread runs the machine until the object is signalled or the time is over.

use std::ffi::c_void;

use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::event;
use crate::nt::irql::{self, Irql};
use crate::nt::layout::{DispatcherHeader, KEvent};
use crate::nt::status::{NtStatus, STATUS_SUCCESS, STATUS_TIMEOUT};
use crate::nt::{held, mutex, spinlock};
use crate::rules;
use crate::sched::{self, Waited};
use crate::time::{Hns, Qpc, SYSTEM_TIME_AT_BOOT};

// Kinds of objects (`KOBJECTS`, ntddk.h).
const SYNCHRONIZATION_EVENT: u8 = 1;
const MUTEX: u8 = 2;
const SEMAPHORE: u8 = 5;
const SYNCHRONIZATION_TIMER: u8 = 9;

/// A wait during which the stack may be paged out (`UserMode`, wdm.h).
const USER_MODE: i8 = 1;

/// The moment that a time-out means: negative values count from now, others are system time.
pub(crate) fn due_time(time: i64) -> Qpc {
    let now = kernel().now();
    if time < 0 {
        now + Hns(time.unsigned_abs())
    } else {
        Qpc(time
            .unsigned_abs()
            .saturating_sub(SYSTEM_TIME_AT_BOOT)
            .max(now.0))
    }
}

/// Whether a wait for the object ends now; takes what it takes (a synchronization event's signal, a semaphore's count).
pub(crate) fn try_acquire(object: *mut DispatcherHeader) -> bool {
    // SAFETY: an object that the driver waits for; a bad address faults into a report.
    let header = unsafe { &mut *object };
    match header.kind {
        kind if kind <= SYNCHRONIZATION_EVENT => event::try_consume(object.cast::<KEvent>()),
        MUTEX => mutex::try_own(object),
        SEMAPHORE | SYNCHRONIZATION_TIMER => {
            let free = header.signal_state > 0;
            header.signal_state -= i32::from(free);
            free
        }
        _ => header.signal_state > 0,
    }
}

/// A wait is allowed here: at DISPATCH_LEVEL and with a lock held only one that looks and does not wait.
pub(crate) fn check(timeout: Option<i64>, what: &str) {
    let level = irql::current();
    if irql::interrupts_disabled() {
        finding::raise(
            &rules::INTERRUPTS_DISABLED,
            format!("{what} with interrupts disabled"),
        );
    }
    if level >= Irql::DISPATCH && timeout != Some(0) {
        let words = timeout.map_or_else(
            || "no time-out".to_owned(),
            |timeout| format!("time-out {timeout}"),
        );
        finding::fatal(
            &rules::WAIT_AT_DISPATCH,
            format!("{what} at {level} with {words}"),
        );
    }
    if timeout != Some(0) && spinlock::held_count() > 0 {
        finding::fatal(
            &rules::WAIT_AT_DISPATCH,
            format!("{what} with {} held", spinlock::held_names(0)),
        );
    }
}

/// Waits for one object: success, or STATUS_TIMEOUT.
pub(crate) fn wait_for(
    object: *mut DispatcherHeader,
    timeout: Option<i64>,
    what: &str,
) -> NtStatus {
    check(timeout, what);
    // SAFETY: an object that the driver waits for; a bad address faults into a report.
    if timeout != Some(0) && unsafe { (*object).kind } == MUTEX {
        held::wanted(object as usize);
    }
    if try_acquire(object) {
        return STATUS_SUCCESS;
    }
    if timeout == Some(0) {
        return STATUS_TIMEOUT;
    }
    match sched::run_until(|| try_acquire(object), timeout.map(due_time)) {
        Waited::Met => STATUS_SUCCESS,
        Waited::Deadline => STATUS_TIMEOUT,
        Waited::Hung => finding::fatal(
            &rules::HANG,
            format!(
                "{what}: nothing is left that could signal the object at {object:p}, and there is no time-out"
            ),
        ),
    }
}

/// Reads an optional time-out.
pub(crate) fn optional(timeout: *const i64) -> Option<i64> {
    // SAFETY: null, or the driver's time-out; a bad address faults into a report.
    (!timeout.is_null()).then(|| unsafe { timeout.read_unaligned() })
}

extern "win64" fn ke_wait_for_single_object(
    object: *mut DispatcherHeader,
    _reason: i32,
    mode: i8,
    _alertable: u8,
    timeout: *const i64,
) -> NtStatus {
    if mode == USER_MODE && kernel().calls.on_stack(object as usize) {
        finding::raise(
            &rules::WAIT_USER_MODE,
            format!("the object at {object:p} lies on the stack, which may be paged out meanwhile"),
        );
    }
    wait_for(object, optional(timeout), "KeWaitForSingleObject")
}

extern "win64" fn ke_wait_for_multiple_objects(
    count: u32,
    objects: *const *mut DispatcherHeader,
    all: i32,
    _reason: i32,
    _mode: i8,
    _alertable: u8,
    timeout: *const i64,
    _blocks: *mut c_void,
) -> NtStatus {
    const WAIT_ALL: i32 = 0;
    let timeout = optional(timeout);
    check(timeout, "KeWaitForMultipleObjects");
    // SAFETY: the driver passes an array of that many pointers; a bad address faults into a report.
    let objects = unsafe { std::slice::from_raw_parts(objects, count as usize) };
    let mut ended = None;
    let mut condition = || {
        ended = if all == WAIT_ALL {
            // SAFETY: as above, for each object.
            let ready = objects
                .iter()
                .all(|object| unsafe { (**object).signal_state > 0 });
            ready.then(|| {
                objects.iter().for_each(|object| {
                    try_acquire(*object);
                });
                0
            })
        } else {
            objects.iter().position(|object| try_acquire(*object))
        };
        ended.is_some()
    };
    let waited = if condition() {
        Waited::Met
    } else if timeout == Some(0) {
        Waited::Deadline
    } else {
        sched::run_until(&mut condition, timeout.map(due_time))
    };
    match waited {
        Waited::Met => NtStatus(i32::try_from(ended.unwrap_or(0)).expect("at most 64 objects")),
        Waited::Deadline => STATUS_TIMEOUT,
        Waited::Hung => finding::fatal(
            &rules::HANG,
            "KeWaitForMultipleObjects: nothing is left that could end it",
        ),
    }
}

nt_rows! {
    "KeWaitForSingleObject"    ke_wait_for_single_object    DISPATCH "wdm/nf-wdm-kewaitforsingleobject";
    "KeWaitForMultipleObjects" ke_wait_for_multiple_objects DISPATCH "wdm/nf-wdm-kewaitformultipleobjects";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use crate::nt::event::EventKind;

    #[test]
    fn a_wait_runs_the_machine_and_ends_in_time() {
        let machine = Kernel::boot(Options::default());
        let object = event::create(EventKind::Synchronization, false);
        let start = machine.now();
        sched::after(Hns(50), "set", move || {
            event::set(object);
        });
        assert_eq!(wait_for(object.cast(), Some(-100), "test"), STATUS_SUCCESS);
        assert_eq!(machine.now() - start, Hns(50));
        assert_eq!(wait_for(object.cast(), Some(-100), "test"), STATUS_TIMEOUT);
        assert_eq!(machine.now() - start, Hns(150));
        assert_eq!(wait_for(object.cast(), Some(0), "test"), STATUS_TIMEOUT);
    }

    #[test]
    fn waiting_for_several_names_the_one() {
        Kernel::boot(Options::default());
        let objects = [
            event::create(EventKind::Notification, false),
            event::create(EventKind::Notification, true),
        ];
        let pointers = objects.map(|object| object.cast::<DispatcherHeader>());
        let zero = 0;
        let wait = |all| {
            ke_wait_for_multiple_objects(
                2,
                pointers.as_ptr(),
                all,
                0,
                0,
                0,
                &raw const zero,
                std::ptr::null_mut(),
            )
        };
        assert_eq!(wait(1), NtStatus(1));
        assert_eq!(wait(0), STATUS_TIMEOUT);
        event::set(objects[0]);
        assert_eq!(wait(0), STATUS_SUCCESS);
    }
}
