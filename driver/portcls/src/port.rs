//! The port driver's side (portcls.h): ports, their stream helpers, events and unregistration.

use crate::unknown::interfaces;
use crate::{
    DEVICE_OBJECT, DEVICE_REGISTRY_PROPERTY, Guid, IRegistryKey, IUnknownVtbl, KSEVENT_ENTRY, MDL,
    MEMORY_CACHING_TYPE, NTSTATUS, OBJECT_ATTRIBUTES, PHYSICAL_ADDRESS, UNICODE_STRING,
};
use core::ffi::c_void;

/// Table of [`IPort`], and of [`IPortWaveRT`] and [`IPortTopology`], which add nothing. 6 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IPortVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, DeviceObject, Irp, UnknownMiniport, UnknownAdapter, ResourceList)`: binds the miniport and calls its `Init`.
    pub Init: unsafe extern "efiapi" fn(
        this: *mut c_void,
        device: *mut c_void,
        irp: *mut c_void,
        miniport: *mut c_void,
        adapter: *mut c_void,
        resources: *mut c_void,
    ) -> NTSTATUS,
    /// `(this, DeviceProperty, BufferLength, PropertyBuffer, ResultLength)`.
    pub GetDeviceProperty: unsafe extern "efiapi" fn(
        this: *mut c_void,
        property: DEVICE_REGISTRY_PROPERTY,
        length: u32,
        buffer: *mut c_void,
        result_length: *mut u32,
    ) -> NTSTATUS,
    /// `(this, OutRegistryKey, OuterUnknown, RegistryKeyType, DesiredAccess, ObjectAttributes, CreateOptions, Disposition)`.
    pub NewRegistryKey: unsafe extern "efiapi" fn(
        this: *mut c_void,
        out: *mut *mut IRegistryKey,
        outer: *mut c_void,
        kind: u32,
        access: u32,
        attributes: *mut OBJECT_ATTRIBUTES,
        options: u32,
        disposition: *mut u32,
    ) -> NTSTATUS,
}

/// Table of [`IPortWaveRTStream`]. 10 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IPortWaveRTStreamVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, HighAddress, TotalBytes)`: locked, non-contiguous pages, or NULL; may be fewer than asked for.
    pub AllocatePagesForMdl: unsafe extern "efiapi" fn(
        this: *mut c_void,
        high_address: PHYSICAL_ADDRESS,
        bytes: usize,
    ) -> *mut MDL,
    /// `(this, LowAddress, HighAddress, TotalBytes)`: contiguous pages, or NULL.
    pub AllocateContiguousPagesForMdl: unsafe extern "efiapi" fn(
        this: *mut c_void,
        low_address: PHYSICAL_ADDRESS,
        high_address: PHYSICAL_ADDRESS,
        bytes: usize,
    ) -> *mut MDL,
    /// `(this, Mdl, CacheType)`: a kernel address for the pages, or NULL.
    pub MapAllocatedPages: unsafe extern "efiapi" fn(
        this: *mut c_void,
        mdl: *mut MDL,
        cache: MEMORY_CACHING_TYPE,
    ) -> *mut c_void,
    /// `(this, BaseAddress, Mdl)`: undoes `MapAllocatedPages`.
    pub UnmapAllocatedPages:
        unsafe extern "efiapi" fn(this: *mut c_void, address: *mut c_void, mdl: *mut MDL),
    /// `(this, Mdl)`: frees the pages and the MDL.
    pub FreePagesFromMdl: unsafe extern "efiapi" fn(this: *mut c_void, mdl: *mut MDL),
    /// `(this, Mdl)`: how many pages there are.
    pub GetPhysicalPagesCount: unsafe extern "efiapi" fn(this: *mut c_void, mdl: *mut MDL) -> u32,
    /// `(this, hidden, Mdl, Index)`: a C++ member function that returns a structure gets the place for it as a hidden
    /// argument after `this` and returns that place (x64 calling convention of Microsoft's compiler; inference, not
    /// seen in a running portcls.sys): avoid it.
    pub GetPhysicalPageAddress: unsafe extern "efiapi" fn(
        this: *mut c_void,
        hidden: *mut PHYSICAL_ADDRESS,
        mdl: *mut MDL,
        index: u32,
    ) -> *mut PHYSICAL_ADDRESS,
}

/// Table of [`IPortEvents`]. 5 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IPortEventsVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, EventEntry)`.
    pub AddEventToEventList:
        unsafe extern "efiapi" fn(this: *mut c_void, entry: *mut KSEVENT_ENTRY),
    /// `(this, Set, EventId, PinEvent, PinId, NodeEvent, NodeId)`.
    pub GenerateEventList: unsafe extern "efiapi" fn(
        this: *mut c_void,
        set: *const Guid,
        id: u32,
        pin_event: i32,
        pin: u32,
        node_event: i32,
        node: u32,
    ),
}

/// Table of [`IPortClsVersion`]. 4 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IPortClsVersionVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// The version of portcls.sys, one of the `kVersion…` values.
    pub GetVersion: unsafe extern "efiapi" fn(this: *mut c_void) -> u32,
}

/// Table of [`IUnregisterSubdevice`]. 4 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IUnregisterSubdeviceVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, DeviceObject, Unknown)`: undoes `PcRegisterSubdevice`; `Unknown` is the port.
    pub UnregisterSubdevice: unsafe extern "efiapi" fn(
        this: *mut c_void,
        device: *mut DEVICE_OBJECT,
        unknown: *mut c_void,
    ) -> NTSTATUS,
}

/// Table of [`IUnregisterPhysicalConnection`]. 6 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IUnregisterPhysicalConnectionVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, DeviceObject, FromUnknown, FromPin, ToUnknown, ToPin)`: undoes `PcRegisterPhysicalConnection`.
    pub UnregisterPhysicalConnection: unsafe extern "efiapi" fn(
        this: *mut c_void,
        device: *mut DEVICE_OBJECT,
        from: *mut c_void,
        from_pin: u32,
        to: *mut c_void,
        to_pin: u32,
    ) -> NTSTATUS,
    /// The same towards a device outside the adapter.
    pub UnregisterPhysicalConnectionToExternal: unsafe extern "efiapi" fn(
        this: *mut c_void,
        device: *mut DEVICE_OBJECT,
        from: *mut c_void,
        from_pin: u32,
        to: *mut UNICODE_STRING,
        to_pin: u32,
    ) -> NTSTATUS,
    /// The same from a device outside the adapter.
    pub UnregisterPhysicalConnectionFromExternal: unsafe extern "efiapi" fn(
        this: *mut c_void,
        device: *mut DEVICE_OBJECT,
        from: *mut UNICODE_STRING,
        from_pin: u32,
        to: *mut c_void,
        to_pin: u32,
    ) -> NTSTATUS,
}

interfaces! {
    pub IPort: IPortVtbl, IID_IPort, "What every port driver offers.";
    pub IPortWaveRT: IPortVtbl, IID_IPortWaveRT, "The WaveRT port driver.";
    pub IPortTopology: IPortVtbl, IID_IPortTopology, "The topology port driver.";
    pub IPortWaveRTStream: IPortWaveRTStreamVtbl, IID_IPortWaveRTStream, "Buffer memory for one WaveRT stream.";
    pub IPortEvents: IPortEventsVtbl, IID_IPortEvents, "KS events of a port.";
    pub IPortClsVersion: IPortClsVersionVtbl, IID_IPortClsVersion, "Which portcls.sys this is.";
    pub IUnregisterSubdevice: IUnregisterSubdeviceVtbl, IID_IUnregisterSubdevice, "Removal of a subdevice at run time; queried from a port.";
    pub IUnregisterPhysicalConnection: IUnregisterPhysicalConnectionVtbl, IID_IUnregisterPhysicalConnection,
        "Removal of a physical connection at run time; queried from a port.";
}
