//! The adapter's side of Plug and Play (portcls.h, Windows 10 1511 and later): without it PortCls refuses to stop the device
//! for a rebalance of resources ("Implement PnP Rebalance for PortCls Audio Drivers").

use crate::IUnknownVtbl;
use crate::unknown::interfaces;
use core::ffi::c_void;

/// `PC_REBALANCE_TYPE` (portcls.h).
pub type PC_REBALANCE_TYPE = i32;
/// The device cannot be stopped while it is in use.
pub const PcRebalanceNotSupported: PC_REBALANCE_TYPE = 0;
/// A stop unregisters the subdevices, and the start after it registers them anew.
pub const PcRebalanceRemoveSubdevices: PC_REBALANCE_TYPE = 1;

/// Table of [`IAdapterPnpManagement`]. 7 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IAdapterPnpManagementVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// Whether and how the device can be stopped. Asked during `IRP_MN_QUERY_STOP_DEVICE`, under PortCls's device lock.
    pub GetSupportedRebalanceType:
        unsafe extern "efiapi" fn(this: *mut c_void) -> PC_REBALANCE_TYPE,
    /// PortCls is about to agree to a stop.
    pub PnpQueryStop: unsafe extern "efiapi" fn(this: *mut c_void),
    /// The stop does not come; may be called without [`Self::PnpQueryStop`] before it.
    pub PnpCancelStop: unsafe extern "efiapi" fn(this: *mut c_void),
    /// Requests and streams are stopped, interfaces are off: hardware is to be let go.
    pub PnpStop: unsafe extern "efiapi" fn(this: *mut c_void),
}

interfaces! {
    pub IAdapterPnpManagement: IAdapterPnpManagementVtbl, IID_IAdapterPnpManagement, "Stops of the adapter.";
}
