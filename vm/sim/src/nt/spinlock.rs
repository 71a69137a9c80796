//! Spin locks: which are held, by whom they were taken, in which order they are given back.
//!
//! A lock that a processor acquires while it holds it can never become free: that is a deadlock. One that the other processor
//! holds is spun on, which here means that the other processor runs until it is free.

use std::cell::RefCell;

use crate::finding;
use crate::image;
use crate::imports::{call_site, nt_rows};
use crate::kernel::kernel;
use crate::nt::irql::{self, Irql};
use crate::nt::lock_order;
use crate::processor;
use crate::rules;

/// KSPIN_LOCK: one pointer-sized word.
type SpinLock = usize;

/// How a lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// A KSPIN_LOCK.
    Plain,
    /// An EX_SPIN_LOCK, which is a LONG, by one processor.
    Exclusive,
    /// An EX_SPIN_LOCK, by any number of them.
    Shared,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    lock: *mut SpinLock,
    mode: Mode,
    /// Level to go back to, when the acquisition raised it.
    before: Option<Irql>,
    site: Option<usize>,
}

/// Locks held by the processor that runs, and by the one that does not, in the order of acquisition.
#[derive(Debug, Default)]
pub(crate) struct LockState {
    held: RefCell<Vec<Held>>,
    held_elsewhere: RefCell<Vec<Held>>,
}

/// The other processor runs from now on.
pub(crate) fn exchange() {
    let locks = &kernel().nt.locks;
    locks.held.swap(&locks.held_elsewhere);
}

/// The holder of a lock, when that is the processor that does not run.
fn elsewhere(lock: *mut SpinLock) -> Option<Held> {
    let held = kernel().nt.locks.held_elsewhere.borrow();
    held.iter().find(|held| held.lock == lock).copied()
}

/// The same, when who wants it this way has to wait for that.
fn excludes(lock: *mut SpinLock, mode: Mode) -> bool {
    elsewhere(lock).is_some_and(|held| held.mode != Mode::Shared || mode != Mode::Shared)
}

fn state() -> &'static RefCell<Vec<Held>> {
    &kernel().nt.locks.held
}

/// How many locks are held.
pub(crate) fn held_count() -> usize {
    state().borrow().len()
}

/// The locks beyond the first `known`, in words.
pub(crate) fn held_names(known: usize) -> String {
    let held = state().borrow();
    if held.len() < known {
        return "a spin lock released that its caller holds".to_owned();
    }
    let words = |held: &Held| {
        let site = held.site.map_or_else(String::new, |site| {
            format!(", acquired at {}", image::offset_name(site))
        });
        format!("the spin lock at {:p}{site}", held.lock)
    };
    held.iter()
        .skip(known)
        .map(words)
        .collect::<Vec<_>>()
        .join(" and ")
}

/// Forgets locks that were reported as held too long.
pub(crate) fn forget_beyond(known: usize) {
    state().borrow_mut().truncate(known);
}

/// Whether a held lock lies in this range of memory.
pub(crate) fn held_in(start: usize, length: usize) -> bool {
    let locks = &kernel().nt.locks;
    let (here, elsewhere) = (locks.held.borrow(), locks.held_elsewhere.borrow());
    here.iter()
        .chain(elsewhere.iter())
        .any(|held| (start..start + length).contains(&(held.lock as usize)))
}

fn is_held(lock: *mut SpinLock) -> Option<Held> {
    state()
        .borrow()
        .iter()
        .find(|held| held.lock == lock)
        .copied()
}

fn write(lock: *mut SpinLock, mode: Mode, value: u32) {
    // SAFETY: the lock's word belongs to the driver, which passed its address; a bad one faults into a report.
    unsafe {
        match mode {
            Mode::Plain => lock.write_volatile(value as usize),
            Mode::Exclusive | Mode::Shared => lock.cast::<u32>().write_volatile(value),
        }
    }
}

fn read(lock: *mut SpinLock, mode: Mode) -> usize {
    // SAFETY: as for `write`.
    unsafe {
        match mode {
            Mode::Plain => lock.read_volatile(),
            Mode::Exclusive | Mode::Shared => lock.cast::<u32>().read_volatile() as usize,
        }
    }
}

/// Takes a lock; `before` is the level to return to.
pub(crate) fn acquire(lock: *mut SpinLock, before: Option<Irql>) {
    acquire_as(lock, before, Mode::Plain, true);
}

/// The same of a lock of any kind. One that does not wait has no order.
pub(super) fn acquire_as(lock: *mut SpinLock, before: Option<Irql>, mode: Mode, waits: bool) {
    if let Some(held) = is_held(lock) {
        let site = held.site.map_or_else(String::new, |site| {
            format!(" (acquired at {})", image::offset_name(site))
        });
        finding::fatal(
            &rules::LOCK_DEADLOCK,
            format!("the spin lock at {lock:p} is acquired while this processor holds it{site}"),
        );
    }
    if excludes(lock, mode) {
        processor::spin(lock as usize, || !excludes(lock, mode));
    }
    let shared = elsewhere(lock).is_some();
    match read(lock, mode) {
        0 => {}
        _ if shared => {}
        value => finding::raise(
            &rules::OBJECT_UNINITIALIZED,
            format!(
                "the spin lock at {lock:p} holds {value:#x}: KeInitializeSpinLock was not called on it"
            ),
        ),
    }
    write(lock, mode, 1);
    let site = call_site();
    if waits {
        for held in state().borrow().iter() {
            lock_order::acquired(held.lock as usize, lock as usize, site);
        }
    }
    state().borrow_mut().push(Held {
        lock,
        mode,
        before,
        site,
    });
}

/// A shared lock is held alone from now on; `false` when another processor shares it.
pub(super) fn convert(lock: *mut SpinLock) -> bool {
    let mut held = state().borrow_mut();
    let mine = held
        .iter_mut()
        .find(|held| held.lock == lock && held.mode == Mode::Shared);
    let Some(mine) = mine else {
        finding::fatal(
            &rules::LOCK_NOT_HELD,
            format!("the spin lock at {lock:p} is converted but not held shared"),
        );
    };
    let alone = elsewhere(lock).is_none();
    if alone {
        mine.mode = Mode::Exclusive;
    }
    alone
}

/// Whether a lock could be acquired this way at once.
pub(super) fn is_free(lock: *mut SpinLock, mode: Mode) -> bool {
    is_held(lock).is_none() && !excludes(lock, mode)
}

/// Gives a lock back; `after` is the level the caller asks for.
pub(crate) fn release(lock: *mut SpinLock, after: Option<Irql>) {
    release_as(lock, after, Mode::Plain);
}

/// The same of a lock of any kind.
pub(super) fn release_as(lock: *mut SpinLock, after: Option<Irql>, mode: Mode) {
    let Some(held) = is_held(lock).filter(|held| held.mode == mode) else {
        let text = match elsewhere(lock) {
            Some(held) => format!(
                "the spin lock at {lock:p} is released by another processor than the one that holds it{}",
                held.site.map_or_else(String::new, |site| format!(
                    ", which acquired it at {}",
                    image::offset_name(site)
                ))
            ),
            None => {
                format!("the spin lock at {lock:p} is released but not held, or held otherwise")
            }
        };
        finding::fatal(&rules::LOCK_NOT_HELD, text);
    };
    let last = state()
        .borrow()
        .last()
        .is_some_and(|last| last.lock == lock);
    if !last {
        finding::raise(
            &rules::LOCK_ORDER,
            format!("the spin lock at {lock:p} is released before one that was acquired after it"),
        );
    }
    if held.before != after {
        let text = format!(
            "the spin lock at {lock:p} was acquired from {:?} and is released to {after:?}",
            held.before
        );
        finding::raise(&rules::LOCK_ORDER, text);
    }
    if elsewhere(lock).is_none() {
        write(lock, mode, 0);
    }
    state().borrow_mut().retain(|held| held.lock != lock);
    processor::freed(lock as usize);
    if let Some(level) = after {
        irql::lower_to(level);
    }
}

extern "win64" fn ke_initialize_spin_lock(lock: *mut SpinLock) {
    if is_held(lock).or_else(|| elsewhere(lock)).is_some() {
        finding::raise(
            &rules::LOCK_ORDER,
            format!("the spin lock at {lock:p} is initialised while held"),
        );
    }
    lock_order::forget(lock as usize, size_of::<SpinLock>());
    write(lock, Mode::Plain, 0);
}

extern "win64" fn ke_acquire_spin_lock_raise_to_dpc(lock: *mut SpinLock) -> Irql {
    let before = irql::raise_to(Irql::DISPATCH);
    acquire(lock, Some(before));
    before
}

extern "win64" fn ke_release_spin_lock(lock: *mut SpinLock, level: Irql) {
    release(lock, Some(level));
}

extern "win64" fn ke_acquire_spin_lock_at_dpc_level(lock: *mut SpinLock) {
    acquire(lock, None);
}

extern "win64" fn ke_release_spin_lock_from_dpc_level(lock: *mut SpinLock) {
    release(lock, None);
}

extern "win64" fn ke_try_to_acquire_spin_lock_at_dpc_level(lock: *mut SpinLock) -> bool {
    let free = is_free(lock, Mode::Plain);
    if free {
        acquire_as(lock, None, Mode::Plain, false);
    }
    free
}

extern "win64" fn ke_test_spin_lock(lock: *mut SpinLock) -> bool {
    is_free(lock, Mode::Plain)
}

nt_rows! {
    "KeInitializeSpinLock"             ke_initialize_spin_lock                  ANY           "wdm/nf-wdm-keinitializespinlock";
    "KeAcquireSpinLockRaiseToDpc"      ke_acquire_spin_lock_raise_to_dpc        DISPATCH      "wdm/nf-wdm-keacquirespinlockraisetodpc";
    "KeReleaseSpinLock"                ke_release_spin_lock                     AT_DISPATCH   "wdm/nf-wdm-kereleasespinlock";
    "KeAcquireSpinLockAtDpcLevel"      ke_acquire_spin_lock_at_dpc_level        FROM_DISPATCH "wdm/nf-wdm-keacquirespinlockatdpclevel";
    "KeReleaseSpinLockFromDpcLevel"    ke_release_spin_lock_from_dpc_level      FROM_DISPATCH "wdm/nf-wdm-kereleasespinlockfromdpclevel";
    "KeTryToAcquireSpinLockAtDpcLevel" ke_try_to_acquire_spin_lock_at_dpc_level FROM_DISPATCH "wdm/nf-wdm-ketrytoacquirespinlockatdpclevel";
    "KeTestSpinLock"                   ke_test_spin_lock                        FROM_DISPATCH "wdm/nf-wdm-ketestspinlock";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn locks_released_in_the_wrong_order_are_found() {
        let machine = Kernel::boot(Options::default());
        let (mut first, mut second) = (0, 0);
        let before = ke_acquire_spin_lock_raise_to_dpc(&raw mut first);
        ke_acquire_spin_lock_at_dpc_level(&raw mut second);
        assert_eq!((held_count(), irql::current()), (2, Irql::DISPATCH));
        ke_release_spin_lock(&raw mut first, before);
        assert!(machine.findings.has(&rules::LOCK_ORDER));
        assert_eq!(irql::current(), Irql::PASSIVE);
    }

    #[test]
    fn balanced_use_breaks_no_rule() {
        let machine = Kernel::boot(Options::default());
        let mut lock = 0;
        ke_initialize_spin_lock(&raw mut lock);
        let before = ke_acquire_spin_lock_raise_to_dpc(&raw mut lock);
        assert!(!ke_try_to_acquire_spin_lock_at_dpc_level(&raw mut lock));
        ke_release_spin_lock(&raw mut lock, before);
        assert!(machine.findings.all().is_empty());
    }
}
