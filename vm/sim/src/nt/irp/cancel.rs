//! Cancelling: the cancel spin lock, and the routine that a driver set.

use super::{check_live, current_stack, is_with_driver, state};
use crate::call;
use crate::nt::irql::{self, Irql};
use crate::nt::layout::{CancelRoutine, Irp};
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
    match take_routine(irp) {
        Some(routine) => {
            call_routine(irp, routine, before);
            true
        }
        None => {
            release_cancel_lock(before);
            false
        }
    }
}

/// The first half of it, for a processor that is held up in the middle: the IRP is marked, and its cancel routine taken out, which from
/// then on owns the IRP.
pub(crate) fn begin_cancel(irp: *mut Irp) -> Option<CancelRoutine> {
    check_live(irp, "IoCancelIrp");
    let before = acquire_cancel_lock();
    let routine = take_routine(irp);
    release_cancel_lock(before);
    routine
}

/// The second half: the routine is called. Nothing of the driver can tell that the cancel lock was free in between, unless it takes that
/// itself.
pub(crate) fn end_cancel(irp: *mut Irp, routine: CancelRoutine) {
    check_live(irp, "a cancel routine");
    call_routine(irp, routine, acquire_cancel_lock());
}

/// Marks an IRP, under the cancel lock.
fn take_routine(irp: *mut Irp) -> Option<CancelRoutine> {
    // The other processor may have completed it while this one waited for the lock. The I/O manager frees a packet in the thread that
    // sent it, which is the one that cancels: it would find a packet without a cancel routine.
    if !is_with_driver(irp) {
        return None;
    }
    // SAFETY: the IRP lives, and nothing of the driver runs meanwhile: no import is called.
    unsafe {
        (*irp).cancel = 1;
        (*irp).cancel_routine.take()
    }
}

/// Calls a cancel routine, with the cancel lock held, which was taken at `before`.
fn call_routine(irp: *mut Irp, routine: CancelRoutine, before: Irql) {
    // SAFETY: the IRP lives: its cancel routine owns it.
    let device = unsafe {
        (*irp).cancel_irql = before;
        let in_driver = (*irp).current_location <= (*irp).stack_count;
        if in_driver {
            (*current_stack(irp)).device_object
        } else {
            std::ptr::null_mut()
        }
    };
    // The routine gives the lock back itself, and may free the IRP.
    // SAFETY: the routine is the one that the driver set for this IRP.
    unsafe { call::driver_unbalanced("cancel routine", routine, (device, irp)) };
}
