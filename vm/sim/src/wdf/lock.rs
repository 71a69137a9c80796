//! WDFSPINLOCK and WDFWAITLOCK, over the kernel's own locks and their rules.

use super::loader::Globals;
use super::object::{self, Attributes, Kind};
use super::wdf_rows;
use crate::nt::irql::{self, Irql};
use crate::nt::layout::KMutex;
use crate::nt::mutex;
use crate::nt::pool::{self, Owner};
use crate::nt::spinlock;
use crate::nt::status::{NtStatus, STATUS_SUCCESS};
use crate::nt::wait::{self, optional};

fn spin(handle: usize, what: &str) -> (*mut usize, u8) {
    let found = object::with(handle, what, |object| match object.kind {
        Kind::SpinLock { word, irql } => Some((word, irql)),
        _ => None,
    });
    found.unwrap_or_else(|| object::wrong_kind(handle, what))
}

extern "win64" fn wdf_spin_lock_create(
    globals: *const Globals,
    attributes: *const Attributes,
    lock: *mut usize,
) -> NtStatus {
    let word = pool::allocate(size_of::<usize>(), *b"WdfL", Owner::System).cast::<usize>();
    // Pool of the system is zeroed, which is what KeInitializeSpinLock does.
    let kind = Kind::SpinLock { word, irql: 0 };
    let handle = object::create(globals, attributes, kind, vec![word as usize]);
    // SAFETY: the driver's place for the handle; a bad address faults into a report.
    unsafe { lock.write(handle) };
    STATUS_SUCCESS
}

extern "win64" fn wdf_spin_lock_acquire(_globals: *const Globals, lock: usize) {
    let (word, _) = spin(lock, "WdfSpinLockAcquire");
    let before = irql::raise_to(Irql::DISPATCH);
    spinlock::acquire(word, Some(before));
    object::with(lock, "WdfSpinLockAcquire", |object| {
        object.kind = Kind::SpinLock {
            word,
            irql: before.0,
        };
    });
}

extern "win64" fn wdf_spin_lock_release(_globals: *const Globals, lock: usize) {
    let (word, before) = spin(lock, "WdfSpinLockRelease");
    spinlock::release(word, Some(Irql(before)));
}

fn mutex_of(handle: usize, what: &str) -> *mut KMutex {
    let found = object::with(handle, what, |object| match object.kind {
        Kind::WaitLock { mutex } => Some(mutex),
        _ => None,
    });
    found.unwrap_or_else(|| object::wrong_kind(handle, what))
}

extern "win64" fn wdf_wait_lock_create(
    globals: *const Globals,
    attributes: *const Attributes,
    lock: *mut usize,
) -> NtStatus {
    let mutex: *mut KMutex = pool::allocate(size_of::<KMutex>(), *b"WdfL", Owner::System).cast();
    mutex::ke_initialize_mutex(mutex, 0);
    let kind = Kind::WaitLock { mutex };
    let handle = object::create(globals, attributes, kind, vec![mutex as usize]);
    // SAFETY: the driver's place for the handle; a bad address faults into a report.
    unsafe { lock.write(handle) };
    STATUS_SUCCESS
}

extern "win64" fn wdf_wait_lock_acquire(
    _globals: *const Globals,
    lock: usize,
    timeout: *const i64,
) -> NtStatus {
    let mutex = mutex_of(lock, "WdfWaitLockAcquire");
    wait::wait_for(mutex.cast(), optional(timeout), "WdfWaitLockAcquire")
}

extern "win64" fn wdf_wait_lock_release(_globals: *const Globals, lock: usize) {
    mutex::ke_release_mutex(mutex_of(lock, "WdfWaitLockRelease"), 0);
}

wdf_rows! {
    312 "WdfWaitLockCreate"  wdf_wait_lock_create  DISPATCH    "wdfsync/nf-wdfsync-wdfwaitlockcreate";
    313 "WdfWaitLockAcquire" wdf_wait_lock_acquire DISPATCH    "wdfsync/nf-wdfsync-wdfwaitlockacquire";
    314 "WdfWaitLockRelease" wdf_wait_lock_release DISPATCH    "wdfsync/nf-wdfsync-wdfwaitlockrelease";
    315 "WdfSpinLockCreate"  wdf_spin_lock_create  DISPATCH    "wdfsync/nf-wdfsync-wdfspinlockcreate";
    316 "WdfSpinLockAcquire" wdf_spin_lock_acquire DISPATCH    "wdfsync/nf-wdfsync-wdfspinlockacquire";
    317 "WdfSpinLockRelease" wdf_spin_lock_release AT_DISPATCH "wdfsync/nf-wdfsync-wdfspinlockrelease";
}
