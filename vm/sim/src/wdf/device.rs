//! WDFDEVICE of a miniport: a parent for other objects, and a name for the stack that the port driver made.

use super::loader::Globals;
use super::object::{self, Attributes, Kind};
use super::wdf_rows;
use crate::nt::layout::DeviceObject;
use crate::nt::status::{NtStatus, STATUS_INVALID_PARAMETER, STATUS_SUCCESS};

extern "win64" fn wdf_device_miniport_create(
    globals: *const Globals,
    driver: usize,
    attributes: *const Attributes,
    device: *mut DeviceObject,
    attached: *mut DeviceObject,
    pdo: *mut DeviceObject,
    out: *mut usize,
) -> NtStatus {
    object::with(driver, "WdfDeviceMiniportCreate", |_| ());
    if device.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    let kind = Kind::Device {
        stack: [device, attached, pdo],
    };
    let handle = object::create(globals, attributes, kind, Vec::new());
    // SAFETY: the driver's place for the handle; a bad address faults into a report.
    unsafe { out.write(handle) };
    STATUS_SUCCESS
}

fn stack(handle: usize, what: &str) -> [*mut DeviceObject; 3] {
    let found = object::with(handle, what, |object| match object.kind {
        Kind::Device { stack } => Some(stack),
        _ => None,
    });
    found.unwrap_or_else(|| object::wrong_kind(handle, what))
}

extern "win64" fn wdf_device_wdm_get_device_object(
    _globals: *const Globals,
    device: usize,
) -> *mut DeviceObject {
    stack(device, "WdfDeviceWdmGetDeviceObject")[0]
}

extern "win64" fn wdf_device_wdm_get_attached_device(
    _globals: *const Globals,
    device: usize,
) -> *mut DeviceObject {
    stack(device, "WdfDeviceWdmGetAttachedDevice")[1]
}

extern "win64" fn wdf_device_wdm_get_physical_device(
    _globals: *const Globals,
    device: usize,
) -> *mut DeviceObject {
    stack(device, "WdfDeviceWdmGetPhysicalDevice")[2]
}

wdf_rows! {
    31  "WdfDeviceWdmGetDeviceObject"   wdf_device_wdm_get_device_object   DISPATCH "wdfdevice/nf-wdfdevice-wdfdevicewdmgetdeviceobject";
    32  "WdfDeviceWdmGetAttachedDevice" wdf_device_wdm_get_attached_device DISPATCH "wdfdevice/nf-wdfdevice-wdfdevicewdmgetattacheddevice";
    33  "WdfDeviceWdmGetPhysicalDevice" wdf_device_wdm_get_physical_device DISPATCH "wdfdevice/nf-wdfdevice-wdfdevicewdmgetphysicaldevice";
    200 "WdfDeviceMiniportCreate"       wdf_device_miniport_create         PASSIVE  "wdfminiport/nf-wdfminiport-wdfdeviceminiportcreate";
}
