//! Mutexes and semaphores. A mutex is owned by a system thread, by the thread of one of the processors, or by nobody.

use std::cell::RefCell;

use crate::address::ByAddress;
use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::layout::{DispatcherHeader, KMutex, KSemaphore, ListEntry};
use crate::nt::{held, irql, lock_order};
use crate::rules;

/// Kinds of objects (`KOBJECTS`, ntddk.h).
const MUTEX: u8 = 2;
const SEMAPHORE: u8 = 5;

/// Name of their kind.
const WHAT: &str = "mutex";

/// Which thread owns a mutex that is owned.
#[derive(Debug, Default)]
pub(crate) struct MutexState {
    owners: RefCell<ByAddress<usize>>,
}

/// Takes a mutex that is free, or owned by the thread that asks for it, which may do so again.
pub(crate) fn try_own(mutex: *mut DispatcherHeader) -> bool {
    // SAFETY: the driver's mutex; a bad address faults into a report.
    let header = unsafe { &mut *mutex };
    let mut owners = kernel().nt.mutexes.owners.borrow_mut();
    let own = held::owner();
    if header.signal_state <= 0
        && owners
            .get(&(mutex as usize))
            .is_some_and(|other| *other != own)
    {
        return false;
    }
    owners.insert(mutex as usize, own);
    header.signal_state -= 1;
    held::taken(mutex as usize, WHAT);
    true
}

fn initialize(header: *mut DispatcherHeader, kind: u8, words: u8, state: i32) {
    // SAFETY: the driver's object; a bad address faults into a report.
    unsafe {
        (*header).kind = kind;
        (*header).size = words;
        (*header).signal_state = state;
        let head: *mut ListEntry = &raw mut (*header).wait_list;
        (*header).wait_list = ListEntry {
            flink: head,
            blink: head,
        };
    }
}

pub(crate) extern "win64" fn ke_initialize_mutex(mutex: *mut KMutex, _level: u32) {
    // SAFETY: the driver's memory for a KMUTEX; a bad address faults into a report.
    unsafe {
        mutex.cast::<u8>().write_bytes(0, size_of::<KMutex>());
        initialize(&raw mut (*mutex).header, MUTEX, 14, 1);
    }
    kernel()
        .nt
        .mutexes
        .owners
        .borrow_mut()
        .remove(&(mutex as usize));
    held::forget(mutex as usize);
    lock_order::forget(mutex as usize, size_of::<KMutex>());
}

pub(crate) extern "win64" fn ke_release_mutex(mutex: *mut KMutex, wait: u8) -> i32 {
    irql::check_release("KeReleaseMutex", wait);
    // SAFETY: the driver's mutex; a bad address faults into a report.
    let state = unsafe { &mut (*mutex).header.signal_state };
    if *state >= 1 {
        finding::fatal(
            &rules::LOCK_NOT_HELD,
            format!("the mutex at {mutex:p} is released but not owned"),
        );
    }
    let mut owners = kernel().nt.mutexes.owners.borrow_mut();
    if owners
        .get(&(mutex as usize))
        .is_some_and(|other| *other != held::owner())
    {
        finding::fatal(
            &rules::LOCK_NOT_HELD,
            format!("the mutex at {mutex:p} is released by a thread that does not own it"),
        );
    }
    held::given(mutex as usize, held::owner());
    let before = *state;
    *state += 1;
    if *state == 1 {
        owners.remove(&(mutex as usize));
    }
    before
}

extern "win64" fn ke_initialize_semaphore(semaphore: *mut KSemaphore, count: i32, limit: i32) {
    // SAFETY: the driver's memory for a KSEMAPHORE; a bad address faults into a report.
    unsafe {
        initialize(&raw mut (*semaphore).header, SEMAPHORE, 8, count);
        (*semaphore).limit = limit;
    }
}

extern "win64" fn ke_release_semaphore(
    semaphore: *mut KSemaphore,
    _increment: i32,
    adjustment: i32,
    wait: u8,
) -> i32 {
    irql::check_release("KeReleaseSemaphore", wait);
    // SAFETY: the driver's semaphore; a bad address faults into a report.
    let (state, limit) = unsafe { (&mut (*semaphore).header.signal_state, (*semaphore).limit) };
    let before = *state;
    if before + adjustment > limit {
        finding::fatal(
            &rules::BAD_ARGUMENT_FATAL,
            format!("the semaphore at {semaphore:p} is released beyond its limit {limit}"),
        );
    }
    *state += adjustment;
    before
}

nt_rows! {
    "KeInitializeMutex"        ke_initialize_mutex      ANY      "wdm/nf-wdm-keinitializemutex";
    "KeReleaseMutex"           ke_release_mutex         DISPATCH "wdm/nf-wdm-kereleasemutex";
    "KeInitializeSemaphore"    ke_initialize_semaphore  PASSIVE  "wdm/nf-wdm-keinitializesemaphore";
    "KeReleaseSemaphore"       ke_release_semaphore     DISPATCH "wdm/nf-wdm-kereleasesemaphore";
}

/// A mutex that is initialised.
#[cfg(test)]
pub(crate) fn mutex_for_test() -> *mut KMutex {
    let mutex = crate::nt::pool::allocate(
        size_of::<KMutex>(),
        *b"Test",
        crate::nt::pool::Owner::System,
    )
    .cast();
    ke_initialize_mutex(mutex, 0);
    mutex
}

/// Gives it back.
#[cfg(test)]
pub(crate) fn release_for_test(mutex: *mut KMutex) {
    ke_release_mutex(mutex, 0);
}
