//! Sizes and offsets, as the x64 headers of the WDK have them.

use super::*;
use std::mem::offset_of;

/// Sizes of the x64 structures; they agree with the WDK's headers for Windows 10 and later.
#[test]
fn sizes_are_those_of_windows() {
    let sizes = [
        ("UNICODE_STRING", size_of::<UnicodeString>(), 0x10),
        ("DRIVER_OBJECT", size_of::<DriverObject>(), 0x150),
        ("DEVICE_OBJECT", size_of::<DeviceObject>(), 0x150),
        ("FILE_OBJECT", size_of::<FileObject>(), 0xd8),
        ("IRP", size_of::<Irp>(), 0xd0),
        ("IO_STACK_LOCATION", size_of::<IoStackLocation>(), 0x48),
        ("KTIMER", size_of::<KTimer>(), 0x40),
        ("KDPC", size_of::<KDpc>(), 0x40),
        ("KEVENT", size_of::<KEvent>(), 0x18),
        ("KMUTANT", size_of::<KMutex>(), 0x38),
        ("KSEMAPHORE", size_of::<KSemaphore>(), 0x20),
        ("MDL", size_of::<Mdl>(), 0x30),
        ("IO_STATUS_BLOCK", size_of::<IoStatus>(), 0x10),
        ("OBJECT_ATTRIBUTES", size_of::<ObjectAttributes>(), 0x30),
        ("IO_CSQ", size_of::<IoCsq>(), 0x40),
        ("GUID", size_of::<Guid>(), 16),
        ("DEVPROPKEY", size_of::<DevPropKey>(), 20),
    ];
    for (name, found, expected) in sizes {
        assert_eq!(found, expected, "sizeof({name})");
    }
}

#[test]
fn offsets_are_those_of_windows() {
    let offsets = [
        (
            "DRIVER_OBJECT.DriverStart",
            offset_of!(DriverObject, driver_start),
            0x18,
        ),
        (
            "DRIVER_OBJECT.DriverExtension",
            offset_of!(DriverObject, driver_extension),
            0x30,
        ),
        (
            "DRIVER_OBJECT.DriverInit",
            offset_of!(DriverObject, driver_init),
            0x58,
        ),
        (
            "DRIVER_OBJECT.DriverUnload",
            offset_of!(DriverObject, driver_unload),
            0x68,
        ),
        (
            "DRIVER_OBJECT.MajorFunction",
            offset_of!(DriverObject, major_function),
            0x70,
        ),
        ("DEVICE_OBJECT.Flags", offset_of!(DeviceObject, flags), 0x30),
        (
            "DEVICE_OBJECT.DeviceExtension",
            offset_of!(DeviceObject, device_extension),
            0x40,
        ),
        (
            "DEVICE_OBJECT.StackSize",
            offset_of!(DeviceObject, stack_size),
            0x4c,
        ),
        ("DEVICE_OBJECT.Queue", offset_of!(DeviceObject, queue), 0x50),
        (
            "DEVICE_OBJECT.AlignmentRequirement",
            offset_of!(DeviceObject, alignment_requirement),
            0x98,
        ),
        ("DEVICE_OBJECT.Dpc", offset_of!(DeviceObject, dpc), 0xc8),
        (
            "DEVICE_OBJECT.DeviceLock",
            offset_of!(DeviceObject, device_lock),
            0x118,
        ),
        (
            "DEVICE_OBJECT.DeviceObjectExtension",
            offset_of!(DeviceObject, device_object_extension),
            0x138,
        ),
        (
            "FILE_OBJECT.FsContext",
            offset_of!(FileObject, fs_context),
            0x18,
        ),
        (
            "FILE_OBJECT.FileName",
            offset_of!(FileObject, file_name),
            0x58,
        ),
        ("IRP.IoStatus", offset_of!(Irp, io_status), 0x30),
        ("IRP.Cancel", offset_of!(Irp, cancel), 0x44),
        ("IRP.UserIosb", offset_of!(Irp, user_iosb), 0x48),
        ("IRP.CancelRoutine", offset_of!(Irp, cancel_routine), 0x68),
        ("IRP.Tail", offset_of!(Irp, driver_context), 0x78),
        (
            "IRP.Tail.Overlay.ListEntry",
            offset_of!(Irp, list_entry),
            0xa8,
        ),
        (
            "IRP.Tail.Overlay.CurrentStackLocation",
            offset_of!(Irp, current_stack_location),
            0xb8,
        ),
        (
            "IO_STACK_LOCATION.Parameters",
            offset_of!(IoStackLocation, parameters),
            0x08,
        ),
        (
            "IO_STACK_LOCATION.DeviceObject",
            offset_of!(IoStackLocation, device_object),
            0x28,
        ),
        (
            "IO_STACK_LOCATION.Context",
            offset_of!(IoStackLocation, context),
            0x40,
        ),
        ("KTIMER.Dpc", offset_of!(KTimer, dpc), 0x30),
        ("KTIMER.Period", offset_of!(KTimer, period), 0x3c),
        ("KDPC.DeferredRoutine", offset_of!(KDpc, routine), 0x18),
        ("KDPC.DpcData", offset_of!(KDpc, data), 0x38),
        (
            "MDL.MappedSystemVa",
            offset_of!(Mdl, mapped_system_va),
            0x18,
        ),
        ("MDL.ByteOffset", offset_of!(Mdl, byte_offset), 0x2c),
    ];
    for (name, found, expected) in offsets {
        assert_eq!(found, expected, "offset of {name}");
    }
}
