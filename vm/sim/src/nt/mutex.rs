//! Mutexes, fast mutexes, semaphores and critical regions. A mutex is owned by a system thread, by the thread of one of the
//! processors, or by nobody.

use std::cell::{Cell, RefCell};

use crate::address::ByAddress;
use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::irql::{self, Irql};
use crate::nt::layout::{DispatcherHeader, KMutex, KSemaphore, ListEntry};
use crate::{processor, rules, threads};

/// Kinds of objects (`KOBJECTS`, ntddk.h).
const MUTEX: u8 = 2;
const SEMAPHORE: u8 = 5;

/// `FAST_MUTEX` and `KGUARDED_MUTEX` (wdm.h), the members that matter.
#[repr(C)]
struct FastMutex {
    /// 1: free.
    count: i32,
    owner: usize,
    contention: u32,
    event: [u64; 3],
    old_irql: u32,
}

/// The critical regions that are open on the processor that runs, and on the one that does not.
#[derive(Debug, Default)]
pub(crate) struct MutexState {
    regions: Cell<u32>,
    regions_elsewhere: Cell<u32>,
    /// Which thread owns a mutex that is owned.
    owners: RefCell<ByAddress<usize>>,
}

/// Takes a mutex that is free, or owned by the thread that asks for it, which may do so again.
pub(crate) fn try_own(mutex: *mut DispatcherHeader) -> bool {
    // SAFETY: the driver's mutex; a bad address faults into a report.
    let header = unsafe { &mut *mutex };
    let mut owners = kernel().nt.mutexes.owners.borrow_mut();
    let own = owner();
    if header.signal_state <= 0
        && owners
            .get(&(mutex as usize))
            .is_some_and(|other| *other != own)
    {
        return false;
    }
    owners.insert(mutex as usize, own);
    header.signal_state -= 1;
    true
}

/// The other processor runs from now on.
pub(crate) fn exchange() {
    let state = &kernel().nt.mutexes;
    state.regions.swap(&state.regions_elsewhere);
}

/// How many critical regions are open.
pub(crate) fn regions() -> u32 {
    kernel().nt.mutexes.regions.get()
}

/// Goes on as if so many were open, after it was told that others are.
pub(crate) fn set_regions(open: u32) {
    kernel().nt.mutexes.regions.set(open);
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
}

pub(crate) extern "win64" fn ke_release_mutex(mutex: *mut KMutex, _wait: u8) -> i32 {
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
        .is_some_and(|other| *other != owner())
    {
        finding::fatal(
            &rules::LOCK_NOT_HELD,
            format!("the mutex at {mutex:p} is released by a thread that does not own it"),
        );
    }
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
    _wait: u8,
) -> i32 {
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

extern "win64" fn initialize_fast_mutex(mutex: *mut FastMutex) {
    // SAFETY: the driver's memory for a FAST_MUTEX; a bad address faults into a report.
    unsafe {
        mutex.write(FastMutex {
            count: 1,
            owner: 0,
            contention: 0,
            event: [0; 3],
            old_irql: 0,
        })
    };
}

/// What mutexes know the thread that runs by.
fn owner() -> usize {
    threads::current().unwrap_or(1 + processor::side() as usize)
}

fn take(mutex: *mut FastMutex, what: &str) {
    // SAFETY: the driver's mutex; a bad address faults into a report.
    let elsewhere = || unsafe { (*mutex).count == 0 && ![0, owner()].contains(&(*mutex).owner) };
    processor::wait("a fast mutex that the other owns", || !elsewhere());
    // SAFETY: as above.
    let mutex_state = unsafe { &mut *mutex };
    if mutex_state.count != 1 {
        finding::fatal(
            &rules::LOCK_DEADLOCK,
            format!("{what}: the fast mutex at {mutex:p} is owned or was not initialised"),
        );
    }
    mutex_state.count = 0;
    mutex_state.owner = owner();
}

fn give(mutex: *mut FastMutex, what: &str) {
    // SAFETY: as in `take`.
    let mutex_state = unsafe { &mut *mutex };
    if mutex_state.count != 0 {
        finding::fatal(
            &rules::LOCK_NOT_HELD,
            format!("{what}: the fast mutex at {mutex:p} is not owned"),
        );
    }
    mutex_state.count = 1;
    mutex_state.owner = 0;
}

extern "win64" fn ex_acquire_fast_mutex(mutex: *mut FastMutex) {
    let before = irql::raise_to(Irql::APC);
    take(mutex, "ExAcquireFastMutex");
    // SAFETY: as in `take`.
    unsafe { (*mutex).old_irql = u32::from(before.0) };
}

extern "win64" fn ex_release_fast_mutex(mutex: *mut FastMutex) {
    give(mutex, "ExReleaseFastMutex");
    // SAFETY: as in `take`.
    let before = unsafe { (*mutex).old_irql };
    irql::lower_to(Irql(before.to_le_bytes()[0]));
}

extern "win64" fn ke_acquire_guarded_mutex(mutex: *mut FastMutex) {
    take(mutex, "KeAcquireGuardedMutex");
}

extern "win64" fn ke_release_guarded_mutex(mutex: *mut FastMutex) {
    give(mutex, "KeReleaseGuardedMutex");
}

// They hold off APCs, of which this machine has none: what can be seen is their balance.
extern "win64" fn ke_enter_critical_region() {
    set_regions(regions() + 1);
}

extern "win64" fn ke_leave_critical_region() {
    match regions().checked_sub(1) {
        Some(open) => set_regions(open),
        None => finding::raise(
            &rules::CRITICAL_REGION,
            "KeLeaveCriticalRegion was called, and no critical region is open",
        ),
    }
}

nt_rows! {
    "KeInitializeMutex"        ke_initialize_mutex      ANY      "wdm/nf-wdm-keinitializemutex";
    "KeReleaseMutex"           ke_release_mutex         DISPATCH "wdm/nf-wdm-kereleasemutex";
    "KeInitializeSemaphore"    ke_initialize_semaphore  PASSIVE  "wdm/nf-wdm-keinitializesemaphore";
    "KeReleaseSemaphore"       ke_release_semaphore     DISPATCH "wdm/nf-wdm-kereleasesemaphore";
    "ExInitializeFastMutex"    initialize_fast_mutex    DISPATCH "wdm/nf-wdm-exinitializefastmutex";
    "ExAcquireFastMutex"       ex_acquire_fast_mutex    APC      "wdm/nf-wdm-exacquirefastmutex";
    "ExReleaseFastMutex"       ex_release_fast_mutex    APC      "wdm/nf-wdm-exreleasefastmutex";
    "KeInitializeGuardedMutex" initialize_fast_mutex    APC      "wdm/nf-wdm-keinitializeguardedmutex";
    "KeAcquireGuardedMutex"    ke_acquire_guarded_mutex APC      "wdm/nf-wdm-keacquireguardedmutex";
    "KeReleaseGuardedMutex"    ke_release_guarded_mutex APC      "wdm/nf-wdm-kereleaseguardedmutex";
    "KeEnterCriticalRegion"    ke_enter_critical_region APC      "ntddk/nf-ntddk-keentercriticalregion";
    "KeLeaveCriticalRegion"    ke_leave_critical_region APC      "ntddk/nf-ntddk-keleavecriticalregion";
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn a_fast_mutex_raises_to_apc_level_and_back() {
        Kernel::boot(Options::default());
        let mut mutex = FastMutex {
            count: 0,
            owner: 0,
            contention: 0,
            event: [0; 3],
            old_irql: 0,
        };
        initialize_fast_mutex(&raw mut mutex);
        ex_acquire_fast_mutex(&raw mut mutex);
        assert_eq!(irql::current(), Irql::APC);
        ex_release_fast_mutex(&raw mut mutex);
        assert_eq!(irql::current(), Irql::PASSIVE);
        assert_eq!(size_of::<FastMutex>(), 0x38);
    }
}
