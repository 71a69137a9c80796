//! A filter's description (portcls.h), returned by `IMiniport::GetDescription`.

use crate::{
    Guid, KSPIN_DESCRIPTOR, KSTOPOLOGY_CONNECTION, PCEVENT_ITEM, PCMETHOD_ITEM, PCPROPERTY_ITEM,
};

/// `PCAUTOMATION_TABLE`: properties, methods and events of a filter, pin or node. 56 bytes. Item sizes are multiples of 8.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PCAUTOMATION_TABLE {
    /// Bytes in one property item.
    pub PropertyItemSize: u32,
    /// How many.
    pub PropertyCount: u32,
    /// The items.
    pub Properties: *const PCPROPERTY_ITEM,
    /// Bytes in one method item.
    pub MethodItemSize: u32,
    /// How many.
    pub MethodCount: u32,
    /// The items.
    pub Methods: *const PCMETHOD_ITEM,
    /// Bytes in one event item.
    pub EventItemSize: u32,
    /// How many.
    pub EventCount: u32,
    /// The items.
    pub Events: *const PCEVENT_ITEM,
    /// Always 0.
    pub Reserved: u32,
}

/// `PCPIN_DESCRIPTOR`. 112 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PCPIN_DESCRIPTOR {
    /// Most instances in the system; 0: cannot be opened, `u32::MAX`: any number.
    pub MaxGlobalInstanceCount: u32,
    /// Most instances on one filter.
    pub MaxFilterInstanceCount: u32,
    /// Least instances for the filter to work.
    pub MinFilterInstanceCount: u32,
    /// Properties and events of the pin, or NULL.
    pub AutomationTable: *const PCAUTOMATION_TABLE,
    /// The pin as KS sees it.
    pub KsPinDescriptor: KSPIN_DESCRIPTOR,
}

/// `PCNODE_DESCRIPTOR`. 32 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PCNODE_DESCRIPTOR {
    /// Always 0.
    pub Flags: u32,
    /// Properties and events of the node, or NULL.
    pub AutomationTable: *const PCAUTOMATION_TABLE,
    /// `KSNODETYPE_…`.
    pub Type: *const Guid,
    /// A name, or NULL for the type's.
    pub Name: *const Guid,
}

/// `PCCONNECTION_DESCRIPTOR`. 16 bytes.
pub type PCCONNECTION_DESCRIPTOR = KSTOPOLOGY_CONNECTION;

/// `PCFILTER_DESCRIPTOR`. 80 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PCFILTER_DESCRIPTOR {
    /// Always 0.
    pub Version: u32,
    /// Properties and events of the filter, or NULL.
    pub AutomationTable: *const PCAUTOMATION_TABLE,
    /// Bytes in one pin descriptor.
    pub PinSize: u32,
    /// How many.
    pub PinCount: u32,
    /// The pins.
    pub Pins: *const PCPIN_DESCRIPTOR,
    /// Bytes in one node descriptor.
    pub NodeSize: u32,
    /// How many.
    pub NodeCount: u32,
    /// The nodes.
    pub Nodes: *const PCNODE_DESCRIPTOR,
    /// How many connections.
    pub ConnectionCount: u32,
    /// The connections.
    pub Connections: *const PCCONNECTION_DESCRIPTOR,
    /// How many categories; 0 takes the port's default.
    pub CategoryCount: u32,
    /// The categories.
    pub Categories: *const Guid,
}

// SAFETY: descriptions are constants that nobody writes.
unsafe impl Sync for PCAUTOMATION_TABLE {}
// SAFETY: as above.
unsafe impl Sync for PCPIN_DESCRIPTOR {}
// SAFETY: as above.
unsafe impl Sync for PCNODE_DESCRIPTOR {}
// SAFETY: as above.
unsafe impl Sync for PCFILTER_DESCRIPTOR {}

/// `PORT_CLASS_DEVICE_EXTENSION_SIZE`: the part of a device extension that belongs to PortCls, 64 pointers.
pub const PORT_CLASS_DEVICE_EXTENSION_SIZE: usize = 64 * size_of::<usize>();
