//! Property, method and event handlers and the requests they get (portcls.h).

use crate::{Guid, IRP, IUnknown, KSEVENT_ENTRY, NTSTATUS};
use core::ffi::c_void;

/// A property handler. PASSIVE_LEVEL. May return `STATUS_PENDING`.
pub type PCPFNPROPERTY_HANDLER =
    unsafe extern "efiapi" fn(request: *mut PCPROPERTY_REQUEST) -> NTSTATUS;
/// A method handler.
pub type PCPFNMETHOD_HANDLER =
    unsafe extern "efiapi" fn(request: *mut PCMETHOD_REQUEST) -> NTSTATUS;
/// An event handler.
pub type PCPFNEVENT_HANDLER = unsafe extern "efiapi" fn(request: *mut PCEVENT_REQUEST) -> NTSTATUS;

/// `PCPROPERTY_ITEM`. 24 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PCPROPERTY_ITEM {
    /// Property set.
    pub Set: *const Guid,
    /// Property in the set.
    pub Id: u32,
    /// Which verbs are handled: `KSPROPERTY_TYPE_GET`, `…_SET`, `…_BASICSUPPORT` …
    pub Flags: u32,
    /// Handles all of them.
    pub Handler: PCPFNPROPERTY_HANDLER,
}

/// `PCMETHOD_ITEM`. 24 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PCMETHOD_ITEM {
    /// Method set.
    pub Set: *const Guid,
    /// Method in the set.
    pub Id: u32,
    /// `KSMETHOD_TYPE_…`.
    pub Flags: u32,
    /// Handles it.
    pub Handler: PCPFNMETHOD_HANDLER,
}

/// `PCEVENT_ITEM`. 24 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PCEVENT_ITEM {
    /// Event set.
    pub Set: *const Guid,
    /// Event in the set.
    pub Id: u32,
    /// `KSEVENT_TYPE_…`.
    pub Flags: u32,
    /// Handles it.
    pub Handler: PCPFNEVENT_HANDLER,
}

// SAFETY: items are constant descriptions that nobody writes.
unsafe impl Sync for PCPROPERTY_ITEM {}
// SAFETY: as above.
unsafe impl Sync for PCMETHOD_ITEM {}
// SAFETY: as above.
unsafe impl Sync for PCEVENT_ITEM {}

/// `PCPROPERTY_REQUEST`. 72 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PCPROPERTY_REQUEST {
    /// The miniport.
    pub MajorTarget: *mut IUnknown,
    /// The stream, or NULL.
    pub MinorTarget: *mut IUnknown,
    /// The node, or `u32::MAX`.
    pub Node: u32,
    /// The item that names the handler.
    pub PropertyItem: *const PCPROPERTY_ITEM,
    /// `KSPROPERTY_TYPE_…`.
    pub Verb: u32,
    /// Bytes at `Instance`.
    pub InstanceSize: u32,
    /// What followed the `KSPROPERTY`, or for a node the `KSNODEPROPERTY`, in the request.
    pub Instance: *mut c_void,
    /// Bytes at `Value`; the handler leaves here how many it wrote or needs.
    pub ValueSize: u32,
    /// The value.
    pub Value: *mut c_void,
    /// The request it came with.
    pub Irp: *mut IRP,
}

/// `PCMETHOD_REQUEST`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PCMETHOD_REQUEST {
    /// The miniport.
    pub MajorTarget: *mut IUnknown,
    /// The stream, or NULL.
    pub MinorTarget: *mut IUnknown,
    /// The node, or `u32::MAX`.
    pub Node: u32,
    /// The item that names the handler.
    pub MethodItem: *const PCMETHOD_ITEM,
    /// `KSMETHOD_TYPE_…`.
    pub Verb: u32,
}

/// `PCEVENT_REQUEST`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PCEVENT_REQUEST {
    /// The miniport.
    pub MajorTarget: *mut IUnknown,
    /// The stream, or NULL.
    pub MinorTarget: *mut IUnknown,
    /// The node, or `u32::MAX`.
    pub Node: u32,
    /// The item that names the handler.
    pub EventItem: *const PCEVENT_ITEM,
    /// The event to add or remove.
    pub EventEntry: *mut KSEVENT_ENTRY,
    /// `PCEVENT_VERB_…`: 1 add, 2 remove, 4 support.
    pub Verb: u32,
    /// The request it came with.
    pub Irp: *mut IRP,
}
