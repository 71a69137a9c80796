//! The cable as PortCls's adapter object: power management.
//!
//! There is no hardware, so there is nothing to do: PortCls pauses streams before it powers down and restarts them afterwards,
//! and a paused stream's clock stands.

use super::Cable;
use core::ffi::c_void;
use waverig_portcls::com::{Class, Interface, Table};
use waverig_portcls::status::STATUS_SUCCESS;
use waverig_portcls::{
    DEVICE_CAPABILITIES, DEVICE_POWER_STATE, IAdapterPowerManagement, IAdapterPowerManagement2,
    IAdapterPowerManagement2Vtbl, IAdapterPowerManagement3, IAdapterPowerManagement3Vtbl,
    IAdapterPowerManagementVtbl, NTSTATUS, PC_EXIT_LATENCY, POWER_STATE, SYSTEM_POWER_STATE,
};

/// Each version of the interface begins with the one before, so one table serves all.
pub(super) const TABLE: Table = Table {
    vtbl: (&raw const VTBL).cast(),
    iids: &[
        &IAdapterPowerManagement::IID,
        &IAdapterPowerManagement2::IID,
        &IAdapterPowerManagement3::IID,
    ],
};

static VTBL: IAdapterPowerManagement3Vtbl = IAdapterPowerManagement3Vtbl {
    base: IAdapterPowerManagement2Vtbl {
        base: IAdapterPowerManagementVtbl {
            base: Cable::UNKNOWN,
            PowerChangeState: power_change_state,
            QueryPowerChangeState: query_power_change_state,
            QueryDeviceCapabilities: query_device_capabilities,
        },
        PowerChangeState2: power_change_state_2,
    },
    PowerChangeState3: power_change_state_3,
    D3ExitLatencyChanged: d3_exit_latency_changed,
};

unsafe extern "efiapi" fn power_change_state(_: *mut c_void, _: POWER_STATE) {}

unsafe extern "efiapi" fn query_power_change_state(_: *mut c_void, _: POWER_STATE) -> NTSTATUS {
    STATUS_SUCCESS
}

/// What the bus driver filled in stands; D3 is always possible.
unsafe extern "efiapi" fn query_device_capabilities(
    _: *mut c_void,
    _: *mut DEVICE_CAPABILITIES,
) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn power_change_state_2(
    _: *mut c_void,
    _: DEVICE_POWER_STATE,
    _: SYSTEM_POWER_STATE,
) {
}

unsafe extern "efiapi" fn power_change_state_3(
    _: *mut c_void,
    _: DEVICE_POWER_STATE,
    _: SYSTEM_POWER_STATE,
    _: PC_EXIT_LATENCY,
) {
}

unsafe extern "efiapi" fn d3_exit_latency_changed(_: *mut c_void, _: PC_EXIT_LATENCY) -> NTSTATUS {
    STATUS_SUCCESS
}
