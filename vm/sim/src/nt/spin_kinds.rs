//! The other ways to a spin lock: shared ones (EX_SPIN_LOCK), in-stack queued ones, and those that a DPC takes.

use crate::finding;
use crate::imports::nt_rows;
use crate::nt::irql::{self, Irql};
use crate::nt::spinlock::{self, Mode};
use crate::rules;

type Lock = *mut usize;

/// `KLOCK_QUEUE_HANDLE` (wdm.h).
#[repr(C)]
struct Handle {
    next: usize,
    lock: Lock,
    old_irql: Irql,
}

fn raise(lock: Lock, mode: Mode) -> Irql {
    let before = irql::raise_to(Irql::DISPATCH);
    spinlock::acquire_as(lock, Some(before), mode, true);
    before
}

extern "win64" fn ex_acquire_exclusive(lock: Lock) -> Irql {
    raise(lock, Mode::Exclusive)
}

extern "win64" fn ex_acquire_shared(lock: Lock) -> Irql {
    raise(lock, Mode::Shared)
}

extern "win64" fn ex_acquire_exclusive_at_dpc_level(lock: Lock) {
    spinlock::acquire_as(lock, None, Mode::Exclusive, true);
}

extern "win64" fn ex_acquire_shared_at_dpc_level(lock: Lock) {
    spinlock::acquire_as(lock, None, Mode::Shared, true);
}

fn try_acquire(lock: Lock, mode: Mode) -> bool {
    let free = spinlock::is_free(lock, mode);
    if free {
        spinlock::acquire_as(lock, None, mode, false);
    }
    free
}

extern "win64" fn ex_try_acquire_exclusive_at_dpc_level(lock: Lock) -> bool {
    try_acquire(lock, Mode::Exclusive)
}

extern "win64" fn ex_try_acquire_shared_at_dpc_level(lock: Lock) -> bool {
    try_acquire(lock, Mode::Shared)
}

extern "win64" fn ex_try_convert(lock: Lock) -> u32 {
    u32::from(spinlock::convert(lock))
}

extern "win64" fn ex_release_exclusive(lock: Lock, level: Irql) {
    spinlock::release_as(lock, Some(level), Mode::Exclusive);
}

extern "win64" fn ex_release_shared(lock: Lock, level: Irql) {
    spinlock::release_as(lock, Some(level), Mode::Shared);
}

extern "win64" fn ex_release_exclusive_from_dpc_level(lock: Lock) {
    spinlock::release_as(lock, None, Mode::Exclusive);
}

extern "win64" fn ex_release_shared_from_dpc_level(lock: Lock) {
    spinlock::release_as(lock, None, Mode::Shared);
}

/// Notes in the handle what its release needs.
fn queue(handle: *mut Handle, lock: Lock, old_irql: Irql) {
    // SAFETY: the driver's handle; a bad address faults into a report.
    unsafe {
        handle.write(Handle {
            next: 0,
            lock,
            old_irql,
        })
    };
}

/// Takes the lock out of a handle, which is good once.
fn unqueue(handle: *mut Handle, what: &str) -> (Lock, Irql) {
    // SAFETY: as for `queue`.
    let Handle { lock, old_irql, .. } = unsafe { handle.read() };
    if lock.is_null() {
        finding::fatal(
            &rules::LOCK_NOT_HELD,
            format!("{what} with the queue handle at {handle:p}, which holds no lock"),
        );
    }
    queue(handle, std::ptr::null_mut(), old_irql);
    (lock, old_irql)
}

extern "win64" fn acquire_queued(lock: Lock, handle: *mut Handle) {
    let before = raise(lock, Mode::Plain);
    queue(handle, lock, before);
}

extern "win64" fn release_queued(handle: *mut Handle) {
    let (lock, level) = unqueue(handle, "KeReleaseInStackQueuedSpinLock");
    spinlock::release(lock, Some(level));
}

extern "win64" fn acquire_queued_at_dpc_level(lock: Lock, handle: *mut Handle) {
    spinlock::acquire(lock, None);
    queue(handle, lock, Irql::DISPATCH);
}

extern "win64" fn release_queued_from_dpc_level(handle: *mut Handle) {
    let (lock, _) = unqueue(handle, "KeReleaseInStackQueuedSpinLockFromDpcLevel");
    spinlock::release(lock, None);
}

// DPCs run at DISPATCH_LEVEL here, never in a thread, so that there is nothing to raise.
extern "win64" fn acquire_for_dpc(lock: Lock) -> Irql {
    let level = irql::current();
    spinlock::acquire(lock, None);
    level
}

extern "win64" fn release_for_dpc(lock: Lock, _level: Irql) {
    spinlock::release(lock, None);
}

nt_rows! {
    "ExAcquireSpinLockExclusive"                   ex_acquire_exclusive                  DISPATCH      "wdm/nf-wdm-exacquirespinlockexclusive";
    "ExAcquireSpinLockShared"                      ex_acquire_shared                     DISPATCH      "wdm/nf-wdm-exacquirespinlockshared";
    "ExAcquireSpinLockExclusiveAtDpcLevel"         ex_acquire_exclusive_at_dpc_level     FROM_DISPATCH "wdm/nf-wdm-exacquirespinlockexclusiveatdpclevel";
    "ExAcquireSpinLockSharedAtDpcLevel"            ex_acquire_shared_at_dpc_level        FROM_DISPATCH "wdm/nf-wdm-exacquirespinlocksharedatdpclevel";
    "ExTryAcquireSpinLockExclusiveAtDpcLevel"      ex_try_acquire_exclusive_at_dpc_level FROM_DISPATCH "wdm.h";
    "ExTryAcquireSpinLockSharedAtDpcLevel"         ex_try_acquire_shared_at_dpc_level    FROM_DISPATCH "wdm.h";
    "ExTryConvertSharedSpinLockExclusive"          ex_try_convert                        FROM_DISPATCH "wdm/nf-wdm-extryconvertsharedspinlockexclusive";
    "ExReleaseSpinLockExclusive"                   ex_release_exclusive                  AT_DISPATCH   "wdm/nf-wdm-exreleasespinlockexclusive";
    "ExReleaseSpinLockShared"                      ex_release_shared                     AT_DISPATCH   "wdm/nf-wdm-exreleasespinlockshared";
    "ExReleaseSpinLockExclusiveFromDpcLevel"       ex_release_exclusive_from_dpc_level   FROM_DISPATCH "wdm/nf-wdm-exreleasespinlockexclusivefromdpclevel";
    "ExReleaseSpinLockSharedFromDpcLevel"          ex_release_shared_from_dpc_level      FROM_DISPATCH "wdm/nf-wdm-exreleasespinlocksharedfromdpclevel";
    "KeAcquireInStackQueuedSpinLock"               acquire_queued                        DISPATCH      "wdm/nf-wdm-keacquireinstackqueuedspinlock";
    "KeReleaseInStackQueuedSpinLock"               release_queued                        AT_DISPATCH   "wdm/nf-wdm-kereleaseinstackqueuedspinlock";
    "KeAcquireInStackQueuedSpinLockAtDpcLevel"     acquire_queued_at_dpc_level           FROM_DISPATCH "wdm/nf-wdm-keacquireinstackqueuedspinlockatdpclevel";
    "KeReleaseInStackQueuedSpinLockFromDpcLevel"   release_queued_from_dpc_level         FROM_DISPATCH "wdm/nf-wdm-kereleaseinstackqueuedspinlockfromdpclevel";
    "KeAcquireInStackQueuedSpinLockForDpc"         acquire_queued_at_dpc_level           AT_DISPATCH   "wdm/nf-wdm-keacquireinstackqueuedspinlockfordpc";
    "KeReleaseInStackQueuedSpinLockForDpc"         release_queued_from_dpc_level         AT_DISPATCH   "wdm/nf-wdm-kereleaseinstackqueuedspinlockfordpc";
    "KeAcquireSpinLockForDpc"                      acquire_for_dpc                       AT_DISPATCH   "wdm/nf-wdm-keacquirespinlockfordpc";
    "KeReleaseSpinLockForDpc"                      release_for_dpc                       AT_DISPATCH   "wdm/nf-wdm-kereleasespinlockfordpc";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn a_shared_lock_becomes_one_processors_and_is_a_long() {
        let machine = Kernel::boot(Options::default());
        let mut words = [0_u32, 7];
        let lock: Lock = (&raw mut words).cast();
        let before = ex_acquire_shared(lock);
        assert_eq!((before, irql::current()), (Irql::PASSIVE, Irql::DISPATCH));
        assert_eq!(ex_try_convert(lock), 1);
        assert!(!ex_try_acquire_shared_at_dpc_level(lock));
        ex_release_exclusive(lock, before);
        assert_eq!((words, irql::current()), ([0, 7], Irql::PASSIVE));
        assert!(machine.findings.is_empty());
    }

    #[test]
    fn a_queue_handle_remembers_lock_and_level() {
        let machine = Kernel::boot(Options::default());
        let mut lock = 0;
        let mut handle = Handle {
            next: 0,
            lock: std::ptr::null_mut(),
            old_irql: Irql::HIGH,
        };
        acquire_queued(&raw mut lock, &raw mut handle);
        assert_eq!(
            (spinlock::held_count(), irql::current()),
            (1, Irql::DISPATCH)
        );
        release_queued(&raw mut handle);
        assert_eq!(
            (spinlock::held_count(), irql::current()),
            (0, Irql::PASSIVE)
        );
        assert!(handle.lock.is_null() && machine.findings.is_empty());
        assert_eq!(size_of::<Handle>(), 0x18);
    }
}
