//! What the driver imports from portcls.sys, declared from portcls.h. All at PASSIVE_LEVEL.

use core::ffi::c_void;
use waverig_portcls::{Guid, IPort};
use wdk_sys::{
    NTSTATUS, PCUNICODE_STRING, PDEVICE_OBJECT, PDRIVER_ADD_DEVICE, PDRIVER_OBJECT, PIRP,
};

/// `PCPFNSTARTDEVICE`.
pub(crate) type StartDevice =
    unsafe extern "C" fn(device: PDEVICE_OBJECT, irp: PIRP, resources: *mut c_void) -> NTSTATUS;

#[link(name = "portcls.sys", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    pub(crate) fn PcInitializeAdapterDriver(
        driver: PDRIVER_OBJECT,
        registry_path: PCUNICODE_STRING,
        add_device: PDRIVER_ADD_DEVICE,
    ) -> NTSTATUS;
    pub(crate) fn PcAddAdapterDevice(
        driver: PDRIVER_OBJECT,
        physical: PDEVICE_OBJECT,
        start: StartDevice,
        max_objects: u32,
        extension_bytes: u32,
    ) -> NTSTATUS;
    pub(crate) fn PcDispatchIrp(device: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS;
    pub(crate) fn PcGetPhysicalDeviceObject(
        device: PDEVICE_OBJECT,
        physical: *mut PDEVICE_OBJECT,
    ) -> NTSTATUS;
    pub(crate) fn PcRegisterAdapterPowerManagement(
        unknown: *mut c_void,
        device: PDEVICE_OBJECT,
    ) -> NTSTATUS;
    pub(crate) fn PcUnregisterAdapterPowerManagement(device: PDEVICE_OBJECT) -> NTSTATUS;
    pub(crate) fn PcRegisterAdapterPnpManagement(
        unknown: *mut c_void,
        device: PDEVICE_OBJECT,
    ) -> NTSTATUS;
    pub(crate) fn PcUnregisterAdapterPnpManagement(device: PDEVICE_OBJECT) -> NTSTATUS;
    pub(crate) fn PcNewPort(port: *mut *mut IPort, class: *const Guid) -> NTSTATUS;
    pub(crate) fn PcRegisterSubdevice(
        device: PDEVICE_OBJECT,
        name: *const u16,
        unknown: *mut c_void,
    ) -> NTSTATUS;
    pub(crate) fn PcRegisterPhysicalConnection(
        device: PDEVICE_OBJECT,
        from: *mut c_void,
        from_pin: u32,
        to: *mut c_void,
        to_pin: u32,
    ) -> NTSTATUS;
}

/// Errors as `Err`.
pub(crate) fn check(status: NTSTATUS) -> Result<(), NTSTATUS> {
    if wdk::nt_success(status) {
        Ok(())
    } else {
        Err(status)
    }
}
