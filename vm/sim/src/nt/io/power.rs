//! The power manager's requests.

use super::{KERNEL_MODE, send};
use crate::nt::irp;
use crate::nt::layout::{DeviceObject, IoStackLocation, IoStatus};

/// IRP_MN_SET_POWER and IRP_MN_QUERY_POWER (wdm.h).
const SET_POWER: u8 = 2;
const QUERY_POWER: u8 = 3;

/// `POWER_STATE_TYPE` (wdm.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PowerKind {
    System = 0,
    Device = 1,
}

/// Kind and state that a power request is about; `None` for one that is about neither.
pub(crate) fn power_of(stack: &IoStackLocation) -> Option<(PowerKind, i32)> {
    // Parameters.Power: context, type, state, shutdown action, each in a word of its own (wdm.h, POINTER_ALIGNMENT).
    let [_, kind, state, _] = stack.parameters;
    let kind = match (stack.minor_function, kind as u32) {
        (SET_POWER | QUERY_POWER, 0) => PowerKind::System,
        (SET_POWER | QUERY_POWER, 1) => PowerKind::Device,
        _ => return None,
    };
    Some((kind, state as u32 as i32))
}

fn request(device: *mut DeviceObject, minor: u8, kind: PowerKind, state: i32) -> IoStatus {
    send(
        device,
        std::ptr::null_mut(),
        irp::MJ_POWER,
        minor,
        KERNEL_MODE,
        |stack| {
            stack.parameters = [0, kind as u64, u64::from(state.cast_unsigned()), 0];
        },
    )
}

/// Asks whether system or device may go to a state.
pub(crate) fn query_power(device: *mut DeviceObject, kind: PowerKind, state: i32) -> IoStatus {
    request(device, QUERY_POWER, kind, state)
}

/// Tells that system or device go to a state.
pub(crate) fn set_power(device: *mut DeviceObject, kind: PowerKind, state: i32) -> IoStatus {
    request(device, SET_POWER, kind, state)
}
