//! State of the processor that a driver saves before it uses it: what lies above SSE, and the floating-point unit.

use std::cell::RefCell;
use std::ffi::c_void;

use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::held;
use crate::nt::irql::{self, Irql};
use crate::nt::status::{NtStatus, STATUS_SUCCESS};
use crate::rules;

/// x87, SSE and AVX (`XSTATE_MASK_…`, ntddk.h).
const FEATURES: u64 = 7;

#[derive(Debug, Clone, Copy)]
struct Saved {
    place: usize,
    owner: usize,
    irql: Irql,
}

/// What is saved and not restored yet.
#[derive(Debug, Default)]
pub(crate) struct ExtendedState {
    saved: RefCell<Vec<Saved>>,
}

fn state() -> &'static RefCell<Vec<Saved>> {
    &kernel().nt.extended.saved
}

/// How much the thread that runs has saved.
#[inline]
pub(crate) fn count() -> usize {
    let saved = state().borrow();
    if saved.is_empty() {
        return 0;
    }
    let me = held::owner();
    saved.iter().filter(|one| one.owner == me).count()
}

/// A routine returned: what it saved it has restored.
pub(crate) fn check_return(name: &str, before: usize) {
    if count() > before {
        finding::raise(
            &rules::EXTENDED_STATE,
            format!("{name} returned without restoring the processor state that it saved"),
        );
        let me = held::owner();
        state().borrow_mut().retain(|one| one.owner != me);
    }
}

fn save(place: usize) -> NtStatus {
    let saved = Saved {
        place,
        owner: held::owner(),
        irql: irql::current(),
    };
    state().borrow_mut().push(saved);
    STATUS_SUCCESS
}

fn restore(place: usize, what: &str) {
    let me = held::owner();
    let last = {
        let mut all = state().borrow_mut();
        let last = all.iter().rposition(|one| one.owner == me);
        last.map(|index| all.remove(index))
    };
    let level = irql::current();
    let wrong = match last {
        None => "nothing is saved".to_owned(),
        Some(last) if last.place != place => {
            format!("{place:#x} was not saved last: {:#x} was", last.place)
        }
        Some(last) if last.irql != level => {
            format!("it was saved at {} and is restored at {level}", last.irql)
        }
        Some(_) => return,
    };
    finding::raise(&rules::EXTENDED_STATE, format!("{what}: {wrong}"));
}

extern "win64" fn ke_save_extended_processor_state(_mask: u64, place: *mut c_void) -> NtStatus {
    save(place as usize)
}

extern "win64" fn ke_restore_extended_processor_state(place: *mut c_void) {
    restore(place as usize, "KeRestoreExtendedProcessorState");
}

extern "win64" fn ke_save_floating_point_state(place: *mut c_void) -> NtStatus {
    save(place as usize)
}

extern "win64" fn ke_restore_floating_point_state(place: *mut c_void) -> NtStatus {
    restore(place as usize, "KeRestoreFloatingPointState");
    STATUS_SUCCESS
}

extern "win64" fn rtl_get_enabled_extended_features(mask: u64) -> u64 {
    FEATURES & mask
}

nt_rows! {
    "KeSaveExtendedProcessorState"    ke_save_extended_processor_state    DISPATCH "wdm/nf-wdm-kesaveextendedprocessorstate";
    "KeRestoreExtendedProcessorState" ke_restore_extended_processor_state DISPATCH "wdm/nf-wdm-kerestoreextendedprocessorstate";
    "KeSaveFloatingPointState"        ke_save_floating_point_state        DISPATCH "wdm/nf-wdm-kesavefloatingpointstate";
    "KeRestoreFloatingPointState"     ke_restore_floating_point_state     DISPATCH "wdm/nf-wdm-kerestorefloatingpointstate";
    "RtlGetEnabledExtendedFeatures"   rtl_get_enabled_extended_features   ANY      "ntddk/nf-ntddk-rtlgetenabledextendedfeatures";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    fn check(act: fn(*mut c_void, *mut c_void), expect: bool) {
        let machine = Kernel::boot(Options::default());
        let mut places = [0_u64; 2];
        let [first, second] = &mut places;
        act((&raw mut *first).cast(), (&raw mut *second).cast());
        check_return("test", 0);
        assert_eq!(machine.findings.has(&rules::EXTENDED_STATE), expect);
        assert_eq!(count(), 0);
    }

    #[test]
    fn what_is_saved_is_restored_last_first_at_its_level() {
        check(
            |first, second| {
                ke_save_extended_processor_state(4, first);
                ke_save_extended_processor_state(4, second);
                ke_restore_extended_processor_state(second);
                ke_restore_extended_processor_state(first);
            },
            false,
        );
        check(
            |first, second| {
                ke_save_extended_processor_state(4, first);
                ke_save_extended_processor_state(4, second);
                ke_restore_extended_processor_state(first);
                ke_restore_extended_processor_state(second);
            },
            true,
        );
        check(
            |first, _| {
                ke_save_floating_point_state(first);
                irql::set(Irql::DISPATCH);
                ke_restore_floating_point_state(first);
            },
            true,
        );
        check(
            |first, _| {
                ke_save_extended_processor_state(4, first);
            },
            true,
        );
        check(|first, _| ke_restore_extended_processor_state(first), true);
    }
}
