//! Which requests are the tap's and which are PortCls's.
//!
//! PortCls and KS look into `FileObject->FsContext`, which a tap handle does not have. So every function that takes a file object
//! comes through here first, and only requests on other handles go on to the handler that PortCls installed.

use crate::device::Extension;
use crate::fault;
use crate::irp::Irp;
use crate::portcls::PcDispatchIrp;
use crate::{etw, tap, trace};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};
use waverig_interface::EventKind;
use waverig_portcls::status::{
    STATUS_DEVICE_NOT_CONNECTED, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
};
use wdk_sys::{
    DRIVER_DISPATCH, DRIVER_UNLOAD, IRP_MJ_CREATE, IRP_MJ_MAXIMUM_FUNCTION, IRP_MJ_PNP,
    IRP_MJ_POWER, IRP_MJ_SYSTEM_CONTROL, IRP_MN_CANCEL_REMOVE_DEVICE, IRP_MN_CANCEL_STOP_DEVICE,
    IRP_MN_QUERY_REMOVE_DEVICE, IRP_MN_QUERY_STOP_DEVICE, IRP_MN_REMOVE_DEVICE,
    IRP_MN_START_DEVICE, IRP_MN_STOP_DEVICE, IRP_MN_SURPRISE_REMOVAL, NTSTATUS, PDEVICE_OBJECT,
    PDRIVER_OBJECT, PIRP,
};

/// PortCls's handlers, by major function. Written by `DriverEntry`, before any device exists.
static PORT_CLASS: [AtomicPtr<()>; IRP_MJ_MAXIMUM_FUNCTION as usize + 1] =
    [const { AtomicPtr::new(null_mut()) }; IRP_MJ_MAXIMUM_FUNCTION as usize + 1];

/// PortCls's `DriverUnload`. Written like [`PORT_CLASS`].
static PORT_CLASS_UNLOAD: AtomicPtr<()> = AtomicPtr::new(null_mut());

/// The plug and play requests that change something; the others are questions.
const CHANGES: [u32; 8] = [
    IRP_MN_START_DEVICE,
    IRP_MN_QUERY_REMOVE_DEVICE,
    IRP_MN_REMOVE_DEVICE,
    IRP_MN_CANCEL_REMOVE_DEVICE,
    IRP_MN_STOP_DEVICE,
    IRP_MN_QUERY_STOP_DEVICE,
    IRP_MN_CANCEL_STOP_DEVICE,
    IRP_MN_SURPRISE_REMOVAL,
];

/// Puts this module in front of PortCls's handlers. PASSIVE_LEVEL.
///
/// # Safety
/// `driver` is this driver's object; `PcInitializeAdapterDriver` has succeeded; no device exists yet.
pub(crate) unsafe fn install(driver: PDRIVER_OBJECT) {
    // SAFETY: the object is this driver's to fill in during DriverEntry.
    let driver = unsafe { &mut *driver };
    for (major, (handler, saved)) in driver.MajorFunction.iter_mut().zip(&PORT_CLASS).enumerate() {
        match major as u32 {
            // No file object is looked into here.
            IRP_MJ_POWER | IRP_MJ_SYSTEM_CONTROL => {}
            IRP_MJ_PNP => *handler = Some(pnp),
            _ => {
                saved.store(
                    handler.map_or(null_mut(), |handler| handler as *mut ()),
                    Ordering::Relaxed,
                );
                *handler = Some(file_request);
            }
        }
    }
    PORT_CLASS_UNLOAD.store(
        driver
            .DriverUnload
            .map_or(null_mut(), |unload| unload as *mut ()),
        Ordering::Relaxed,
    );
    driver.DriverUnload = Some(unload);
    // Fast I/O would reach PortCls without passing here; the I/O manager sends requests instead.
    driver.FastIoDispatch = null_mut();
}

/// `DriverUnload`: no device is left. PASSIVE_LEVEL.
unsafe extern "C" fn unload(driver: PDRIVER_OBJECT) {
    etw::unregister();
    let handler = PORT_CLASS_UNLOAD.load(Ordering::Relaxed);
    // SAFETY: the word was a DRIVER_UNLOAD, and null is its None.
    if let Some(handler) = unsafe { core::mem::transmute::<*mut (), DRIVER_UNLOAD>(handler) } {
        // SAFETY: PortCls takes over the call as it came.
        unsafe { handler(driver) };
    }
}

/// Handler of every function that comes with a file object. IRQL as the I/O manager sends it, PASSIVE_LEVEL here.
unsafe extern "C" fn file_request(device: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    // SAFETY: the I/O manager hands over a request of its own, and the device is one that PortCls made for this driver.
    let (request, extension) = unsafe { (Irp::new(irp), Extension::of(device)) };
    let Some(request) = request else {
        return STATUS_INVALID_PARAMETER;
    };
    let major = u32::from(request.stack().MajorFunction);
    if major == IRP_MJ_CREATE && extension.is_closed() {
        return request.complete(STATUS_DEVICE_NOT_CONNECTED, 0);
    }
    if let Some(status) = tap::dispatch(extension, request) {
        return status;
    }
    let handler = PORT_CLASS
        .get(major as usize)
        .map_or(null_mut(), |saved| saved.load(Ordering::Relaxed));
    // SAFETY: the word was a DRIVER_DISPATCH, and null is its None.
    match unsafe { core::mem::transmute::<*mut (), DRIVER_DISPATCH>(handler) } {
        // SAFETY: PortCls takes over the request as it came.
        Some(handler) => unsafe { handler(device, irp) },
        None => request.complete(STATUS_INVALID_DEVICE_REQUEST, 0),
    }
}

/// Handler of `IRP_MJ_PNP`: what start registered is undone first, then PortCls does its part. PASSIVE_LEVEL.
unsafe extern "C" fn pnp(device: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
    // SAFETY: as in `file_request`.
    unsafe {
        let minor = Irp::new(irp).map(|irp| u32::from(irp.stack().MinorFunction));
        let extension = Extension::of(device);
        if let Some(minor) = minor.filter(|minor| CHANGES.contains(minor)) {
            trace::note(extension.source(), EventKind::Pnp, [minor.into(), 0, 0]);
        }
        match minor {
            Some(IRP_MN_QUERY_REMOVE_DEVICE) => extension.set_closed(true),
            Some(IRP_MN_STOP_DEVICE) => extension.stop(),
            Some(IRP_MN_SURPRISE_REMOVAL) => {
                extension.set_closed(true);
                extension.stop();
            }
            Some(IRP_MN_REMOVE_DEVICE) => {
                extension.set_closed(true);
                extension.remove();
            }
            _ => {}
        }
        if fault::refuses(minor)
            && let Some(request) = Irp::new(irp)
        {
            return request.complete(STATUS_INVALID_DEVICE_REQUEST, 0);
        }
        let status = PcDispatchIrp(device, irp);
        // After the devices below, as a cancelled removal asks for; only a removal makes the device go.
        if minor == Some(IRP_MN_CANCEL_REMOVE_DEVICE) {
            extension.set_closed(false);
        }
        status
    }
}
