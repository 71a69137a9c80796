//! Fast mutexes and guarded mutexes: one owner, who must not ask again.

use crate::finding;
use crate::imports::nt_rows;
use crate::nt::irql::{self, Irql};
use crate::nt::{held, lock_order, region};
use crate::{processor, rules};

const FAST: &str = "fast mutex";
const GUARDED: &str = "guarded mutex";

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

extern "win64" fn initialize(mutex: *mut FastMutex) {
    held::forget(mutex as usize);
    lock_order::forget(mutex as usize, size_of::<FastMutex>());
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

fn is_owned_elsewhere(mutex: *mut FastMutex) -> bool {
    // SAFETY: the driver's mutex; a bad address faults into a report.
    unsafe { (*mutex).count == 0 && ![0, held::owner()].contains(&(*mutex).owner) }
}

fn take(mutex: *mut FastMutex, kind: &'static str, what: &str) {
    held::wanted(mutex as usize);
    processor::wait("a fast mutex that the other owns", || {
        !is_owned_elsewhere(mutex)
    });
    // SAFETY: as in `is_owned_elsewhere`.
    let state = unsafe { &mut *mutex };
    if state.count != 1 {
        finding::fatal(
            &rules::LOCK_DEADLOCK,
            format!("{what}: the {kind} at {mutex:p} is owned or was not initialised"),
        );
    }
    state.count = 0;
    state.owner = held::owner();
    held::taken(mutex as usize, kind);
}

fn give(mutex: *mut FastMutex, kind: &str, what: &str) {
    // SAFETY: as in `is_owned_elsewhere`.
    let state = unsafe { &mut *mutex };
    if state.count != 0 || state.owner != held::owner() {
        finding::fatal(
            &rules::LOCK_NOT_HELD,
            format!("{what}: the {kind} at {mutex:p} is not owned by this thread"),
        );
    }
    state.count = 1;
    state.owner = 0;
    held::given(mutex as usize, held::owner());
}

extern "win64" fn ex_acquire_fast_mutex(mutex: *mut FastMutex) {
    let before = irql::raise_to(Irql::APC);
    take(mutex, FAST, "ExAcquireFastMutex");
    // SAFETY: as in `is_owned_elsewhere`.
    unsafe { (*mutex).old_irql = u32::from(before.0) };
}

extern "win64" fn ex_try_to_acquire_fast_mutex(mutex: *mut FastMutex) -> bool {
    // SAFETY: as in `is_owned_elsewhere`.
    let free = unsafe { (*mutex).count == 1 };
    if free {
        ex_acquire_fast_mutex(mutex);
    }
    free
}

extern "win64" fn ex_release_fast_mutex(mutex: *mut FastMutex) {
    give(mutex, FAST, "ExReleaseFastMutex");
    // SAFETY: as in `is_owned_elsewhere`.
    let before = unsafe { (*mutex).old_irql };
    irql::lower_to(Irql(before.to_le_bytes()[0]));
}

extern "win64" fn ex_acquire_fast_mutex_unsafe(mutex: *mut FastMutex) {
    region::check_apcs("ExAcquireFastMutexUnsafe");
    take(mutex, FAST, "ExAcquireFastMutexUnsafe");
}

extern "win64" fn ex_release_fast_mutex_unsafe(mutex: *mut FastMutex) {
    region::check_apcs("ExReleaseFastMutexUnsafe");
    give(mutex, FAST, "ExReleaseFastMutexUnsafe");
}

extern "win64" fn ke_acquire_guarded_mutex(mutex: *mut FastMutex) {
    take(mutex, GUARDED, "KeAcquireGuardedMutex");
}

extern "win64" fn ke_try_to_acquire_guarded_mutex(mutex: *mut FastMutex) -> bool {
    // SAFETY: as in `is_owned_elsewhere`.
    let free = unsafe { (*mutex).count == 1 };
    if free {
        take(mutex, GUARDED, "KeTryToAcquireGuardedMutex");
    }
    free
}

extern "win64" fn ke_release_guarded_mutex(mutex: *mut FastMutex) {
    give(mutex, GUARDED, "KeReleaseGuardedMutex");
}

nt_rows! {
    "ExInitializeFastMutex"      initialize                      DISPATCH "wdm/nf-wdm-exinitializefastmutex";
    "ExAcquireFastMutex"         ex_acquire_fast_mutex           APC      "wdm/nf-wdm-exacquirefastmutex";
    "ExTryToAcquireFastMutex"    ex_try_to_acquire_fast_mutex    APC      "wdm/nf-wdm-extrytoacquirefastmutex";
    "ExReleaseFastMutex"         ex_release_fast_mutex           AT_APC   "wdm/nf-wdm-exreleasefastmutex";
    "ExAcquireFastMutexUnsafe"   ex_acquire_fast_mutex_unsafe    APC      "wdm/nf-wdm-exacquirefastmutexunsafe";
    "ExReleaseFastMutexUnsafe"   ex_release_fast_mutex_unsafe    APC      "wdm/nf-wdm-exreleasefastmutexunsafe";
    "KeInitializeGuardedMutex"   initialize                      APC      "wdm/nf-wdm-keinitializeguardedmutex";
    "KeAcquireGuardedMutex"      ke_acquire_guarded_mutex        APC      "wdm/nf-wdm-keacquireguardedmutex";
    "KeTryToAcquireGuardedMutex" ke_try_to_acquire_guarded_mutex APC      "wdm/nf-wdm-ketrytoacquireguardedmutex";
    "KeReleaseGuardedMutex"      ke_release_guarded_mutex        APC      "wdm/nf-wdm-kereleaseguardedmutex";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use crate::nt::pool::{self, Owner};

    fn mutexes() -> [*mut FastMutex; 2] {
        [(); 2].map(|()| {
            let mutex = pool::allocate(size_of::<FastMutex>(), *b"Test", Owner::System).cast();
            initialize(mutex);
            mutex
        })
    }

    #[test]
    fn a_fast_mutex_raises_to_apc_level_and_back() {
        let machine = Kernel::boot(Options::default());
        let [mutex, _] = mutexes();
        ex_acquire_fast_mutex(mutex);
        assert_eq!(irql::current(), Irql::APC);
        assert!(!ex_try_to_acquire_fast_mutex(mutex));
        ex_release_fast_mutex(mutex);
        assert_eq!((irql::current(), held::count()), (Irql::PASSIVE, 0));
        assert_eq!(size_of::<FastMutex>(), 0x38);
        assert!(machine.findings.is_empty());
    }

    #[test]
    fn mutexes_have_one_order() {
        let machine = Kernel::boot(Options::default());
        let [first, second] = mutexes();
        let both = |outer, inner| {
            ke_acquire_guarded_mutex(outer);
            ke_acquire_guarded_mutex(inner);
            ke_release_guarded_mutex(inner);
            ke_release_guarded_mutex(outer);
        };
        both(first, second);
        both(first, second);
        assert!(machine.findings.is_empty());
        both(second, first);
        assert!(machine.findings.has(&rules::LOCK_HIERARCHY));
    }

    #[test]
    fn a_mutex_that_is_left_held_is_told() {
        let machine = Kernel::boot(Options::default());
        let [mutex, _] = mutexes();
        ke_acquire_guarded_mutex(mutex);
        held::check_return("test", 1);
        assert!(machine.findings.is_empty());
        held::check_return("test", 0);
        assert!(machine.findings.has(&rules::MUTEX_HELD));
        assert_eq!(held::count(), 0);
    }

    #[test]
    fn the_unsafe_way_asks_for_apcs_to_be_off() {
        let machine = Kernel::boot(Options::default());
        let [mutex, _] = mutexes();
        ex_acquire_fast_mutex_unsafe(mutex);
        assert!(machine.findings.has(&rules::APCS_ENABLED));
    }
}
