//! Resources (ERESOURCE) and push locks: shared by readers or held by one writer ("Introduction to ERESOURCE Routines", "Push Locks").

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;

use crate::finding;
use crate::image;
use crate::imports::{call_site, nt_rows};
use crate::inlined;
use crate::kernel::kernel;
use crate::nt::rw_lock::{self, Wish};
use crate::nt::status::{NtStatus, STATUS_SUCCESS};
use crate::nt::{held, lock_order, region};
use crate::rules;

const RESOURCE: &str = "resource";
const PUSH_LOCK: &str = "push lock";
/// Size of ERESOURCE (wdm.h, x64).
const SIZE: usize = 0x68;

/// An ERESOURCE's memory is the driver's; the kernel has it in a list from its initialisation to its deletion.
#[repr(C, align(8))]
struct Resource([u8; SIZE]);

/// Resources that are in the list, with the code that put them there.
#[derive(Debug, Default)]
pub(crate) struct ResourceState {
    live: RefCell<BTreeMap<usize, Option<usize>>>,
}

fn state() -> &'static RefCell<BTreeMap<usize, Option<usize>>> {
    &kernel().nt.resources.live
}

/// Memory is freed or unloaded: no resource is left in it.
pub(crate) fn check_freed(start: usize, length: usize, what: &dyn Display) {
    let found = state()
        .borrow()
        .range(start..start + length)
        .next()
        .map(|(resource, site)| (*resource, *site));
    if let Some((resource, site)) = found {
        let site = site.map_or_else(String::new, |site| {
            format!(", initialised at {}", image::offset_name(site))
        });
        finding::fatal(
            &rules::RESOURCE_LIFETIME,
            format!("{what} with the resource at {resource:#x}{site}, which was not deleted"),
        );
    }
}

fn check_live(resource: *mut Resource, what: &str) {
    if !state().borrow().contains_key(&(resource as usize)) {
        finding::fatal(
            &rules::RESOURCE_LIFETIME,
            format!("{what} with {resource:p}, which is no resource or was deleted"),
        );
    }
}

extern "win64" fn ex_initialize_resource_lite(resource: *mut Resource) -> NtStatus {
    let address = resource as usize;
    let site = state().borrow_mut().insert(address, call_site());
    if site.is_some() {
        finding::fatal(
            &rules::RESOURCE_LIFETIME,
            format!("the resource at {resource:p} is initialised a second time"),
        );
    }
    lock_order::forget(address, SIZE);
    // SAFETY: the driver's memory for an ERESOURCE; a bad address faults into a report.
    unsafe { resource.write(Resource([0; SIZE])) };
    STATUS_SUCCESS
}

extern "win64" fn ex_reinitialize_resource_lite(resource: *mut Resource) -> NtStatus {
    check_live(resource, "ExReinitializeResourceLite");
    rw_lock::forget(resource as usize);
    STATUS_SUCCESS
}

extern "win64" fn ex_delete_resource_lite(resource: *mut Resource) -> NtStatus {
    check_live(resource, "ExDeleteResourceLite");
    if rw_lock::is_held(resource as usize) {
        finding::raise(
            &rules::MUTEX_HELD,
            format!("the resource at {resource:p} is deleted while it is held"),
        );
    }
    rw_lock::forget(resource as usize);
    state().borrow_mut().remove(&(resource as usize));
    STATUS_SUCCESS
}

fn acquire(resource: *mut Resource, exclusive: bool, waits: u8, what: &str) -> bool {
    check_live(resource, what);
    region::check_apcs(what);
    rw_lock::acquire(
        resource as usize,
        Wish {
            kind: RESOURCE,
            exclusive,
            waits: waits != 0,
            again: true,
        },
    )
}

extern "win64" fn ex_acquire_resource_exclusive_lite(resource: *mut Resource, wait: u8) -> bool {
    acquire(resource, true, wait, "ExAcquireResourceExclusiveLite")
}

// Readers go before waiting writers, or after them: with who waits here, all three come to the same.
extern "win64" fn ex_acquire_resource_shared_lite(resource: *mut Resource, wait: u8) -> bool {
    acquire(resource, false, wait, "ExAcquireResourceSharedLite")
}

extern "win64" fn ex_acquire_shared_starve_exclusive(resource: *mut Resource, wait: u8) -> bool {
    acquire(resource, false, wait, "ExAcquireSharedStarveExclusive")
}

extern "win64" fn ex_acquire_shared_wait_for_exclusive(resource: *mut Resource, wait: u8) -> bool {
    acquire(resource, false, wait, "ExAcquireSharedWaitForExclusive")
}

fn release(resource: *mut Resource, owner: usize, what: &str) {
    check_live(resource, what);
    region::check_apcs(what);
    rw_lock::release(resource as usize, owner, RESOURCE, what);
}

extern "win64" fn ex_release_resource_lite(resource: *mut Resource) {
    release(resource, held::owner(), "ExReleaseResourceLite");
}

extern "win64" fn ex_release_resource_for_thread_lite(resource: *mut Resource, thread: usize) {
    let own = thread == inlined::current_thread();
    let owner = if own { held::owner() } else { thread };
    release(resource, owner, "ExReleaseResourceForThreadLite");
}

extern "win64" fn ex_convert_exclusive_to_shared_lite(resource: *mut Resource) {
    const WHAT: &str = "ExConvertExclusiveToSharedLite";
    check_live(resource, WHAT);
    rw_lock::share(resource as usize, RESOURCE, WHAT);
}

extern "win64" fn ex_is_resource_acquired_exclusive_lite(resource: *mut Resource) -> bool {
    let holders = rw_lock::holders(resource as usize);
    holders.exclusive && rw_lock::times(resource as usize) > 0
}

extern "win64" fn ex_is_resource_acquired_shared_lite(resource: *mut Resource) -> u32 {
    rw_lock::times(resource as usize)
}

extern "win64" fn ex_get_shared_waiter_count(resource: *mut Resource) -> u32 {
    rw_lock::holders(resource as usize).waiting[0]
}

extern "win64" fn ex_get_exclusive_waiter_count(resource: *mut Resource) -> u32 {
    rw_lock::holders(resource as usize).waiting[1]
}

// What they give is not documented, only that it stays 0 for most: nothing.
extern "win64" fn enter_and_acquire_exclusive(resource: *mut Resource) -> usize {
    region::enter_critical();
    acquire(
        resource,
        true,
        1,
        "ExEnterCriticalRegionAndAcquireResourceExclusive",
    );
    0
}

extern "win64" fn enter_and_acquire_shared(resource: *mut Resource) -> usize {
    region::enter_critical();
    acquire(
        resource,
        false,
        1,
        "ExEnterCriticalRegionAndAcquireResourceShared",
    );
    0
}

extern "win64" fn release_and_leave(resource: *mut Resource) {
    const WHAT: &str = "ExReleaseResourceAndLeaveCriticalRegion";
    release(resource, held::owner(), WHAT);
    region::leave_critical(WHAT);
}

extern "win64" fn ex_initialize_push_lock(lock: *mut usize) {
    lock_order::forget(lock as usize, size_of::<usize>());
    rw_lock::forget(lock as usize);
    // SAFETY: the driver's memory for an EX_PUSH_LOCK; a bad address faults into a report.
    unsafe { lock.write(0) };
}

fn push(lock: *mut usize, exclusive: bool, what: &str) {
    region::check_apcs(what);
    // SAFETY: as in `ex_initialize_push_lock`; it stays 0 here, and a driver does not look.
    let value = unsafe { lock.read() };
    if value != 0 {
        finding::raise(
            &rules::OBJECT_UNINITIALIZED,
            format!("{what}: the push lock at {lock:p} holds {value:#x} and was not initialised"),
        );
    }
    rw_lock::acquire(
        lock as usize,
        Wish {
            kind: PUSH_LOCK,
            exclusive,
            waits: true,
            again: false,
        },
    );
}

extern "win64" fn ex_acquire_push_lock_exclusive(lock: *mut usize, _flags: u32) {
    push(lock, true, "ExAcquirePushLockExclusive");
}

extern "win64" fn ex_acquire_push_lock_shared(lock: *mut usize, _flags: u32) {
    push(lock, false, "ExAcquirePushLockShared");
}

fn pull(lock: *mut usize, what: &str) {
    region::check_apcs(what);
    rw_lock::release(lock as usize, held::owner(), PUSH_LOCK, what);
}

extern "win64" fn ex_release_push_lock_exclusive(lock: *mut usize, _flags: u32) {
    pull(lock, "ExReleasePushLockExclusive");
}

extern "win64" fn ex_release_push_lock_shared(lock: *mut usize, _flags: u32) {
    pull(lock, "ExReleasePushLockShared");
}

nt_rows! {
    "ExInitializeResourceLite"           ex_initialize_resource_lite            DISPATCH "wdm/nf-wdm-exinitializeresourcelite";
    "ExReinitializeResourceLite"         ex_reinitialize_resource_lite          DISPATCH "wdm/nf-wdm-exreinitializeresourcelite";
    "ExDeleteResourceLite"               ex_delete_resource_lite                APC      "wdm/nf-wdm-exdeleteresourcelite";
    "ExAcquireResourceExclusiveLite"     ex_acquire_resource_exclusive_lite     APC      "wdm/nf-wdm-exacquireresourceexclusivelite";
    "ExAcquireResourceSharedLite"        ex_acquire_resource_shared_lite        APC      "wdm/nf-wdm-exacquireresourcesharedlite";
    "ExAcquireSharedStarveExclusive"     ex_acquire_shared_starve_exclusive     APC      "wdm/nf-wdm-exacquiresharedstarveexclusive";
    "ExAcquireSharedWaitForExclusive"    ex_acquire_shared_wait_for_exclusive   APC      "wdm/nf-wdm-exacquiresharedwaitforexclusive";
    "ExReleaseResourceLite"              ex_release_resource_lite               DISPATCH "wdm/nf-wdm-exreleaseresourcelite";
    "ExReleaseResourceForThreadLite"     ex_release_resource_for_thread_lite    DISPATCH "wdm/nf-wdm-exreleaseresourceforthreadlite";
    "ExConvertExclusiveToSharedLite"     ex_convert_exclusive_to_shared_lite    APC      "wdm/nf-wdm-exconvertexclusivetosharedlite";
    "ExIsResourceAcquiredExclusiveLite"  ex_is_resource_acquired_exclusive_lite DISPATCH "wdm/nf-wdm-exisresourceacquiredexclusivelite";
    "ExIsResourceAcquiredSharedLite"     ex_is_resource_acquired_shared_lite    DISPATCH "wdm/nf-wdm-exisresourceacquiredsharedlite";
    "ExGetSharedWaiterCount"             ex_get_shared_waiter_count             DISPATCH "wdm/nf-wdm-exgetsharedwaitercount";
    "ExGetExclusiveWaiterCount"          ex_get_exclusive_waiter_count          DISPATCH "wdm/nf-wdm-exgetexclusivewaitercount";
    "ExEnterCriticalRegionAndAcquireResourceExclusive" enter_and_acquire_exclusive APC   "wdm/nf-wdm-exentercriticalregionandacquireresourceexclusive";
    "ExEnterCriticalRegionAndAcquireResourceShared"    enter_and_acquire_shared APC      "wdm.h";
    "ExReleaseResourceAndLeaveCriticalRegion"          release_and_leave        APC      "wdm/nf-wdm-exreleaseresourceandleavecriticalregion";
    "ExInitializePushLock"               ex_initialize_push_lock                ANY      "wdm/nf-wdm-exinitializepushlock";
    "ExAcquirePushLockExclusiveEx"       ex_acquire_push_lock_exclusive         APC      "wdm/nf-wdm-exacquirepushlockexclusive";
    "ExAcquirePushLockSharedEx"          ex_acquire_push_lock_shared            APC      "wdm/nf-wdm-exacquirepushlockshared";
    "ExReleasePushLockExclusiveEx"       ex_release_push_lock_exclusive         APC      "wdm/nf-wdm-exreleasepushlockexclusive";
    "ExReleasePushLockSharedEx"          ex_release_push_lock_shared            APC      "wdm/nf-wdm-exreleasepushlockshared";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use crate::nt::pool::{self, Owner};

    fn resource() -> *mut Resource {
        let resource = pool::allocate(SIZE, *b"Test", Owner::System).cast();
        ex_initialize_resource_lite(resource);
        resource
    }

    #[test]
    fn a_resource_is_shared_and_held_alone_again_and_again() {
        let machine = Kernel::boot(Options::default());
        let resource = resource();
        enter_and_acquire_exclusive(resource);
        assert!(ex_acquire_resource_exclusive_lite(resource, 0));
        assert!(ex_acquire_resource_shared_lite(resource, 1));
        assert!(ex_is_resource_acquired_exclusive_lite(resource));
        assert_eq!(ex_is_resource_acquired_shared_lite(resource), 3);
        ex_release_resource_lite(resource);
        ex_release_resource_for_thread_lite(resource, inlined::current_thread());
        ex_convert_exclusive_to_shared_lite(resource);
        // A reader that would wait for itself.
        assert!(!ex_acquire_resource_exclusive_lite(resource, 0));
        release_and_leave(resource);
        ex_delete_resource_lite(resource);
        check_freed(resource as usize, SIZE, &"test");
        assert!(machine.findings.is_empty());
    }

    #[test]
    fn apcs_are_off_around_a_resource_and_it_is_given_back() {
        let machine = Kernel::boot(Options::default());
        let resource = resource();
        ex_acquire_resource_shared_lite(resource, 1);
        assert!(machine.findings.has(&rules::APCS_ENABLED));
        assert!(!machine.findings.has(&rules::MUTEX_HELD));
        ex_delete_resource_lite(resource);
        assert!(machine.findings.has(&rules::MUTEX_HELD));
    }

    #[test]
    fn push_locks_are_shared_and_held_alone() {
        let machine = Kernel::boot(Options::default());
        let mut lock = 7;
        ex_initialize_push_lock(&raw mut lock);
        region::enter_critical();
        ex_acquire_push_lock_shared(&raw mut lock, 0);
        ex_release_push_lock_shared(&raw mut lock, 0);
        ex_acquire_push_lock_exclusive(&raw mut lock, 0);
        ex_release_push_lock_exclusive(&raw mut lock, 0);
        region::leave_critical("test");
        assert!(machine.findings.is_empty());
        ex_acquire_push_lock_shared(&raw mut lock, 0);
        assert!(machine.findings.has(&rules::APCS_ENABLED));
    }
}
