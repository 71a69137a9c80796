//! What must hold when a driver, and not the kernel, passes an IRP down or completes it.

use super::{MJ_PNP, MJ_POWER, MJ_SYSTEM_CONTROL, current_stack, major_name, state};
use crate::finding;
use crate::nt::irql::{self, Irql};
use crate::nt::layout::Irp;
use crate::nt::spinlock;
use crate::nt::status::STATUS_NOT_SUPPORTED;
use crate::rules;

/// Questions that a function driver may answer by itself (the rule PnpIrpCompletion): IRP_MN_QUERY_REMOVE_DEVICE,
/// IRP_MN_QUERY_STOP_DEVICE, IRP_MN_QUERY_INTERFACE.
const PNP_QUERIES: [u8; 3] = [0x01, 0x05, 0x08];
/// Requests that may be passed down at DISPATCH_LEVEL (the rule ForwardedAtBadIrql): IRP_MJ_READ, IRP_MJ_WRITE, IRP_MJ_DEVICE_CONTROL,
/// IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_POWER.
const AT_DISPATCH: [u8; 5] = [0x03, 0x04, 0x0E, 0x0F, MJ_POWER];
/// IRP_MN_QUERY_POWER, which a driver may refuse.
const QUERY_POWER: u8 = 0x03;

/// The kind of a known IRP that a driver has, and its minor function.
fn kind(irp: *mut Irp) -> Option<(u8, u8)> {
    if !state().live.borrow().contains_key(&(irp as usize)) {
        return None;
    }
    // SAFETY: IRPs of the table are allocated; the location is a driver's.
    unsafe {
        ((*irp).current_location <= (*irp).stack_count).then(|| {
            let stack = current_stack(irp);
            ((*stack).major_function, (*stack).minor_function)
        })
    }
}

/// The driver calls IoCallDriver.
pub(super) fn forwards(irp: *mut Irp) {
    let Some((major, minor)) = kind(irp) else {
        return;
    };
    // SAFETY: `kind` found it alive.
    let (status, cancel_routine) = unsafe { ((*irp).io_status.status, (*irp).cancel_routine) };
    let raised = irql::current() >= Irql::DISPATCH;
    if raised && !AT_DISPATCH.contains(&major) {
        let text = format!(
            "{} ({minor:#04x}) is passed down at {}",
            major_name(major),
            irql::current()
        );
        finding::raise(&rules::IRQL_CEILING, text);
    }
    if cancel_routine.is_some() {
        let text = format!(
            "{} is passed down with a cancel routine set",
            major_name(major)
        );
        finding::raise(&rules::IRP_FORWARDED, text);
    }
    let must_succeed = matches!(major, MJ_PNP | MJ_POWER);
    if must_succeed && !status.is_ok() && status != STATUS_NOT_SUPPORTED {
        let text = format!(
            "{} ({minor:#04x}) is passed down with {status}",
            major_name(major)
        );
        finding::raise(&rules::IRP_FORWARDED, text);
    }
}

/// The driver calls IoCompleteRequest.
pub(super) fn completes(irp: *mut Irp) {
    let Some((major, minor)) = kind(irp) else {
        return;
    };
    if spinlock::held_count() > 0 {
        let text = format!(
            "{} is completed with {} held",
            major_name(major),
            spinlock::held_names(0)
        );
        finding::raise(&rules::IRP_COMPLETED_LOCKED, text);
    }
    let goes_down = match major {
        MJ_PNP => !PNP_QUERIES.contains(&minor),
        MJ_POWER => minor != QUERY_POWER,
        MJ_SYSTEM_CONTROL => true,
        _ => false,
    };
    let reached = state()
        .live
        .borrow()
        .get(&(irp as usize))
        .is_none_or(|record| record.lowest <= 1);
    if goes_down && !reached {
        let text = format!(
            "{} ({minor:#04x}) is completed, and the driver below has not seen it",
            major_name(major)
        );
        finding::raise(&rules::IRP_NOT_FORWARDED, text);
    }
}
