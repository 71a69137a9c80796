//! The topology filter's description.

use super::{jack, level};
use core::ptr::null;
use waverig_portcls::{
    Guid, KSDATARANGE, KSFILTER_NODE, KSNODEPIN_STANDARD_IN, KSNODEPIN_STANDARD_OUT,
    KSPIN_COMMUNICATION_NONE, KSPIN_DATAFLOW, KSPIN_DATAFLOW_IN, KSPIN_DATAFLOW_OUT,
    KSPIN_DESCRIPTOR, KSPROPERTY_AUDIO_CPU_RESOURCES, KSPROPERTY_AUDIO_MUTE,
    KSPROPERTY_AUDIO_VOLUMELEVEL, KSPROPERTY_JACK_DESCRIPTION, KSPROPERTY_JACK_DESCRIPTION2,
    KSPROPERTY_TYPE_BASICSUPPORT, KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_SET, PCAUTOMATION_TABLE,
    PCCONNECTION_DESCRIPTOR, PCFILTER_DESCRIPTOR, PCNODE_DESCRIPTOR, PCPIN_DESCRIPTOR,
    PCPROPERTY_ITEM, id,
};

/// From the wave filter.
pub(super) const PIN_BRIDGE: u32 = 0;
/// To the speaker: the unconnected bridge pin that Windows makes an endpoint of.
pub(super) const PIN_SPEAKER: u32 = 1;

pub(super) const NODE_VOLUME: u32 = 0;
pub(super) const NODE_MUTE: u32 = 1;

const GET: u32 = KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_BASICSUPPORT;
const GET_SET: u32 = GET | KSPROPERTY_TYPE_SET;

static ANALOG: KSDATARANGE = crate::wave::analog_range();
static RANGES: crate::wave::Ranges<1> = crate::wave::Ranges([&raw const ANALOG]);

const fn pin(flow: KSPIN_DATAFLOW, category: &'static Guid, name: *const Guid) -> PCPIN_DESCRIPTOR {
    PCPIN_DESCRIPTOR {
        MaxGlobalInstanceCount: 0,
        MaxFilterInstanceCount: 0,
        MinFilterInstanceCount: 0,
        AutomationTable: null(),
        KsPinDescriptor: KSPIN_DESCRIPTOR {
            InterfacesCount: 0,
            Interfaces: null(),
            MediumsCount: 0,
            Mediums: null(),
            DataRangesCount: 1,
            DataRanges: (&raw const RANGES).cast(),
            DataFlow: flow,
            Communication: KSPIN_COMMUNICATION_NONE,
            Category: category,
            Name: name,
            ConstrainedDataRangesCount: 0,
            ConstrainedDataRanges: null(),
        },
    }
}

/// Key of the endpoint's name: the INF has it under MediaCategories, and Windows shows what it says there.
static ENDPOINT_NAME: Guid = Guid::new(0x5B8A2F64_3C1E_4E97_8D0B_7A6F19C3E2D4);

static PINS: [PCPIN_DESCRIPTOR; 2] = [
    pin(KSPIN_DATAFLOW_IN, &id::KSCATEGORY_AUDIO, null()),
    pin(
        KSPIN_DATAFLOW_OUT,
        &id::KSNODETYPE_SPEAKER,
        &raw const ENDPOINT_NAME,
    ),
];

static VOLUME_PROPERTIES: [PCPROPERTY_ITEM; 2] = [
    PCPROPERTY_ITEM {
        Set: &id::KSPROPSETID_Audio,
        Id: KSPROPERTY_AUDIO_VOLUMELEVEL,
        Flags: GET_SET,
        Handler: level::volume,
    },
    CPU_RESOURCES,
];

static MUTE_PROPERTIES: [PCPROPERTY_ITEM; 2] = [
    PCPROPERTY_ITEM {
        Set: &id::KSPROPSETID_Audio,
        Id: KSPROPERTY_AUDIO_MUTE,
        Flags: GET_SET,
        Handler: level::mute,
    },
    CPU_RESOURCES,
];

const CPU_RESOURCES: PCPROPERTY_ITEM = PCPROPERTY_ITEM {
    Set: &id::KSPROPSETID_Audio,
    Id: KSPROPERTY_AUDIO_CPU_RESOURCES,
    Flags: GET,
    Handler: level::cpu_resources,
};

static FILTER_PROPERTIES: [PCPROPERTY_ITEM; 2] = [
    PCPROPERTY_ITEM {
        Set: &id::KSPROPSETID_Jack,
        Id: KSPROPERTY_JACK_DESCRIPTION,
        Flags: GET,
        Handler: jack::description,
    },
    PCPROPERTY_ITEM {
        Set: &id::KSPROPSETID_Jack,
        Id: KSPROPERTY_JACK_DESCRIPTION2,
        Flags: GET,
        Handler: jack::description_2,
    },
];

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

static VOLUME: PCAUTOMATION_TABLE = properties(&VOLUME_PROPERTIES);
static MUTE: PCAUTOMATION_TABLE = properties(&MUTE_PROPERTIES);
static AUTOMATION: PCAUTOMATION_TABLE = properties(&FILTER_PROPERTIES);

static NODES: [PCNODE_DESCRIPTOR; 2] = [
    PCNODE_DESCRIPTOR {
        Flags: 0,
        AutomationTable: &VOLUME,
        Type: &id::KSNODETYPE_VOLUME,
        Name: &id::KSAUDFNAME_MASTER_VOLUME,
    },
    PCNODE_DESCRIPTOR {
        Flags: 0,
        AutomationTable: &MUTE,
        Type: &id::KSNODETYPE_MUTE,
        Name: &id::KSAUDFNAME_MASTER_MUTE,
    },
];

static CONNECTIONS: [PCCONNECTION_DESCRIPTOR; 3] = [
    connection(
        (KSFILTER_NODE, PIN_BRIDGE),
        (NODE_VOLUME, KSNODEPIN_STANDARD_IN),
    ),
    connection(
        (NODE_VOLUME, KSNODEPIN_STANDARD_OUT),
        (NODE_MUTE, KSNODEPIN_STANDARD_IN),
    ),
    connection(
        (NODE_MUTE, KSNODEPIN_STANDARD_OUT),
        (KSFILTER_NODE, PIN_SPEAKER),
    ),
];

/// From a (node, pin) to a (node, pin).
pub(crate) const fn connection(from: (u32, u32), to: (u32, u32)) -> PCCONNECTION_DESCRIPTOR {
    PCCONNECTION_DESCRIPTOR {
        FromNode: from.0,
        FromNodePin: from.1,
        ToNode: to.0,
        ToNodePin: to.1,
    }
}

pub(super) static FILTER: PCFILTER_DESCRIPTOR = PCFILTER_DESCRIPTOR {
    Version: 0,
    AutomationTable: &AUTOMATION,
    PinSize: size_of::<PCPIN_DESCRIPTOR>() as u32,
    PinCount: PINS.len() as u32,
    Pins: PINS.as_ptr(),
    NodeSize: size_of::<PCNODE_DESCRIPTOR>() as u32,
    NodeCount: NODES.len() as u32,
    Nodes: NODES.as_ptr(),
    ConnectionCount: CONNECTIONS.len() as u32,
    Connections: CONNECTIONS.as_ptr(),
    CategoryCount: 0,
    Categories: null(),
};
