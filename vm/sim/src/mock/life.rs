//! The mock's part in Plug and Play: what it registered goes with a stop, and with the device.

use std::cell::RefCell;
use std::ffi::c_void;

use waverig_portcls::status::STATUS_PENDING;
use waverig_portcls::{
    IAdapterPnpManagementVtbl, IUnregisterSubdeviceVtbl, PC_REBALANCE_TYPE,
    PcRebalanceNotSupported, PcRebalanceRemoveSubdevices, id,
};

use super::miniport::{self, UNKNOWN};
use super::{Quirk, has, slot};
use crate::nt::irp;
use crate::nt::layout::{DeviceObject, Dispatch, DriverObject, Irp};
use crate::nt::status::{NtStatus, STATUS_SUCCESS};
use crate::portcls::{adapter, pnp, power};

/// IRP_MN_STOP_DEVICE, IRP_MN_REMOVE_DEVICE and IRP_MN_SURPRISE_REMOVAL (wdm.h).
const STOP_DEVICE: u8 = 4;
const REMOVE_DEVICE: u8 = 2;
const SURPRISE_REMOVAL: u8 = 23;

thread_local! {
    /// PortCls's handlers of Plug and Play, opens and controls.
    static PORT_CLASS: RefCell<[Option<Dispatch>; 3]> = const { RefCell::new([None; 3]) };
    /// Registered ports, with a reference each.
    static PORTS: RefCell<Vec<*mut c_void>> = const { RefCell::new(Vec::new()) };
}

const MAJORS: [u8; 3] = [irp::MJ_PNP, irp::MJ_CREATE, irp::MJ_DEVICE_CONTROL];

/// Puts the mock in front of PortCls's handlers.
pub(super) fn install(driver: &mut DriverObject) {
    let own: [Dispatch; 3] = [plug_and_play, open, control];
    let mut before = [None; 3];
    for ((major, own), before) in MAJORS.into_iter().zip(own).zip(&mut before) {
        *before = driver.major_function[usize::from(major)].replace(own);
    }
    PORT_CLASS.set(before);
    PORTS.take();
}

/// PortCls goes on with a request.
unsafe fn port_class(which: usize, device: *mut DeviceObject, request: *mut Irp) -> NtStatus {
    let handler = PORT_CLASS.with_borrow(|handlers| handlers[which]);
    // SAFETY: the handler that PortCls installed, with the request as it came.
    unsafe { handler.expect("PortCls has installed its handlers")(device, request) }
}

unsafe extern "win64" fn plug_and_play(device: *mut DeviceObject, request: *mut Irp) -> NtStatus {
    // SAFETY: the request that came down.
    let minor = unsafe { (*irp::current_stack(request)).minor_function };
    let keep = minor == STOP_DEVICE && has(Quirk::StoppedWithSubdevices);
    if matches!(minor, STOP_DEVICE | REMOVE_DEVICE | SURPRISE_REMOVAL) && !keep {
        let ports = PORTS.take();
        if !ports.is_empty() {
            power::pc_unregister_adapter_power_management(device);
        }
        for port in ports {
            unregister(device, port);
        }
    }
    // SAFETY: as it came.
    unsafe { port_class(0, device, request) }
}

unsafe extern "win64" fn open(device: *mut DeviceObject, request: *mut Irp) -> NtStatus {
    if has(Quirk::OpensAlways) {
        return irp::finish(request, STATUS_SUCCESS, 0);
    }
    // SAFETY: as it came.
    unsafe { port_class(1, device, request) }
}

unsafe extern "win64" fn control(device: *mut DeviceObject, request: *mut Irp) -> NtStatus {
    if has(Quirk::KeepsRequests) {
        irp::mark_pending(request);
        return NtStatus(STATUS_PENDING);
    }
    // SAFETY: as it came.
    unsafe { port_class(2, device, request) }
}

/// Keeps a registered port until the device stops or goes.
pub(super) fn keep(port: *mut c_void) {
    PORTS.with_borrow_mut(|ports| ports.push(port));
}

fn unregister(device: *mut DeviceObject, port: *mut c_void) {
    type Query = unsafe extern "efiapi" fn(
        *mut c_void,
        *const waverig_portcls::Guid,
        *mut *mut c_void,
    ) -> i32;
    let mut found = std::ptr::null_mut::<c_void>();
    // SAFETY: interface pointers of PortCls, whose tables begin with QueryInterface.
    unsafe {
        let iid = id::IID_IUnregisterSubdevice;
        if slot::<Query>(port, 0)(port, &raw const iid, &raw mut found) >= 0 {
            let table = &**found.cast::<*const IUnregisterSubdeviceVtbl>();
            (table.UnregisterSubdevice)(found, device.cast(), port);
            miniport::release(found);
        }
    }
    miniport::release(port);
}

/// Registers the interface for stops.
pub(super) fn register(fdo: *mut DeviceObject) {
    let known = adapter::find(fdo).is_some_and(|adapter| adapter.can_be_told_of_stops());
    // Registered once, however often the device is started.
    if known {
        return;
    }
    let interface = miniport::make((&raw const STOPS).cast(), &[id::IID_IAdapterPnpManagement]);
    pnp::pc_register_adapter_pnp_management(interface, fdo);
    miniport::release(interface);
}

static STOPS: IAdapterPnpManagementVtbl = IAdapterPnpManagementVtbl {
    base: UNKNOWN,
    GetSupportedRebalanceType: rebalance_type,
    PnpQueryStop: told,
    PnpCancelStop: told,
    PnpStop: told,
};

unsafe extern "efiapi" fn rebalance_type(_: *mut c_void) -> PC_REBALANCE_TYPE {
    if has(Quirk::CannotBeStopped) {
        PcRebalanceNotSupported
    } else {
        PcRebalanceRemoveSubdevices
    }
}

unsafe extern "efiapi" fn told(_: *mut c_void) {}
