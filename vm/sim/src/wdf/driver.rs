//! WDFDRIVER: a miniport's, which keeps its dispatch routines, and its end.

use std::ffi::c_void;

use super::loader::Globals;
use super::object::{self, Attributes, Kind};
use super::wdf_rows;
use crate::finding;
use crate::nt::layout::{DriverObject, UnicodeString};
use crate::nt::status::{NtStatus, STATUS_INVALID_PARAMETER, STATUS_SUCCESS};
use crate::rules;

/// `WdfDriverInitNonPnpDriver` and `WdfDriverInitNoDispatchOverride` (wdfdriver.h).
const NON_PNP: u32 = 1;
const NO_DISPATCH_OVERRIDE: u32 = 2;

/// `WDF_DRIVER_CONFIG`.
#[repr(C)]
struct Config {
    size: u32,
    device_add: *const c_void,
    unload: *const c_void,
    flags: u32,
    tag: u32,
}

extern "win64" fn wdf_driver_create(
    globals: *mut Globals,
    driver: *mut DriverObject,
    _registry_path: *const UnicodeString,
    attributes: *const Attributes,
    config: *const Config,
    out: *mut usize,
) -> NtStatus {
    // SAFETY: the driver's structure; a bad address faults into a report.
    let config = unsafe { &*config };
    if (config.size as usize) < size_of::<Config>() || driver.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    if config.flags & NO_DISPATCH_OVERRIDE == 0 {
        finding::fatal(
            &rules::WDF_VERSION,
            "WdfDriverCreate without WdfDriverInitNoDispatchOverride: the framework would take the dispatch routines, and this one \
             is for miniports, whose port driver has them",
        );
    }
    // SAFETY: globals that were bound.
    if unsafe { (*globals).driver } != 0 {
        finding::raise(&rules::WDF_OBJECT, "WdfDriverCreate is called twice");
        return STATUS_INVALID_PARAMETER;
    }
    let handle = object::create(
        globals,
        attributes,
        Kind::Driver { object: driver },
        Vec::new(),
    );
    // SAFETY: globals that were bound; the driver's place for the handle, which it may leave out.
    unsafe {
        (*globals).driver = handle;
        (*globals).flags |= config.flags & (NO_DISPATCH_OVERRIDE | NON_PNP);
        // The stub puts itself into the way of DriverUnload only for a driver that wants to be told.
        (*globals).displace_unload = u8::from(!config.unload.is_null());
        if !out.is_null() {
            out.write(handle);
        }
    }
    STATUS_SUCCESS
}

fn driver_object(handle: usize, what: &str) -> *mut DriverObject {
    let found = object::with(handle, what, |object| match object.kind {
        Kind::Driver { object } => Some(object),
        _ => None,
    });
    found.unwrap_or_else(|| object::wrong_kind(handle, what))
}

extern "win64" fn wdf_driver_wdm_get_driver_object(
    _globals: *const Globals,
    driver: usize,
) -> *mut DriverObject {
    driver_object(driver, "WdfDriverWdmGetDriverObject")
}

extern "win64" fn wdf_wdm_driver_get_wdf_driver_handle(
    globals: *const Globals,
    _driver: *mut DriverObject,
) -> usize {
    // SAFETY: globals that were bound.
    unsafe { (*globals).driver }
}

extern "win64" fn wdf_driver_miniport_unload(globals: *mut Globals, driver: usize) {
    driver_object(driver, "WdfDriverMiniportUnload");
    object::delete_driver(globals);
}

wdf_rows! {
    116 "WdfDriverCreate"                 wdf_driver_create                    PASSIVE "wdfdriver/nf-wdfdriver-wdfdrivercreate";
    118 "WdfDriverWdmGetDriverObject"     wdf_driver_wdm_get_driver_object     DISPATCH "wdfdriver/nf-wdfdriver-wdfdriverwdmgetdriverobject";
    120 "WdfWdmDriverGetWdfDriverHandle"  wdf_wdm_driver_get_wdf_driver_handle DISPATCH "wdfdriver/nf-wdfdriver-wdfwdmdrivergetwdfdriverhandle";
    201 "WdfDriverMiniportUnload"         wdf_driver_miniport_unload           PASSIVE "wdfminiport/nf-wdfminiport-wdfdriverminiportunload";
}
