//! Remove locks: a count of the requests in a device, which its removal closes and waits for ("Using Remove Locks").

use std::cell::RefCell;
use std::ffi::c_void;

use crate::address::ByAddress;
use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::status::{NtStatus, STATUS_DELETE_PENDING, STATUS_SUCCESS};
use crate::nt::{irp, wait};
use crate::{rules, sched};

/// IRP_MN_REMOVE_DEVICE (wdm.h).
const REMOVE_DEVICE: u8 = 0x02;

/// `IO_REMOVE_LOCK_COMMON_BLOCK` up to its event (wdm.h).
#[repr(C)]
struct RemoveLock {
    removed: u8,
    reserved: [u8; 3],
    count: i32,
}

/// The tags with which each lock is held: the names of requests, mostly.
#[derive(Debug, Default)]
pub(crate) struct RemoveLocks {
    tags: RefCell<ByAddress<Vec<usize>>>,
}

fn state() -> &'static RefCell<ByAddress<Vec<usize>>> {
    &kernel().nt.remove_locks.tags
}

extern "win64" fn initialize(
    lock: *mut RemoveLock,
    _tag: u32,
    _minutes: u32,
    _high: u32,
    size: u32,
) {
    let closed = {
        let mut all = state().borrow_mut();
        // SAFETY: a lock that was initialised before, so the driver's memory.
        let closed = all.contains_key(&(lock as usize)) && unsafe { (*lock).removed != 0 };
        all.insert(lock as usize, Vec::new());
        closed
    };
    if closed {
        finding::raise(
            &rules::REMOVE_LOCK,
            format!(
                "the remove lock at {lock:p} is initialised again after the device was removed"
            ),
        );
    }
    // SAFETY: the driver's memory, of the size that it tells.
    unsafe { lock.cast::<u8>().write_bytes(0, size as usize) };
}

extern "win64" fn acquire(
    lock: *mut RemoveLock,
    tag: usize,
    _file: *const c_void,
    _line: u32,
    _size: u32,
) -> NtStatus {
    // SAFETY: the driver's lock; a bad address faults into a report.
    let inner = unsafe { &mut *lock };
    if !state().borrow().contains_key(&(lock as usize)) {
        finding::raise(
            &rules::OBJECT_UNINITIALIZED,
            format!("the remove lock at {lock:p} was not initialised"),
        );
    }
    if inner.removed != 0 {
        return STATUS_DELETE_PENDING;
    }
    inner.count += 1;
    state()
        .borrow_mut()
        .entry(lock as usize)
        .or_default()
        .push(tag);
    STATUS_SUCCESS
}

fn give(lock: *mut RemoveLock, tag: usize, what: &str) {
    let known = {
        let mut all = state().borrow_mut();
        let tags = all.entry(lock as usize).or_default();
        let place = tags.iter().rposition(|one| *one == tag);
        place.map(|place| tags.remove(place))
    };
    if known.is_none() {
        finding::raise(
            &rules::REMOVE_LOCK,
            format!("{what}: the remove lock at {lock:p} was not acquired with the tag {tag:#x}"),
        );
        return;
    }
    // SAFETY: the driver's lock, which it acquired.
    unsafe { (*lock).count -= 1 };
}

extern "win64" fn release(lock: *mut RemoveLock, tag: usize, _size: u32) {
    give(lock, tag, "IoReleaseRemoveLock");
}

extern "win64" fn release_and_wait(lock: *mut RemoveLock, tag: usize, _size: u32) {
    const WHAT: &str = "IoReleaseRemoveLockAndWait";
    wait::check(None, WHAT);
    if irp::dispatching() != Some((irp::MJ_PNP, REMOVE_DEVICE)) {
        finding::raise(
            &rules::REMOVE_LOCK,
            format!("{WHAT} outside of the routine for IRP_MN_REMOVE_DEVICE"),
        );
    }
    give(lock, tag, WHAT);
    // SAFETY: the driver's lock; a bad address faults into a report.
    unsafe { (*lock).removed = 1 };
    sched::must("the holders of a remove lock", || {
        // SAFETY: as above; the driver waits here.
        unsafe { (*lock).count == 0 }
    });
}

nt_rows! {
    "IoInitializeRemoveLockEx"     initialize       PASSIVE  "wdm/nf-wdm-ioinitializeremovelock";
    "IoAcquireRemoveLockEx"        acquire          DISPATCH "wdm/nf-wdm-ioacquireremovelock";
    "IoReleaseRemoveLockEx"        release          DISPATCH "wdm/nf-wdm-ioreleaseremovelock";
    "IoReleaseRemoveLockAndWaitEx" release_and_wait PASSIVE  "wdm/nf-wdm-ioreleaseremovelockandwait";
}

/// Memory is freed: what comes to lie there is something else. A lock that is held is told.
pub(crate) fn check_freed(start: usize, length: usize) {
    let mut held = None;
    state().borrow_mut().retain(|lock, tags| {
        let inside = (start..start + length).contains(lock);
        if inside && !tags.is_empty() {
            held = Some((*lock, tags.clone()));
        }
        !inside
    });
    if let Some((lock, tags)) = held {
        finding::raise(
            &rules::REMOVE_LOCK,
            format!(
                "memory with the remove lock at {lock:#x} is freed, which is held with the tags {tags:x?}"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use crate::time::Hns;

    fn lock() -> *mut RemoveLock {
        let lock = crate::nt::pool::allocate(0x20, *b"Test", crate::nt::pool::Owner::System);
        initialize(lock.cast(), 0, 0, 0, 0x20);
        lock.cast()
    }

    #[test]
    fn a_removal_closes_and_waits_for_the_last_holder() {
        let machine = Kernel::boot(Options::default());
        let lock = lock();
        let take = |tag| acquire(lock, tag, std::ptr::null(), 0, 0x20);
        assert_eq!((take(1), take(2)), (STATUS_SUCCESS, STATUS_SUCCESS));
        let start = machine.now();
        sched::after(Hns(50), "request", move || release(lock, 1, 0x20));
        irp::as_if_in((irp::MJ_PNP, REMOVE_DEVICE), || {
            release_and_wait(lock, 2, 0x20);
        });
        assert_eq!(machine.now() - start, Hns(50));
        assert_eq!(take(3), STATUS_DELETE_PENDING);
        check_freed(lock as usize, 0x20);
        assert!(machine.findings.is_empty());
    }

    #[test]
    fn tags_agree_and_memory_outlives_its_lock() {
        let check = |break_it: fn(*mut RemoveLock)| {
            let machine = Kernel::boot(Options::default());
            let lock = lock();
            acquire(lock, 1, std::ptr::null(), 0, 0x20);
            break_it(lock);
            assert!(machine.findings.has(&rules::REMOVE_LOCK));
        };
        check(|lock| release(lock, 2, 0x20));
        check(|lock| check_freed(lock as usize, 0x20));
        check(|lock| release_and_wait(lock, 1, 0x20));
        check(|lock| {
            irp::as_if_in((irp::MJ_PNP, REMOVE_DEVICE), || {
                release_and_wait(lock, 1, 0x20);
            });
            initialize(lock, 0, 0, 0, 0x20);
        });
    }
}
