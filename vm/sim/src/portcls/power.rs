//! Power: PortCls handles every power IRP on behalf of the adapter, pauses its streams before it powers down and restarts
//! them after it has powered up ("Power Management for Audio Devices"; portcls/nf-portcls-iadapterpowermanagement-powerchangestate).

use std::cell::RefCell;
use std::ffi::c_void;
use std::rc::Rc;

use waverig_portcls::status::{STATUS_INVALID_PARAMETER, STATUS_SUCCESS};
use waverig_portcls::{
    DEVICE_POWER_STATE, IAdapterPowerManagement, IAdapterPowerManagement2,
    IAdapterPowerManagement3, NTSTATUS, PC_EXIT_LATENCY, POWER_STATE, PowerDeviceD0, PowerDeviceD3,
    PowerSystemWorking, SYSTEM_POWER_STATE,
};

use super::adapter::{self, Adapter};
use super::com::{Ref, Unknown};
use super::dispatch::{finish, forward_and_wait, pass_on};
use super::rules;
use crate::nt::io::{self, PowerKind};
use crate::nt::layout::{DeviceObject, IoStackLocation, Irp};
use crate::nt::status::{NtStatus, STATUS_NOT_SUPPORTED};
use crate::{call, finding};

/// Minor codes of IRP_MJ_POWER (wdm.h).
const SET_POWER: u8 = 2;
const QUERY_POWER: u8 = 3;

/// `PcExitLatencyInstant` and `PcExitLatencyResponsive` (portcls.h).
const INSTANT: PC_EXIT_LATENCY = 0;
const RESPONSIVE: PC_EXIT_LATENCY = 2;

/// The adapter's power interface, as far as it goes.
struct Interfaces {
    first: Ref<IAdapterPowerManagement>,
    second: Option<Ref<IAdapterPowerManagement2>>,
    third: Option<Ref<IAdapterPowerManagement3>>,
}

/// What PortCls knows of an adapter's power.
pub(super) struct Power {
    interfaces: RefCell<Option<Rc<Interfaces>>>,
    pub(super) device: std::cell::Cell<DEVICE_POWER_STATE>,
    system: std::cell::Cell<SYSTEM_POWER_STATE>,
}

impl Power {
    /// A device that is on, in a system that works.
    pub(super) fn new() -> Self {
        Self {
            interfaces: RefCell::default(),
            device: std::cell::Cell::new(PowerDeviceD0),
            system: std::cell::Cell::new(PowerSystemWorking),
        }
    }

    /// Lets go of the adapter's interface.
    pub(super) fn release(&self) {
        let interfaces = self.interfaces.take();
        drop(interfaces);
    }

    fn interfaces(&self) -> Option<Rc<Interfaces>> {
        self.interfaces.borrow().clone()
    }

    /// Asks the adapter whether the device may go to a state.
    fn may_change(&self, state: DEVICE_POWER_STATE) -> NTSTATUS {
        let Some(interfaces) = self.interfaces() else {
            return STATUS_SUCCESS;
        };
        let first = &interfaces.first;
        let function = first.table().QueryPowerChangeState;
        let name = "IAdapterPowerManagement::QueryPowerChangeState";
        // SAFETY: the adapter's table.
        unsafe { call::driver(name, function, (first.this(), POWER_STATE(state))) }
    }

    /// Tells the adapter the device's new state, through the newest interface it has (inferred: the pages do not say that the
    /// older ones are left out then).
    fn change(&self, state: DEVICE_POWER_STATE) {
        let before = self.device.replace(state);
        let Some(interfaces) = self.interfaces() else {
            return;
        };
        let system = self.system.get();
        // SAFETY: the adapter's tables.
        unsafe {
            if let Some(third) = &interfaces.third {
                let latency = if before == PowerDeviceD3 {
                    RESPONSIVE
                } else {
                    INSTANT
                };
                call::driver(
                    "IAdapterPowerManagement3::PowerChangeState3",
                    third.table().PowerChangeState3,
                    (third.this(), state, system, latency),
                );
                if state == PowerDeviceD3 {
                    call::driver(
                        "IAdapterPowerManagement3::D3ExitLatencyChanged",
                        third.table().D3ExitLatencyChanged,
                        (third.this(), RESPONSIVE),
                    );
                }
            } else if let Some(second) = &interfaces.second {
                call::driver(
                    "IAdapterPowerManagement2::PowerChangeState2",
                    second.table().PowerChangeState2,
                    (second.this(), state, system),
                );
            } else {
                call::driver(
                    "IAdapterPowerManagement::PowerChangeState",
                    interfaces.first.table().PowerChangeState,
                    (interfaces.first.this(), POWER_STATE(state)),
                );
            }
        }
    }
}

/// Handles a power IRP.
pub(super) fn dispatch(
    adapter: &Rc<Adapter>,
    request: *mut Irp,
    stack: &IoStackLocation,
) -> NtStatus {
    let Some((kind, state)) = io::power_of(stack) else {
        return pass_on(adapter, request);
    };
    match (stack.minor_function, kind) {
        (QUERY_POWER, PowerKind::System) => {
            let below = forward_and_wait(adapter, request);
            let status = if below.is_ok() {
                io::query_power(adapter.pdo, PowerKind::Device, device_state(state)).status
            } else {
                below
            };
            finish(request, status.0, 0)
        }
        (SET_POWER, PowerKind::System) => {
            let below = forward_and_wait(adapter, request);
            adapter.power.system.set(state);
            // The policy owner sends the device's request even if it is in that state already ("Sending a Device
            // Set-Power IRP in Response to a System Set-Power IRP").
            let status = io::set_power(adapter.pdo, PowerKind::Device, device_state(state)).status;
            finish(request, below.0.min(status.0), 0)
        }
        (QUERY_POWER, PowerKind::Device) => match adapter.power.may_change(state) {
            STATUS_SUCCESS => pass_on(adapter, request),
            refusal => finish(request, refusal, 0),
        },
        (SET_POWER, PowerKind::Device) if state == PowerDeviceD0 => {
            let below = forward_and_wait(adapter, request);
            adapter.power.change(state);
            for pin in adapter.open_pins() {
                pin.go_on();
            }
            finish(request, below.0, 0)
        }
        (SET_POWER, PowerKind::Device) => {
            for pin in adapter.open_pins() {
                pin.hold();
            }
            adapter.power.change(state);
            pass_on(adapter, request)
        }
        _ => pass_on(adapter, request),
    }
}

/// The device's state in a state of the system: PortCls maps every sleep to D3 here (it may map lighter ones to lighter states).
fn device_state(system: SYSTEM_POWER_STATE) -> DEVICE_POWER_STATE {
    if system == PowerSystemWorking {
        PowerDeviceD0
    } else {
        PowerDeviceD3
    }
}

/// "PortCls always places the device in the PowerDeviceD0 state before calling the miniport driver's NewStream method."
pub(super) fn wake(adapter: &Adapter) {
    if adapter.power.device.get() != PowerDeviceD0 {
        io::set_power(adapter.pdo, PowerKind::Device, PowerDeviceD0);
    }
}

/// No device here is woken by a request, nor changes its state by one: the request is refused (inferred; the page lists no status for that).
pub(super) extern "win64" fn po_request_power_irp(
    _device: *mut DeviceObject,
    minor: u8,
    _state: i32,
    _routine: *const c_void,
    _context: *mut c_void,
    _irp: *mut *mut c_void,
) -> NtStatus {
    if minor == SET_POWER {
        finding::raise(
            &rules::POWER_REQUESTED,
            "PoRequestPowerIrp was called with IRP_MN_SET_POWER",
        );
    }
    STATUS_NOT_SUPPORTED
}

pub(crate) extern "win64" fn pc_register_adapter_power_management(
    unknown: *mut c_void,
    fdo: *mut DeviceObject,
) -> NTSTATUS {
    let Some(adapter) = adapter::named(fdo, "PcRegisterAdapterPowerManagement") else {
        return STATUS_INVALID_PARAMETER;
    };
    if adapter.power.interfaces().is_some() {
        let text = "it was called again without PcUnregisterAdapterPowerManagement in between";
        finding::raise(&rules::POWER_TWICE, text);
    }
    let Some(first) =
        Unknown::share(unknown).and_then(|object| object.query::<IAdapterPowerManagement>())
    else {
        finding::raise(
            &rules::POWER_INTERFACE,
            format!("the object at {unknown:p} has none"),
        );
        return STATUS_INVALID_PARAMETER;
    };
    let interfaces = Interfaces {
        second: first.query(),
        third: first.query(),
        first,
    };
    let before = adapter.power.interfaces.replace(Some(Rc::new(interfaces)));
    drop(before);
    STATUS_SUCCESS
}

pub(crate) extern "win64" fn pc_unregister_adapter_power_management(
    fdo: *mut DeviceObject,
) -> NTSTATUS {
    let Some(adapter) = adapter::named(fdo, "PcUnregisterAdapterPowerManagement") else {
        return STATUS_INVALID_PARAMETER;
    };
    if adapter.power.interfaces().is_none() {
        let text = "PcUnregisterAdapterPowerManagement was called, and nothing is registered";
        finding::raise(&rules::POWER_TWICE, text);
        return STATUS_INVALID_PARAMETER;
    }
    adapter.power.release();
    STATUS_SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn a_miniport_asks_for_no_power_state() {
        let check = |minor, expect| {
            let machine = Kernel::boot(Options::default());
            let none = std::ptr::null_mut();
            let place = std::ptr::null_mut();
            po_request_power_irp(std::ptr::null_mut(), minor, 1, none, none, place);
            assert_eq!(machine.findings.has(&rules::POWER_REQUESTED), expect);
        };
        check(SET_POWER, true);
        check(0, false);
    }
}
