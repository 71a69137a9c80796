//! The root enumerator: the bus driver below a device without hardware.

use waverig_package::inf::InstallPlan;

use crate::imports::{self, Levels};
use crate::nt::layout::{DeviceObject, Dispatch, Irp};
use crate::nt::status::{NtStatus, STATUS_SUCCESS};
use crate::nt::{driver, interface, irp, pdo};

/// IRP_MN_ codes of IRP_MJ_PNP up to IRP_MN_CANCEL_STOP_DEVICE, and IRP_MN_SURPRISE_REMOVAL (wdm.h): what every bus
/// driver succeeds.
const LIFE: std::ops::RangeInclusive<u8> = 0..=6;
const SURPRISE_REMOVAL: u8 = 23;

extern "win64" fn dispatch(_device: *mut DeviceObject, request: *mut Irp) -> NtStatus {
    // SAFETY: the request that came down to the bus.
    let (stack, status) = unsafe { (*irp::current_stack(request), (*request).io_status) };
    let handled = match stack.major_function {
        irp::MJ_PNP => {
            LIFE.contains(&stack.minor_function) || stack.minor_function == SURPRISE_REMOVAL
        }
        irp::MJ_POWER => true,
        _ => false,
    };
    // What a bus driver does not know it completes with the status it found.
    irp::finish(
        request,
        if handled {
            STATUS_SUCCESS
        } else {
            status.status
        },
        status.information,
    )
}

/// Makes a device node of a plan; nodes are counted from 0.
pub(super) fn enumerate(plan: &InstallPlan, number: u8) -> *mut DeviceObject {
    let bus = driver::create("PnpManager");
    let address = imports::export(
        "PnpManager's dispatch",
        dispatch as *const (),
        Levels::DISPATCH,
        "wdm/nc-wdm-driver_dispatch",
    );
    // SAFETY: the driver object was just made; the thunk leads to a dispatch routine.
    unsafe {
        let routine = std::mem::transmute::<*const (), Dispatch>(address);
        for major in [irp::MJ_PNP, irp::MJ_POWER, irp::MJ_SYSTEM_CONTROL] {
            (*bus).major_function[usize::from(major)] = Some(routine);
        }
    }
    let instance = format!("ROOT\\{}\\{number:04}", plan.class.to_uppercase());
    pdo::create(
        bus,
        &instance,
        &format!(
            "{}\\{number:04}",
            plan.class_guid.to_string().to_lowercase()
        ),
    )
}

/// Removes a device node with its interfaces.
pub(super) fn forget(device: *mut DeviceObject) {
    interface::forget(device);
    pdo::delete(device);
}
