//! What the descriptions of both filters are made of (portcls.h: `PCFILTER_DESCRIPTOR` and its parts).

use core::ptr::null;
use waverig_portcls::{
    Guid, KSDATARANGE, KSPIN_COMMUNICATION, KSPIN_COMMUNICATION_NONE, KSPIN_DATAFLOW,
    KSPIN_DESCRIPTOR, PCAUTOMATION_TABLE, PCCONNECTION_DESCRIPTOR, PCFILTER_DESCRIPTOR,
    PCNODE_DESCRIPTOR, PCPIN_DESCRIPTOR, PCPROPERTY_ITEM, id,
};

/// An array of pointers to ranges, as a pin wants it.
struct Ranges([*const KSDATARANGE; 1]);

// SAFETY: a constant description that nobody writes.
unsafe impl Sync for Ranges {}

static ANALOG: KSDATARANGE = KSDATARANGE {
    FormatSize: size_of::<KSDATARANGE>() as u32,
    Flags: 0,
    SampleSize: 0,
    Reserved: 0,
    MajorFormat: id::KSDATAFORMAT_TYPE_AUDIO,
    SubFormat: id::KSDATAFORMAT_SUBTYPE_ANALOG,
    Specifier: id::KSDATAFORMAT_SPECIFIER_NONE,
};
static BRIDGE_RANGES: Ranges = Ranges([&raw const ANALOG]);

/// A pin of which clients open `instances`.
pub(crate) const fn pin(
    instances: u32,
    ranges: &'static [*const KSDATARANGE],
    flow: KSPIN_DATAFLOW,
    communication: KSPIN_COMMUNICATION,
    category: &'static Guid,
    name: *const Guid,
) -> PCPIN_DESCRIPTOR {
    PCPIN_DESCRIPTOR {
        MaxGlobalInstanceCount: instances,
        MaxFilterInstanceCount: instances,
        MinFilterInstanceCount: 0,
        AutomationTable: null(),
        KsPinDescriptor: KSPIN_DESCRIPTOR {
            InterfacesCount: 0,
            Interfaces: null(),
            MediumsCount: 0,
            Mediums: null(),
            DataRangesCount: ranges.len() as u32,
            DataRanges: ranges.as_ptr(),
            DataFlow: flow,
            Communication: communication,
            Category: category,
            Name: name,
            ConstrainedDataRangesCount: 0,
            ConstrainedDataRanges: null(),
        },
    }
}

/// A pin that is wired and never opened.
pub(crate) const fn bridge(
    flow: KSPIN_DATAFLOW,
    category: &'static Guid,
    name: *const Guid,
) -> PCPIN_DESCRIPTOR {
    pin(
        0,
        &BRIDGE_RANGES.0,
        flow,
        KSPIN_COMMUNICATION_NONE,
        category,
        name,
    )
}

/// A table of properties alone.
pub(crate) const fn properties<const N: usize>(
    items: &'static [PCPROPERTY_ITEM; N],
) -> PCAUTOMATION_TABLE {
    PCAUTOMATION_TABLE {
        PropertyItemSize: size_of::<PCPROPERTY_ITEM>() as u32,
        PropertyCount: N as u32,
        Properties: items.as_ptr(),
        MethodItemSize: 0,
        MethodCount: 0,
        Methods: null(),
        EventItemSize: 0,
        EventCount: 0,
        Events: null(),
        Reserved: 0,
    }
}

/// From a (node, pin) to a (node, pin).
pub(crate) const fn connection(from: (u32, u32), to: (u32, u32)) -> PCCONNECTION_DESCRIPTOR {
    PCCONNECTION_DESCRIPTOR {
        FromNode: from.0,
        FromNodePin: from.1,
        ToNode: to.0,
        ToNodePin: to.1,
    }
}

/// A filter without categories of its own: the INF registers them.
pub(crate) const fn filter(
    automation: &'static PCAUTOMATION_TABLE,
    pins: &'static [PCPIN_DESCRIPTOR],
    nodes: &'static [PCNODE_DESCRIPTOR],
    connections: &'static [PCCONNECTION_DESCRIPTOR],
) -> PCFILTER_DESCRIPTOR {
    PCFILTER_DESCRIPTOR {
        Version: 0,
        AutomationTable: automation,
        PinSize: size_of::<PCPIN_DESCRIPTOR>() as u32,
        PinCount: pins.len() as u32,
        Pins: pins.as_ptr(),
        NodeSize: size_of::<PCNODE_DESCRIPTOR>() as u32,
        NodeCount: nodes.len() as u32,
        Nodes: if nodes.is_empty() {
            null()
        } else {
            nodes.as_ptr()
        },
        ConnectionCount: connections.len() as u32,
        Connections: connections.as_ptr(),
        CategoryCount: 0,
        Categories: null(),
    }
}
