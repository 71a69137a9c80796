//! System threads as drivers see them: objects that are signalled when their thread ends.

use std::ffi::c_void;

use crate::call;
use crate::finding;
use crate::imports::{Import, Levels};
use crate::nt::layout::{DispatcherHeader, ListEntry};
use crate::nt::object::{self, HandleOwner, Kind};
use crate::nt::pool::{self, Owner};
use crate::nt::status::{NtStatus, STATUS_INVALID_PARAMETER, STATUS_SUCCESS};
use crate::{inlined, rules, threads};

/// What a driver may read of the thread it gets: a dispatcher object, and nothing else that is documented.
const SIZE: usize = 0x100;
/// Kind of object (`KOBJECTS`, ntddk.h).
const THREAD: u8 = 6;
/// What threads of a driver run at, and what the calls here remember of it (wdm.h, `LOW_REALTIME_PRIORITY` and below).
const USUAL_PRIORITY: i32 = 8;

type Routine = unsafe extern "win64" fn(*mut c_void);

/// A thread ended: who waits for it goes on, and its own reference goes.
pub(crate) fn ended(object: usize) {
    // SAFETY: the thread holds a reference on its object until here.
    unsafe { (*(object as *mut DispatcherHeader)).signal_state = 1 };
    object::dereference(object as *mut c_void);
}

/// Reports threads that did not end.
pub(crate) fn check_leaks() {
    for object in threads::left() {
        finding::raise(
            &rules::THREAD_LEAK,
            format!("the system thread at {object:#x} runs in the driver that is unloaded"),
        );
    }
}

fn create(handle: *mut usize, routine: Routine, context: *mut c_void) -> NtStatus {
    let thread = pool::allocate(SIZE, *b"Thre", Owner::System);
    let header = thread.cast::<DispatcherHeader>();
    // SAFETY: the memory was just allocated and is large enough.
    unsafe {
        thread.write_bytes(0, SIZE);
        (*header).kind = THREAD;
        let head: *mut ListEntry = &raw mut (*header).wait_list;
        (*header).wait_list = ListEntry {
            flink: head,
            blink: head,
        };
    }
    object::track(thread, Kind::Thread, move || pool::free(thread));
    // SAFETY: the driver's variable; a bad address faults into a report.
    unsafe { handle.write(object::open(thread, HandleOwner::Driver)) };
    threads::start(thread as usize, move || {
        // SAFETY: the routine is the one that the driver gave.
        unsafe { call::driver("system thread", routine, (context,)) };
    });
    STATUS_SUCCESS
}

extern "win64" fn ps_create_system_thread(
    handle: *mut usize,
    _access: u32,
    _attributes: *mut c_void,
    _process: usize,
    _client: *mut c_void,
    routine: Routine,
    context: *mut c_void,
) -> NtStatus {
    create(handle, routine, context)
}

/// The thread holds a reference on the driver's or the device's object, which lives as long as the machine anyway.
extern "win64" fn io_create_system_thread(
    _object: *mut c_void,
    handle: *mut usize,
    _access: u32,
    _attributes: *mut c_void,
    _process: usize,
    _client: *mut c_void,
    routine: Routine,
    context: *mut c_void,
) -> NtStatus {
    create(handle, routine, context)
}

extern "win64" fn ps_terminate_system_thread(_status: NtStatus) -> NtStatus {
    if threads::current().is_none() {
        finding::raise(
            &rules::BAD_ARGUMENT,
            "PsTerminateSystemThread was called outside of a thread that PsCreateSystemThread made",
        );
        return STATUS_INVALID_PARAMETER;
    }
    threads::end()
}

extern "win64" fn ke_set_priority_thread(_thread: *mut c_void, _priority: i32) -> i32 {
    USUAL_PRIORITY
}

extern "win64" fn ps_get_current_thread_id() -> usize {
    inlined::current_thread() >> 4 & 0xFFFF_FFFC
}

pub(crate) static IMPORTS: &[Import] = &[
    Import::nt(
        "PsCreateSystemThread",
        ps_create_system_thread as *const (),
        Levels::PASSIVE,
        "wdm/nf-wdm-pscreatesystemthread",
    ),
    Import::nt(
        "IoCreateSystemThread",
        io_create_system_thread as *const (),
        Levels::PASSIVE,
        "wdm/nf-wdm-iocreatesystemthread",
    ),
    Import::nt(
        "PsTerminateSystemThread",
        ps_terminate_system_thread as *const (),
        Levels::PASSIVE,
        "wdm/nf-wdm-psterminatesystemthread",
    ),
    Import::nt(
        "KeSetPriorityThread",
        ke_set_priority_thread as *const (),
        Levels::PASSIVE,
        "wdm/nf-wdm-kesetprioritythread",
    ),
    Import::nt(
        "PsGetCurrentThreadId",
        ps_get_current_thread_id as *const (),
        Levels::DISPATCH,
        "ntddk/nf-ntddk-psgetcurrentthreadid",
    ),
];
