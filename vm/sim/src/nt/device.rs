//! Device objects and their stacks.

use crate::finding;
use crate::imports::nt_rows;
use crate::nt::layout::{DeviceObject, DriverObject, UnicodeString};
use crate::nt::pool::{self, Owner};
use crate::nt::status::{NtStatus, STATUS_SUCCESS};
use crate::nt::{irp, names, unicode};
use crate::rules;

/// Kind of a device object (IO_TYPE_DEVICE, wdm.h).
const DEVICE_OBJECT: i16 = 3;
/// The driver is not ready for requests (DO_DEVICE_INITIALIZING).
pub const DO_DEVICE_INITIALIZING: u32 = 0x80;

/// Makes a device object of `driver`, with a zeroed extension behind it.
pub fn create(
    driver: *mut DriverObject,
    extension_size: usize,
    name: Option<&str>,
    device_type: u32,
) -> *mut DeviceObject {
    let size = size_of::<DeviceObject>() + extension_size;
    let device: *mut DeviceObject = pool::allocate(size, *b"Devi", Owner::System).cast();
    // SAFETY: the block was just allocated, zeroed, with this size; the driver object is live.
    unsafe {
        (*device).kind = DEVICE_OBJECT;
        (*device).size = u16::try_from(size.min(usize::from(u16::MAX))).expect("limited");
        (*device).driver_object = driver;
        (*device).device_type = device_type;
        (*device).stack_size = 1;
        (*device).flags = DO_DEVICE_INITIALIZING;
        if extension_size > 0 {
            (*device).device_extension = device.add(1).cast();
        }
        (*device).next_device = (*driver).device_object;
        (*driver).device_object = device;
    }
    if let Some(name) = name {
        names::insert(name, device);
    }
    device
}

/// Takes a device out of its driver's list and frees it.
pub fn delete(device: *mut DeviceObject) {
    names::remove(device);
    // SAFETY: a live device and its live driver; a bad address faults into a report.
    unsafe {
        if !(*device).attached_device.is_null() {
            finding::raise(
                &rules::BAD_ARGUMENT,
                format!("the device at {device:p} is deleted with another one attached to it"),
            );
        }
        let mut link = &raw mut (*(*device).driver_object).device_object;
        while !(*link).is_null() && *link != device {
            link = &raw mut (**link).next_device;
        }
        if (*link).is_null() {
            finding::fatal(
                &rules::BAD_ARGUMENT,
                format!("{device:p} is deleted but its driver does not have it"),
            );
        }
        *link = (*device).next_device;
    }
    pool::free(device.cast());
}

/// The highest device of the stack that `device` is part of.
pub fn top_of_stack(device: *mut DeviceObject) -> *mut DeviceObject {
    let mut top = device;
    // SAFETY: live devices linked by `attach`; a bad address faults into a report.
    unsafe {
        while !(*top).attached_device.is_null() {
            top = (*top).attached_device;
        }
    }
    top
}

/// Puts `source` on top of the stack of `target` and gives the device that it now lies on.
pub fn attach(source: *mut DeviceObject, target: *mut DeviceObject) -> *mut DeviceObject {
    let below = top_of_stack(target);
    // SAFETY: live devices; bad addresses fault into a report.
    unsafe {
        (*below).attached_device = source;
        (*source).stack_size = (*below).stack_size + 1;
        (*source).alignment_requirement = (*below).alignment_requirement;
    }
    below
}

/// Takes the device above `target` off it.
pub fn detach(target: *mut DeviceObject) {
    // SAFETY: a live device; a bad address faults into a report.
    unsafe { (*target).attached_device = std::ptr::null_mut() };
}

extern "win64" fn io_create_device(
    driver: *mut DriverObject,
    extension_size: u32,
    name: *const UnicodeString,
    device_type: u32,
    characteristics: u32,
    _exclusive: u8,
    result: *mut *mut DeviceObject,
) -> NtStatus {
    let name = (!name.is_null()).then(|| unicode::text(name));
    if name
        .as_deref()
        .is_some_and(|name| names::lookup(name).is_some())
    {
        return crate::nt::status::STATUS_OBJECT_NAME_COLLISION;
    }
    let device = create(
        driver,
        extension_size as usize,
        name.as_deref(),
        device_type,
    );
    // SAFETY: the device was just made; the driver's place for the result faults into a report when bad.
    unsafe {
        (*device).characteristics = characteristics;
        result.write(device);
    }
    STATUS_SUCCESS
}

/// Neither is done while a surprise removal is handled: handles are still open.
fn check_not_surprised(what: &str, device: *mut DeviceObject) {
    /// IRP_MN_SURPRISE_REMOVAL (wdm.h).
    const SURPRISE_REMOVAL: u8 = 0x17;
    if irp::dispatching() == Some((irp::MJ_PNP, SURPRISE_REMOVAL)) {
        finding::raise(
            &rules::PNP_SURPRISE_DELETE,
            format!("{what} of {device:p} in the routine for IRP_MN_SURPRISE_REMOVAL"),
        );
    }
}

extern "win64" fn io_delete_device(device: *mut DeviceObject) {
    check_not_surprised("IoDeleteDevice", device);
    delete(device);
}

extern "win64" fn io_attach_device_to_device_stack(
    source: *mut DeviceObject,
    target: *mut DeviceObject,
) -> *mut DeviceObject {
    attach(source, target)
}

extern "win64" fn io_detach_device(target: *mut DeviceObject) {
    check_not_surprised("IoDetachDevice", target);
    detach(target);
}

extern "win64" fn io_get_attached_device(device: *mut DeviceObject) -> *mut DeviceObject {
    top_of_stack(device)
}

extern "win64" fn io_create_symbolic_link(
    link: *const UnicodeString,
    target: *const UnicodeString,
) -> NtStatus {
    names::link(&unicode::text(link), &unicode::text(target))
}

extern "win64" fn io_delete_symbolic_link(link: *const UnicodeString) -> NtStatus {
    names::unlink(&unicode::text(link))
}

nt_rows! {
    "IoCreateDevice"              io_create_device                 APC      "wdm/nf-wdm-iocreatedevice";
    "IoDeleteDevice"              io_delete_device                 APC      "wdm/nf-wdm-iodeletedevice";
    "IoAttachDeviceToDeviceStack" io_attach_device_to_device_stack DISPATCH "wdm/nf-wdm-ioattachdevicetodevicestack";
    "IoDetachDevice"              io_detach_device                 PASSIVE  "wdm/nf-wdm-iodetachdevice";
    "IoGetAttachedDevice"         io_get_attached_device           DISPATCH "ntifs/nf-ntifs-iogetattacheddevice";
    "IoCreateSymbolicLink"        io_create_symbolic_link          PASSIVE  "wdm/nf-wdm-iocreatesymboliclink";
    "IoDeleteSymbolicLink"        io_delete_symbolic_link          PASSIVE  "wdm/nf-wdm-iodeletesymboliclink";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn a_device_that_is_surprised_stays() {
        let check = |minor, expect| {
            let machine = Kernel::boot(Options::default());
            let block = pool::allocate(size_of::<DeviceObject>(), *b"Test", Owner::System);
            let below: *mut DeviceObject = block.cast();
            irp::as_if_in((irp::MJ_PNP, minor), || io_detach_device(below));
            assert_eq!(machine.findings.has(&rules::PNP_SURPRISE_DELETE), expect);
        };
        check(0x02, false);
        check(0x17, true);
    }
}
