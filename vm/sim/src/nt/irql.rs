//! Interrupt request levels, of each processor its own.

use std::cell::Cell;
use std::fmt;

use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::{dpc, pageable};
use crate::rules;

/// An interrupt request level.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Irql(pub u8);

impl Irql {
    /// Threads run here.
    pub const PASSIVE: Self = Self(0);
    /// Asynchronous procedure calls are held off.
    pub const APC: Self = Self(1);
    /// The scheduler is held off; DPCs run here.
    pub const DISPATCH: Self = Self(2);
    /// The highest there is on x64 (wdm.h, HIGH_LEVEL).
    pub const HIGH: Self = Self(15);
}

impl fmt::Display for Irql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::PASSIVE => f.write_str("PASSIVE_LEVEL"),
            Self::APC => f.write_str("APC_LEVEL"),
            Self::DISPATCH => f.write_str("DISPATCH_LEVEL"),
            Self::HIGH => f.write_str("HIGH_LEVEL"),
            Self(level) => write!(f, "DIRQL {level}"),
        }
    }
}

impl fmt::Debug for Irql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The level of the processor that runs, and of the one that does not.
#[derive(Debug)]
pub(crate) struct IrqlState {
    current: Cell<Irql>,
    elsewhere: Cell<Irql>,
    /// Interrupts are disabled there.
    disabled: Cell<bool>,
    disabled_elsewhere: Cell<bool>,
}

impl Default for IrqlState {
    fn default() -> Self {
        Self {
            current: Cell::new(Irql::PASSIVE),
            elsewhere: Cell::new(Irql::PASSIVE),
            disabled: Cell::new(false),
            disabled_elsewhere: Cell::new(false),
        }
    }
}

/// The level now.
#[inline]
pub fn current() -> Irql {
    kernel().nt.irql.current.get()
}

/// The other processor runs from now on.
pub(crate) fn exchange() {
    let state = &kernel().nt.irql;
    state.current.swap(&state.elsewhere);
    state.disabled.swap(&state.disabled_elsewhere);
}

/// Whether the driver disabled interrupts with `cli`. A change of the whole of RFLAGS cannot be seen: `popf` leaves the flag alone in
/// user mode, without a fault.
pub(crate) fn interrupts_disabled() -> bool {
    kernel().nt.irql.disabled.get()
}

/// `cli` or `sti` was executed.
pub(crate) fn disable_interrupts(disabled: bool) {
    kernel().nt.irql.disabled.set(disabled);
}

/// Sets the level without any of the effects of lowering it.
pub(crate) fn set(level: Irql) {
    kernel().nt.irql.current.set(level);
    pageable::level_is(level);
}

/// Raises to `level` and gives the level before; a finding when that would lower it.
pub(crate) fn raise_to(level: Irql) -> Irql {
    let before = current();
    if level < before {
        finding::raise(
            &rules::IRQL_ORDER,
            format!("KeRaiseIrql from {before} to {level}"),
        );
    }
    set(level);
    before
}

/// Lowers to `level`; DPCs that were held off run now.
pub(crate) fn lower_to(level: Irql) {
    set(level);
    if level < Irql::DISPATCH {
        dpc::drain();
    }
}

/// A release with `wait` is followed at once by a wait, which is allowed below DISPATCH_LEVEL only.
pub(super) fn check_release(what: &str, wait: u8) {
    if wait != 0 && current() >= Irql::DISPATCH {
        finding::raise(
            &rules::IRQL_CEILING,
            format!(
                "{what} was called at {} with Wait = TRUE; that may be done at APC_LEVEL or below",
                current()
            ),
        );
    }
}

extern "win64" fn ke_get_current_irql() -> Irql {
    current()
}

extern "win64" fn kf_raise_irql(level: Irql) -> Irql {
    raise_to(level)
}

extern "win64" fn ke_raise_irql_to_dpc_level() -> Irql {
    raise_to(Irql::DISPATCH)
}

extern "win64" fn ke_lower_irql(level: Irql) {
    let before = current();
    if level > before {
        finding::raise(
            &rules::IRQL_ORDER,
            format!("KeLowerIrql from {before} to {level}"),
        );
    }
    lower_to(level);
}

nt_rows! {
    "KeGetCurrentIrql"      ke_get_current_irql        ANY      "wdm/nf-wdm-kegetcurrentirql";
    "KfRaiseIrql"           kf_raise_irql              ANY      "wdm/nf-wdm-keraiseirql";
    "KeRaiseIrqlToDpcLevel" ke_raise_irql_to_dpc_level DISPATCH "ntddk/nf-ntddk-keraiseirqltodpclevel";
    "KeLowerIrql"           ke_lower_irql              ANY      "wdm/nf-wdm-kelowerirql";
    "KfLowerIrql"           ke_lower_irql              ANY      "wdm/nf-wdm-kelowerirql";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn raising_below_the_present_level_is_found() {
        let machine = Kernel::boot(Options::default());
        assert_eq!(ke_raise_irql_to_dpc_level(), Irql::PASSIVE);
        assert!(!machine.findings.has(&rules::IRQL_ORDER));
        kf_raise_irql(Irql::APC);
        assert!(machine.findings.has(&rules::IRQL_ORDER));
        ke_lower_irql(Irql::PASSIVE);
        assert_eq!(current(), Irql::PASSIVE);
    }

    #[test]
    fn a_release_before_a_wait_is_made_below_dispatch_level() {
        let check = |level, wait, expect| {
            let machine = Kernel::boot(Options::default());
            set(level);
            check_release("test", wait);
            assert_eq!(machine.findings.has(&rules::IRQL_CEILING), expect);
        };
        check(Irql::APC, 1, false);
        check(Irql::DISPATCH, 0, false);
        check(Irql::DISPATCH, 1, true);
    }
}
