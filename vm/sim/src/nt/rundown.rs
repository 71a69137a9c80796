//! Rundown protection: a count of users that can be closed, and waited for ("Run-Down Protection").

use crate::finding;
use crate::imports::nt_rows;
use crate::nt::wait;
use crate::{rules, sched};

/// `EX_RUNDOWN_REF.Count` (wdm.h): nobody gets in any more. The users count in the bits above.
const CLOSED: usize = 1;
const USER: usize = 2;

fn count(protection: *mut usize) -> usize {
    // SAFETY: the driver's EX_RUNDOWN_REF; a bad address faults into a report.
    unsafe { protection.read() }
}

fn set(protection: *mut usize, count: usize) {
    // SAFETY: as in `count`.
    unsafe { protection.write(count) };
}

extern "win64" fn ex_initialize_rundown_protection(protection: *mut usize) {
    set(protection, 0);
}

extern "win64" fn ex_acquire_rundown_protection(protection: *mut usize) -> bool {
    let open = count(protection) & CLOSED == 0;
    if open {
        set(protection, count(protection) + USER);
    }
    open
}

extern "win64" fn ex_release_rundown_protection(protection: *mut usize) {
    if count(protection) < USER {
        finding::fatal(
            &rules::LOCK_NOT_HELD,
            format!("the rundown protection at {protection:p} is released but not acquired"),
        );
    }
    set(protection, count(protection) - USER);
}

extern "win64" fn ex_wait_for_rundown_protection_release(protection: *mut usize) {
    wait::check(None, "ExWaitForRundownProtectionRelease");
    set(protection, count(protection) | CLOSED);
    sched::must("the users of a rundown protection", || {
        count(protection) == CLOSED
    });
}

extern "win64" fn ex_rundown_completed(protection: *mut usize) {
    set(protection, CLOSED);
}

nt_rows! {
    "ExInitializeRundownProtection"     ex_initialize_rundown_protection       APC      "wdm/nf-wdm-exinitializerundownprotection";
    "ExReInitializeRundownProtection"   ex_initialize_rundown_protection       APC      "wdm/nf-wdm-exreinitializerundownprotection";
    "ExAcquireRundownProtection"        ex_acquire_rundown_protection          DISPATCH "wdm/nf-wdm-exacquirerundownprotection";
    "ExReleaseRundownProtection"        ex_release_rundown_protection          DISPATCH "wdm/nf-wdm-exreleaserundownprotection";
    "ExWaitForRundownProtectionRelease" ex_wait_for_rundown_protection_release APC      "wdm/nf-wdm-exwaitforrundownprotectionrelease";
    "ExRundownCompleted"                ex_rundown_completed                   APC      "wdm/nf-wdm-exrundowncompleted";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use crate::time::Hns;

    #[test]
    fn a_wait_closes_and_lasts_until_the_last_user_has_gone() {
        let machine = Kernel::boot(Options::default());
        let protection = crate::nt::pool::allocate(8, *b"Test", crate::nt::pool::Owner::System);
        let protection = protection.cast::<usize>();
        ex_initialize_rundown_protection(protection);
        assert!(ex_acquire_rundown_protection(protection));
        let start = machine.now();
        sched::after(Hns(70), "user", move || {
            assert!(!ex_acquire_rundown_protection(protection));
            ex_release_rundown_protection(protection);
        });
        ex_wait_for_rundown_protection_release(protection);
        assert_eq!(machine.now() - start, Hns(70));
        ex_rundown_completed(protection);
        assert!(!ex_acquire_rundown_protection(protection));
    }
}
