//! The adapter's side of power management (portcls.h).

use crate::unknown::interfaces;
use crate::{
    DEVICE_CAPABILITIES, DEVICE_POWER_STATE, IUnknownVtbl, NTSTATUS, POWER_STATE,
    SYSTEM_POWER_STATE,
};
use core::ffi::c_void;

/// Table of [`IAdapterPowerManagement`]. 6 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IAdapterPowerManagementVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, NewState)`: the device goes to this state.
    pub PowerChangeState: unsafe extern "efiapi" fn(this: *mut c_void, state: POWER_STATE),
    /// `(this, NewStateQuery)`: whether it may.
    pub QueryPowerChangeState:
        unsafe extern "efiapi" fn(this: *mut c_void, state: POWER_STATE) -> NTSTATUS,
    /// `(this, inout PowerDeviceCaps)`.
    pub QueryDeviceCapabilities:
        unsafe extern "efiapi" fn(this: *mut c_void, caps: *mut DEVICE_CAPABILITIES) -> NTSTATUS,
}

/// Table of [`IAdapterPowerManagement2`]. 7 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IAdapterPowerManagement2Vtbl {
    /// IAdapterPowerManagement.
    pub base: IAdapterPowerManagementVtbl,
    /// `(this, NewDeviceState, NewSystemState)`.
    pub PowerChangeState2: unsafe extern "efiapi" fn(
        this: *mut c_void,
        device: DEVICE_POWER_STATE,
        system: SYSTEM_POWER_STATE,
    ),
}

/// Table of [`IAdapterPowerManagement3`]. 9 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IAdapterPowerManagement3Vtbl {
    /// IAdapterPowerManagement2.
    pub base: IAdapterPowerManagement2Vtbl,
    /// `(this, NewDeviceState, NewSystemState, D3ExitLatency)`.
    pub PowerChangeState3: unsafe extern "efiapi" fn(
        this: *mut c_void,
        device: DEVICE_POWER_STATE,
        system: SYSTEM_POWER_STATE,
        latency: PC_EXIT_LATENCY,
    ),
    /// `(this, NewD3ExitLatency)`.
    pub D3ExitLatencyChanged:
        unsafe extern "efiapi" fn(this: *mut c_void, latency: PC_EXIT_LATENCY) -> NTSTATUS,
}

/// `PC_EXIT_LATENCY` (portcls.h): 0 instant, 1 fast, 2 responsive.
pub type PC_EXIT_LATENCY = i32;

interfaces! {
    pub IAdapterPowerManagement: IAdapterPowerManagementVtbl, IID_IAdapterPowerManagement, "Power changes of the adapter.";
    pub IAdapterPowerManagement2: IAdapterPowerManagement2Vtbl, IID_IAdapterPowerManagement2, "The same with the system's state.";
    pub IAdapterPowerManagement3: IAdapterPowerManagement3Vtbl, IID_IAdapterPowerManagement3, "The same with exit latencies.";
}
