//! The descriptions of the mock's two filters: 48 kHz stereo PCM of 16 bits; a speaker behind a volume node.

use waverig_portcls::{
    Guid, KSDATARANGE, KSDATARANGE_AUDIO, KSFILTER_NODE, KSNODEPIN_STANDARD_IN,
    KSNODEPIN_STANDARD_OUT, KSPIN_COMMUNICATION_NONE, KSPIN_COMMUNICATION_SINK, KSPIN_DATAFLOW_IN,
    KSPIN_DATAFLOW_OUT, KSPIN_DESCRIPTOR, KSPROPERTY_AUDIO_MUTE, KSPROPERTY_AUDIO_VOLUMELEVEL,
    KSPROPERTY_PIN_PROPOSEDATAFORMAT, KSPROPERTY_PIN_PROPOSEDATAFORMAT2,
    KSPROPERTY_TYPE_BASICSUPPORT, KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_SET, KSTOPOLOGY_CONNECTION,
    PCAUTOMATION_TABLE, PCFILTER_DESCRIPTOR, PCNODE_DESCRIPTOR, PCPIN_DESCRIPTOR, PCPROPERTY_ITEM,
    id,
};

use super::{propose, volume};

pub(crate) const WAVE: &str = "Wave";
pub(crate) const TOPOLOGY: &str = "Topology";

struct Shared<T>(T);
// SAFETY: descriptions are constants that nobody writes.
unsafe impl<T> Sync for Shared<T> {}

static PCM: KSDATARANGE_AUDIO = KSDATARANGE_AUDIO {
    DataRange: range(
        88,
        id::KSDATAFORMAT_SUBTYPE_PCM,
        id::KSDATAFORMAT_SPECIFIER_WAVEFORMATEX,
    ),
    MaximumChannels: 2,
    MinimumBitsPerSample: 16,
    MaximumBitsPerSample: 16,
    MinimumSampleFrequency: 48_000,
    MaximumSampleFrequency: 48_000,
};
static ANALOG: KSDATARANGE = range(
    64,
    id::KSDATAFORMAT_SUBTYPE_ANALOG,
    id::KSDATAFORMAT_SPECIFIER_NONE,
);
static PCM_RANGES: Shared<[*const KSDATARANGE; 1]> = Shared([(&raw const PCM).cast()]);
static ANALOG_RANGES: Shared<[*const KSDATARANGE; 1]> = Shared([&raw const ANALOG]);
static AUDIO: Guid = id::KSCATEGORY_AUDIO;
static SPEAKER: Guid = id::KSNODETYPE_SPEAKER;
static VOLUME: Guid = id::KSNODETYPE_VOLUME;
static AUDIO_SET: Guid = id::KSPROPSETID_Audio;

const fn range(size: u32, sub_format: Guid, specifier: Guid) -> KSDATARANGE {
    KSDATARANGE {
        FormatSize: size,
        Flags: 0,
        SampleSize: 0,
        Reserved: 0,
        MajorFormat: id::KSDATAFORMAT_TYPE_AUDIO,
        SubFormat: sub_format,
        Specifier: specifier,
    }
}

const fn pin(instances: u32, flow: i32, category: &'static Guid) -> PCPIN_DESCRIPTOR {
    let host = instances > 0;
    PCPIN_DESCRIPTOR {
        MaxGlobalInstanceCount: instances,
        MaxFilterInstanceCount: instances,
        MinFilterInstanceCount: 0,
        AutomationTable: std::ptr::null(),
        KsPinDescriptor: KSPIN_DESCRIPTOR {
            InterfacesCount: 0,
            Interfaces: std::ptr::null(),
            MediumsCount: 0,
            Mediums: std::ptr::null(),
            DataRangesCount: 1,
            DataRanges: if host {
                (&raw const PCM_RANGES).cast()
            } else {
                (&raw const ANALOG_RANGES).cast()
            },
            DataFlow: flow,
            Communication: if host {
                KSPIN_COMMUNICATION_SINK
            } else {
                KSPIN_COMMUNICATION_NONE
            },
            Category: category,
            Name: std::ptr::null(),
            ConstrainedDataRangesCount: 0,
            ConstrainedDataRanges: std::ptr::null(),
        },
    }
}

static WAVE_PINS: [PCPIN_DESCRIPTOR; 2] = [
    pin(1, KSPIN_DATAFLOW_IN, &AUDIO),
    pin(0, KSPIN_DATAFLOW_OUT, &AUDIO),
];
static TOPOLOGY_PINS: [PCPIN_DESCRIPTOR; 2] = [
    pin(0, KSPIN_DATAFLOW_IN, &AUDIO),
    pin(0, KSPIN_DATAFLOW_OUT, &SPEAKER),
];

const fn connection(from: (u32, u32), to: (u32, u32)) -> KSTOPOLOGY_CONNECTION {
    KSTOPOLOGY_CONNECTION {
        FromNode: from.0,
        FromNodePin: from.1,
        ToNode: to.0,
        ToNodePin: to.1,
    }
}

static WAVE_CONNECTIONS: [KSTOPOLOGY_CONNECTION; 1] =
    [connection((KSFILTER_NODE, 0), (KSFILTER_NODE, 1))];
static TOPOLOGY_CONNECTIONS: [KSTOPOLOGY_CONNECTION; 2] = [
    connection((KSFILTER_NODE, 0), (0, KSNODEPIN_STANDARD_IN)),
    connection((0, KSNODEPIN_STANDARD_OUT), (KSFILTER_NODE, 1)),
];

const fn volume(id: u32, verbs: u32) -> PCPROPERTY_ITEM {
    PCPROPERTY_ITEM {
        Set: &raw const AUDIO_SET,
        Id: id,
        Flags: verbs,
        Handler: volume::handler,
    }
}

/// The mute property describes itself no further, so that tests see what KS answers in its place.
static ITEMS: [PCPROPERTY_ITEM; 2] = [
    volume(
        KSPROPERTY_AUDIO_VOLUMELEVEL,
        KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_SET | KSPROPERTY_TYPE_BASICSUPPORT,
    ),
    volume(
        KSPROPERTY_AUDIO_MUTE,
        KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_SET,
    ),
];
static TABLE: PCAUTOMATION_TABLE = PCAUTOMATION_TABLE {
    Properties: ITEMS.as_ptr(),
    ..TABLE_OF_TWO
};
const TABLE_OF_TWO: PCAUTOMATION_TABLE = PCAUTOMATION_TABLE {
    PropertyItemSize: size_of::<PCPROPERTY_ITEM>() as u32,
    PropertyCount: 2,
    Properties: std::ptr::null(),
    MethodItemSize: 0,
    MethodCount: 0,
    Methods: std::ptr::null(),
    EventItemSize: 0,
    EventCount: 0,
    Events: std::ptr::null(),
    Reserved: 0,
};
const fn proposal(id: u32, verbs: u32) -> PCPROPERTY_ITEM {
    PCPROPERTY_ITEM {
        Set: &raw const PIN_SET,
        Id: id,
        Flags: verbs,
        Handler: propose::handler,
    }
}

static PIN_SET: Guid = id::KSPROPSETID_Pin;
static WAVE_ITEMS: [PCPROPERTY_ITEM; 2] = [
    proposal(KSPROPERTY_PIN_PROPOSEDATAFORMAT, KSPROPERTY_TYPE_SET),
    proposal(KSPROPERTY_PIN_PROPOSEDATAFORMAT2, KSPROPERTY_TYPE_GET),
];
static WAVE_TABLE: PCAUTOMATION_TABLE = PCAUTOMATION_TABLE {
    Properties: WAVE_ITEMS.as_ptr(),
    ..TABLE_OF_TWO
};
static NODES: [PCNODE_DESCRIPTOR; 1] = [PCNODE_DESCRIPTOR {
    Flags: 0,
    AutomationTable: &raw const TABLE,
    Type: &raw const VOLUME,
    Name: std::ptr::null(),
}];

/// The wave filter's description.
pub(crate) const fn wave() -> PCFILTER_DESCRIPTOR {
    PCFILTER_DESCRIPTOR {
        Version: 0,
        AutomationTable: &raw const WAVE_TABLE,
        PinSize: size_of::<PCPIN_DESCRIPTOR>() as u32,
        PinCount: 2,
        Pins: WAVE_PINS.as_ptr(),
        NodeSize: size_of::<PCNODE_DESCRIPTOR>() as u32,
        NodeCount: 0,
        Nodes: std::ptr::null(),
        ConnectionCount: 1,
        Connections: WAVE_CONNECTIONS.as_ptr(),
        CategoryCount: 0,
        Categories: std::ptr::null(),
    }
}

/// The topology filter's description.
pub(crate) const fn topology() -> PCFILTER_DESCRIPTOR {
    PCFILTER_DESCRIPTOR {
        AutomationTable: std::ptr::null(),
        Pins: TOPOLOGY_PINS.as_ptr(),
        NodeCount: 1,
        Nodes: NODES.as_ptr(),
        ConnectionCount: 2,
        Connections: TOPOLOGY_CONNECTIONS.as_ptr(),
        ..wave()
    }
}
