//! Driver objects: DriverEntry, AddDevice, unload, and what must be gone after that.

use std::path::Path;

use anyhow::{Result, bail};

use crate::call;
use crate::finding;
use crate::host::{PAGE_SIZE, memory};
use crate::image::{self, Image};
use crate::imports::{Levels, export};
use crate::kernel::kernel;
use crate::nt::layout::{
    AddDevice, DeviceObject, Dispatch, DriverExtension, DriverObject, Irp, UnicodeString,
};
use crate::nt::pageable;
use crate::nt::pool::{self, Owner};
use crate::nt::status::{NtStatus, STATUS_INVALID_DEVICE_REQUEST};
use crate::nt::timer;
use crate::rules;
use crate::sched;

/// Kind of a driver object (IO_TYPE_DRIVER, wdm.h).
const DRIVER_OBJECT: i16 = 4;

/// Signature of DriverEntry.
type DriverEntry = unsafe extern "win64" fn(*mut DriverObject, *const UnicodeString) -> NtStatus;

/// A driver whose DriverEntry succeeded.
#[derive(Debug, Clone, Copy)]
pub struct Driver {
    /// Its object.
    pub object: *mut DriverObject,
    /// Its image.
    pub image: &'static Image,
}

extern "win64" fn invalid_device_request(_device: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    crate::nt::irp::finish(irp, STATUS_INVALID_DEVICE_REQUEST, 0)
}

/// Makes a driver object, without an image: for drivers that the kernel plays itself, and as the first step of loading.
pub fn create(service: &str) -> *mut DriverObject {
    let object: *mut DriverObject =
        pool::allocate(size_of::<DriverObject>(), *b"Driv", Owner::System).cast();
    let extension: *mut DriverExtension =
        pool::allocate(size_of::<DriverExtension>(), *b"Driv", Owner::System).cast();
    let invalid = export(
        "IopInvalidDeviceRequest",
        invalid_device_request as *const (),
        Levels::DISPATCH,
        "wdm/nc-wdm-driver_dispatch",
    );
    // SAFETY: both blocks were just allocated, zeroed, with these sizes; the thunk leads to a dispatch routine.
    unsafe {
        (*object).kind = DRIVER_OBJECT;
        (*object).size = i16::try_from(size_of::<DriverObject>()).expect("a small structure");
        (*object).driver_extension = extension;
        (*object).driver_name = UnicodeString::allocate(&format!("\\Driver\\{service}"));
        (*object).major_function = [Some(std::mem::transmute::<*const (), Dispatch>(invalid)); _];
        (*extension).driver_object = object;
        (*extension).service_key_name = UnicodeString::allocate(service);
    }
    object
}

/// Path of a service's key.
pub fn service_key(service: &str) -> String {
    format!("\\Registry\\Machine\\System\\CurrentControlSet\\Services\\{service}")
}

/// Loads the image at `path` for `service` and calls its DriverEntry.
///
/// # Errors
/// When the image cannot be loaded or DriverEntry fails.
pub fn load(path: &Path, service: &str) -> Result<Driver> {
    let image = image::load(path)?;
    let object = create(service);
    let registry_path = UnicodeString::allocate(&service_key(service));
    // SAFETY: the object was just made; the entry point of a checked image is its DriverEntry.
    let status = unsafe {
        (*object).driver_start = image.base as *mut _;
        (*object).driver_size = u32::try_from(image.size)?;
        (*object).driver_init = image.entry as *mut _;
        let entry = std::mem::transmute::<usize, DriverEntry>(image.entry);
        call::driver("DriverEntry", entry, (object, &raw const registry_path))
    };
    if !status.is_ok() {
        check_leftovers(object);
        bail!("DriverEntry of {} failed with {status}", image.name);
    }
    for (rva, length) in &image.discardable {
        // SAFETY: the loader throws these sections away after DriverEntry; a later use faults into a report.
        unsafe { memory::decommit((image.base + rva) as *mut u8, *length)? };
    }
    Ok(Driver { object, image })
}

/// Calls the driver's AddDevice for a physical device.
///
/// # Errors
/// When the driver has none.
pub fn add_device(
    driver: *mut DriverObject,
    physical_device: *mut DeviceObject,
) -> Result<NtStatus> {
    // SAFETY: driver objects are made here, with an extension; a routine in it was put there by the driver.
    unsafe {
        let Some(routine): Option<AddDevice> = (*(*driver).driver_extension).add_device else {
            bail!("{} set no AddDevice", (*driver).driver_name);
        };
        Ok(call::driver(
            "AddDevice",
            routine,
            (driver, physical_device),
        ))
    }
}

/// Unloads a driver: calls its unload routine and looks for everything it left behind.
///
/// # Errors
/// When the driver set no unload routine: it cannot be unloaded.
pub fn unload(driver: Driver) -> Result<()> {
    sched::settle();
    // SAFETY: the object is live until here; its routine was put there by the driver.
    unsafe {
        let Some(routine) = (*driver.object).driver_unload else {
            bail!("{} set no DriverUnload", (*driver.object).driver_name);
        };
        call::driver("DriverUnload", routine, (driver.object,));
    }
    sched::settle();
    check_leftovers(driver.object);
    let image = driver.image;
    crate::nt::resource::check_freed(image.base, image.size, &"a driver is unloaded");
    crate::nt::remove_lock::check_freed(image.base, image.size);
    pageable::remove_in(image.base, image.size);
    // SAFETY: nobody may run or read the image any more; a late call into it faults into a report.
    unsafe {
        memory::decommit(
            image.base as *mut u8,
            image.size.next_multiple_of(PAGE_SIZE),
        )?
    };
    Ok(())
}

/// Everything that a driver must have given back.
fn check_leftovers(driver: *mut DriverObject) {
    crate::portcls::helpers::check_leaks();
    crate::portcls::content::check_leaks();
    crate::wdf::check_leaks();
    pool::check_leaks();
    if let Some(set) = timer::all_set().first() {
        finding::fatal(
            &rules::TIMER_LEAK,
            format!("the timer at {set:#x} is still set after unload"),
        );
    }
    crate::nt::extimer::check_leaks();
    crate::nt::etw::check_leaks();
    crate::nt::wmi::check_leaks();
    crate::nt::notify::check_leaks();
    crate::nt::callbacks::check_leaks();
    crate::nt::irp::check_lost();
    crate::nt::mdl::check_leaks();
    crate::nt::workitem::check_leaks();
    crate::nt::thread::check_leaks();
    crate::nt::object::check_handles();
    crate::nt::object::check_references();
    // SAFETY: the driver object is the kernel's own memory, still allocated.
    let device = unsafe { (*driver).device_object };
    if !device.is_null() {
        finding::raise(
            &rules::DEVICE_LEAK,
            format!("the device object at {device:p} is left after unload"),
        );
    }
    let locks = crate::nt::spinlock::held_count();
    if locks > 0 {
        finding::raise(
            &rules::LOCK_HELD_AT_RETURN,
            format!("{locks} spin locks are held after unload"),
        );
    }
    debug_assert!(
        !kernel()
            .calls
            .nest()
            .iter()
            .any(|frame| matches!(frame, call::Frame::IntoKernel { .. }))
    );
}
