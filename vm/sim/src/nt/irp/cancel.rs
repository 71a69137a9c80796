//! Cancelling: the cancel spin lock, and the routine that a driver set.

use super::{check_live, current_stack, state};
use crate::call;
use crate::nt::irql::{self, Irql};
use crate::nt::layout::Irp;
use crate::nt::spinlock;

/// Takes the system-wide cancel spin lock and gives the level to return to.
pub(crate) fn acquire_cancel_lock() -> Irql {
    let before = irql::raise_to(Irql::DISPATCH);
    spinlock::acquire(state().cancel_lock.address(), Some(before));
    before
}

/// Gives the cancel spin lock back.
pub(crate) fn release_cancel_lock(level: Irql) {
    spinlock::release(state().cancel_lock.address(), Some(level));
}

/// Cancels an IRP (`IoCancelIrp`): `true` when it had a cancel routine, which was called.
pub fn cancel(irp: *mut Irp) -> bool {
    check_live(irp, "IoCancelIrp");
    let before = acquire_cancel_lock();
    // SAFETY: the IRP lives, and nothing of the driver runs meanwhile: there is one processor.
    let (routine, device) = unsafe {
        (*irp).cancel = 1;
        (*irp).cancel_irql = before;
        let in_driver = (*irp).current_location <= (*irp).stack_count;
        let device = if in_driver {
            (*current_stack(irp)).device_object
        } else {
            std::ptr::null_mut()
        };
        ((*irp).cancel_routine.take(), device)
    };
    match routine {
        Some(routine) => {
            // The routine gives the lock back itself, and may free the IRP.
            // SAFETY: the routine is the one that the driver set for this IRP.
            unsafe { call::driver_unbalanced("cancel routine", routine, (device, irp)) };
            true
        }
        None => {
            release_cancel_lock(before);
            false
        }
    }
}
