//! The way up: completion routines from the lowest driver to the highest, then the requester.

use super::{SL_PENDING, current_stack, free, state};
use crate::call;
use crate::finding;
use crate::nt::layout::{IoStatus, Irp};
use crate::nt::pool::Owner;
use crate::nt::status::{NtStatus, STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING};
use crate::rules;

// When a completion routine is called (SL_INVOKE_ON_…, wdm.h).
const ON_CANCEL: u8 = 0x20;
const ON_SUCCESS: u8 = 0x40;
const ON_ERROR: u8 = 0x80;

/// Sets the result and completes: for dispatch routines of the kernel.
pub fn finish(irp: *mut Irp, status: NtStatus, information: usize) -> NtStatus {
    // SAFETY: a live IRP that the routine was called with.
    unsafe {
        (*irp).io_status = IoStatus {
            status,
            information,
        }
    };
    complete(irp);
    status
}

/// Completes an IRP (`IoCompleteRequest`).
pub fn complete(irp: *mut Irp) {
    begin(irp);
    // SAFETY: the IRP lives: `begin` looked; its locations lie in one block.
    unsafe {
        while (*irp).current_location <= (*irp).stack_count {
            let stack = current_stack(irp);
            let pending = (*stack).control & SL_PENDING != 0;
            note(
                irp,
                (*irp).current_location,
                pending,
                (*irp).io_status.status,
            );
            (*irp).pending_returned = u8::from(pending);
            (*irp).current_location += 1;
            (*irp).current_stack_location = stack.add(1);
            let above = (*irp).current_location <= (*irp).stack_count;
            let wanted = wants(
                (*stack).control,
                (*irp).io_status.status,
                (*irp).cancel != 0,
            );
            match (*stack).completion_routine {
                Some(routine) if wanted => {
                    let device = if above {
                        (*current_stack(irp)).device_object
                    } else {
                        std::ptr::null_mut()
                    };
                    let context = (*stack).context;
                    if call::driver("completion routine", routine, (device, irp, context))
                        == STATUS_MORE_PROCESSING_REQUIRED
                    {
                        reclaim(irp);
                        return;
                    }
                }
                _ if pending && above => (*current_stack(irp)).control |= SL_PENDING,
                _ => {}
            }
        }
    }
    end(irp);
}

fn wants(control: u8, status: NtStatus, cancelled: bool) -> bool {
    let by_status = if status.is_ok() { ON_SUCCESS } else { ON_ERROR };
    control & by_status != 0 || cancelled && control & ON_CANCEL != 0
}

/// Every dispatch routine that runs with this location learns what became of it.
fn note(irp: *mut Irp, location: i8, pending: bool, status: NtStatus) {
    for watches in [&state().watches, &state().watches_elsewhere] {
        let mut watches = watches.borrow_mut();
        let same = watches
            .iter_mut()
            .filter(|watch| watch.irp == irp as usize && watch.location == location);
        same.for_each(|watch| watch.completed = Some((pending, status)));
    }
}

fn begin(irp: *mut Irp) {
    let again = state()
        .live
        .borrow_mut()
        .get_mut(&(irp as usize))
        .map(|record| std::mem::replace(&mut record.completed, true));
    match again {
        Some(false) => {}
        Some(true) => finding::fatal(
            &rules::IRP_DOUBLE_COMPLETE,
            format!("the IRP at {irp:p} is completed again"),
        ),
        None => finding::fatal(
            &rules::IRP_DOUBLE_COMPLETE,
            format!("{irp:p} is completed, but it is no IRP or was completed and freed"),
        ),
    }
    // SAFETY: the IRP lives: the table knows it.
    let (status, cancel_routine) = unsafe { ((*irp).io_status.status, (*irp).cancel_routine) };
    if status == STATUS_PENDING {
        finding::raise(
            &rules::IRP_BAD_STATUS,
            format!("the IRP at {irp:p} is completed with {status}"),
        );
    }
    if cancel_routine.is_some() {
        finding::raise(
            &rules::IRP_CANCEL_ROUTINE,
            format!("the IRP at {irp:p} is completed with a cancel routine set"),
        );
    }
}

/// A completion routine took the IRP back: it can be sent or completed again.
fn reclaim(irp: *mut Irp) {
    if let Some(record) = state().live.borrow_mut().get_mut(&(irp as usize)) {
        record.completed = false;
    }
}

/// All locations are done: the requester gets the result.
fn end(irp: *mut Irp) {
    let (owner, on_done) = {
        let mut live = state().live.borrow_mut();
        let record = live.get_mut(&(irp as usize)).expect("it lived in `begin`");
        (record.owner, record.on_done.take())
    };
    if owner == Owner::Driver && on_done.is_none() {
        let text = format!(
            "the IRP at {irp:p}, which the driver allocated, came back to the I/O manager: its completion routine must keep it"
        );
        finding::fatal(&rules::IRP_BAD, text);
    }
    // SAFETY: it lives until `free` below.
    let status = unsafe { (*irp).io_status };
    if let Some(on_done) = on_done {
        on_done(status);
    }
    free(irp);
}
