//! Kernel objects that pass through PortCls without being looked into, and small kernel types.

use core::marker::{PhantomData, PhantomPinned};

macro_rules! opaque {
    ($($name:ident, $doc:literal;)*) => {
        $(#[doc = concat!($doc, "; only ever behind a pointer.")]
        #[repr(C)]
        pub struct $name {
            _opaque: [u8; 0],
            _marker: PhantomData<(*mut u8, PhantomPinned)>,
        })*
    };
}

opaque! {
    DRIVER_OBJECT, "A driver (wdm.h)";
    DEVICE_OBJECT, "A device (wdm.h)";
    FILE_OBJECT, "An open file (wdm.h)";
    IRP, "A request (wdm.h)";
    MDL, "A list of physical pages (wdm.h)";
    KEVENT, "An event (wdm.h)";
    KSEVENT_ENTRY, "An enabled KS event (ks.h)";
    DEVICE_DESCRIPTION, "A DMA device's needs (wdm.h)";
    DEVICE_CAPABILITIES, "A device's power capabilities (wdm.h)";
    OBJECT_ATTRIBUTES, "An object's name and attributes (ntdef.h)";
    RTL_QUERY_REGISTRY_TABLE, "A registry query (wdm.h)";
    CM_RESOURCE_LIST, "Hardware resources (wdm.h)";
    CM_PARTIAL_RESOURCE_DESCRIPTOR, "One hardware resource (wdm.h)";
}

/// `UNICODE_STRING` (ntdef.h): counted UTF-16, lengths in bytes. 16 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct UNICODE_STRING {
    /// Bytes in use, without a terminator.
    pub Length: u16,
    /// Bytes there are.
    pub MaximumLength: u16,
    /// The text.
    pub Buffer: *mut u16,
}

/// `PHYSICAL_ADDRESS`: a signed 64-bit number in a union (ntdef.h), passed like a plain 64-bit integer.
pub type PHYSICAL_ADDRESS = i64;

/// `MEMORY_CACHING_TYPE` (wdm.h).
pub type MEMORY_CACHING_TYPE = i32;
/// Ordinary cached memory.
pub const MmCached: MEMORY_CACHING_TYPE = 1;

/// `POWER_STATE` (wdm.h): a union of a system and a device power state, 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct POWER_STATE(pub i32);

/// `DEVICE_POWER_STATE` (wdm.h).
pub type DEVICE_POWER_STATE = i32;
/// Fully on.
pub const PowerDeviceD0: DEVICE_POWER_STATE = 1;
/// Off as far as the driver is concerned.
pub const PowerDeviceD3: DEVICE_POWER_STATE = 4;

/// `SYSTEM_POWER_STATE` (wdm.h).
pub type SYSTEM_POWER_STATE = i32;
/// The system works: S0.
pub const PowerSystemWorking: SYSTEM_POWER_STATE = 1;
/// Sleep with memory powered: S3.
pub const PowerSystemSleeping3: SYSTEM_POWER_STATE = 4;

/// `DEVICE_REGISTRY_PROPERTY` (wdm.h).
pub type DEVICE_REGISTRY_PROPERTY = i32;

/// `DEVPROPKEY` (devpropdef.h): names a device or interface property. 20 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct DEVPROPKEY {
    /// Category.
    pub fmtid: crate::Guid,
    /// Identifier within the category.
    pub pid: u32,
}

/// `DEVPROP_TYPE_BINARY` (devpropdef.h): an array of bytes.
pub const DEVPROP_TYPE_BINARY: u32 = 0x1003;
