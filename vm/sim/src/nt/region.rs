//! Critical and guarded regions: they hold off APCs, of which this machine has none. What can be seen is their balance, and whether they are
//! open where that is asked for.

use std::cell::Cell;
use std::fmt;

use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::held;
use crate::nt::irql::{self, Irql};
use crate::rules;

/// How many are open.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Regions {
    critical: u32,
    guarded: u32,
}

impl fmt::Display for Regions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} critical regions", self.critical)?;
        if self.guarded > 0 {
            write!(f, " and {} guarded regions", self.guarded)?;
        }
        Ok(())
    }
}

/// Those of the processor that runs, and of the one that does not.
#[derive(Debug, Default)]
pub(crate) struct RegionState {
    open: Cell<Regions>,
    elsewhere: Cell<Regions>,
}

/// The other processor runs from now on.
pub(crate) fn exchange() {
    let state = &kernel().nt.regions;
    state.open.swap(&state.elsewhere);
}

/// The open ones.
pub(crate) fn open() -> Regions {
    kernel().nt.regions.open.get()
}

/// Goes on as if these were open.
pub(crate) fn set(open: Regions) {
    kernel().nt.regions.open.set(open);
}

/// Normal kernel APCs are held off here (kernel: Disabling APCs); otherwise it is told of `what`.
pub(crate) fn check_apcs(what: &str) {
    if !apcs_disabled() {
        finding::raise(
            &rules::APCS_ENABLED,
            format!("{what} was called at PASSIVE_LEVEL outside of a critical region"),
        );
    }
}

fn apcs_disabled() -> bool {
    irql::current() >= Irql::APC
        || open() != Regions::default()
        || held::has("mutex")
        || held::has("guarded mutex")
}

extern "win64" fn ke_enter_critical_region() {
    let mut now = open();
    now.critical += 1;
    set(now);
}

extern "win64" fn ke_leave_critical_region() {
    leave_critical("KeLeaveCriticalRegion");
}

pub(super) fn enter_critical() {
    ke_enter_critical_region();
}

pub(super) fn leave_critical(what: &str) {
    let mut now = open();
    match now.critical.checked_sub(1) {
        Some(left) => {
            now.critical = left;
            set(now);
        }
        None => finding::raise(
            &rules::CRITICAL_REGION,
            format!("{what} was called, and no critical region is open"),
        ),
    }
}

extern "win64" fn ke_enter_guarded_region() {
    let mut now = open();
    now.guarded += 1;
    set(now);
}

extern "win64" fn ke_leave_guarded_region() {
    let mut now = open();
    match now.guarded.checked_sub(1) {
        Some(left) => {
            now.guarded = left;
            set(now);
        }
        None => finding::raise(
            &rules::CRITICAL_REGION,
            "KeLeaveGuardedRegion was called, and no guarded region is open",
        ),
    }
}

extern "win64" fn ke_are_apcs_disabled() -> bool {
    open() != Regions::default() || held::has("mutex") || held::has("guarded mutex")
}

extern "win64" fn ke_are_all_apcs_disabled() -> bool {
    irql::current() >= Irql::APC || open().guarded > 0 || held::has("guarded mutex")
}

nt_rows! {
    "KeEnterCriticalRegion" ke_enter_critical_region APC      "ntddk/nf-ntddk-keentercriticalregion";
    "KeLeaveCriticalRegion" ke_leave_critical_region APC      "ntddk/nf-ntddk-keleavecriticalregion";
    "KeEnterGuardedRegion"  ke_enter_guarded_region  APC      "wdm/nf-wdm-keenterguardedregion";
    "KeLeaveGuardedRegion"  ke_leave_guarded_region  APC      "wdm/nf-wdm-keleaveguardedregion";
    "KeAreApcsDisabled"     ke_are_apcs_disabled     DISPATCH "wdm/nf-wdm-keareapcsdisabled";
    "KeAreAllApcsDisabled"  ke_are_all_apcs_disabled DISPATCH "wdm/nf-wdm-keareallapcsdisabled";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn regions_are_left_as_often_as_they_are_entered() {
        let machine = Kernel::boot(Options::default());
        ke_enter_guarded_region();
        ke_enter_critical_region();
        assert!(ke_are_apcs_disabled() && ke_are_all_apcs_disabled());
        ke_leave_critical_region();
        ke_leave_guarded_region();
        assert!(!ke_are_apcs_disabled() && !ke_are_all_apcs_disabled());
        assert!(machine.findings.is_empty());
        ke_leave_guarded_region();
        assert!(machine.findings.has(&rules::CRITICAL_REGION));
    }

    #[test]
    fn apcs_are_asked_for() {
        let machine = Kernel::boot(Options::default());
        ke_enter_critical_region();
        check_apcs("test");
        assert!(machine.findings.is_empty());
        ke_leave_critical_region();
        check_apcs("test");
        assert!(machine.findings.has(&rules::APCS_ENABLED));
    }
}
