//! The way down: the next stack location, the dispatch routine, and what its status must agree with.

use super::{OnDone, SL_PENDING, Watch, check_live, current_stack, major_name, state};
use crate::call;
use crate::finding;
use crate::nt::device;
use crate::nt::irql;
use crate::nt::layout::{DeviceObject, IoStatus, Irp, MAJOR_FUNCTIONS};
use crate::nt::status::{NtStatus, STATUS_PENDING};
use crate::rules;

/// Sends an IRP of the kernel, whose next stack location is filled in, to the top of the device's stack. `on_done`
/// runs when it is completed, now or later; the IRP is gone after it.
pub fn dispatch(
    device: *mut DeviceObject,
    irp: *mut Irp,
    on_done: impl FnOnce(IoStatus) + 'static,
) -> NtStatus {
    check_live(irp, "a request");
    if let Some(record) = state().live.borrow_mut().get_mut(&(irp as usize)) {
        record.on_done = Some(Box::new(on_done) as OnDone);
    }
    call_driver(device::top_of_stack(device), irp)
}

/// Passes an IRP to `device` (`IoCallDriver`).
pub fn call_driver(device: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    check_live(irp, "IoCallDriver");
    if irql::interrupts_disabled() {
        finding::raise(
            &rules::INTERRUPTS_DISABLED,
            format!("IoCallDriver with {irp:p} and with interrupts disabled"),
        );
    }
    // SAFETY: the IRP lives and its locations lie below each other in one block; the device is one that the caller
    // attached to or opened, and a bad one faults into a report.
    let (major, minor, routine, location) = unsafe {
        if (*irp).current_location <= 1 {
            finding::fatal(
                &rules::IRP_BAD,
                format!("IoCallDriver with {irp:p}, which has no stack location left"),
            );
        }
        (*irp).current_location -= 1;
        (*irp).current_stack_location = (*irp).current_stack_location.sub(1);
        let stack = current_stack(irp);
        (*stack).device_object = device;
        let major = usize::from((*stack).major_function) % MAJOR_FUNCTIONS;
        (
            (*stack).major_function,
            (*stack).minor_function,
            (*(*device).driver_object).major_function[major],
            (*irp).current_location,
        )
    };
    if let Some(record) = state().live.borrow_mut().get_mut(&(irp as usize)) {
        record.lowest = record.lowest.min(location);
    }
    let Some(routine) = routine else {
        finding::fatal(
            &rules::IRP_BAD,
            format!(
                "the driver of {device:p} has no routine for {}",
                major_name(major)
            ),
        );
    };
    state().watches.borrow_mut().push(Watch {
        irp: irp as usize,
        location,
        function: (major, minor),
        completed: None,
    });
    // SAFETY: the routine is the dispatch routine that the driver set for this code.
    let status = unsafe { call::driver(major_name(major), routine, (device, irp)) };
    let watch = state().watches.borrow_mut().pop().expect("pushed above");
    check_status(major_name(major), irp, watch, status);
    status
}

/// The status that a dispatch routine returns tells what became of the IRP.
fn check_status(name: &str, irp: *mut Irp, watch: Watch, status: NtStatus) {
    match watch.completed {
        Some((true, _)) if status != STATUS_PENDING => {
            let text = format!("{name} marked the IRP pending and returned {status}");
            finding::raise(&rules::IRP_PENDING_STATUS, text);
        }
        Some((false, _)) if status == STATUS_PENDING => {
            let text = format!(
                "{name} completed the IRP without marking it pending and returned {status}"
            );
            finding::raise(&rules::IRP_PENDING_STATUS, text);
        }
        Some((false, completed)) if status != completed => {
            let text = format!("{name} completed the IRP with {completed} and returned {status}");
            finding::raise(&rules::IRP_STATUS_MISMATCH, text);
        }
        Some(_) => {}
        None => {
            // SAFETY: not completed means that the IRP still lives.
            let (here, marked) = unsafe {
                (
                    (*irp).current_location == watch.location,
                    (*current_stack(irp)).control & SL_PENDING != 0,
                )
            };
            if here && (status != STATUS_PENDING || !marked) {
                let text =
                    format!("{name} kept the IRP (marked pending: {marked}) and returned {status}");
                finding::raise(&rules::IRP_PENDING_STATUS, text);
            }
        }
    }
}
