//! The topology filter's description.

use super::{jack, level};
use crate::description::{self, bridge, connection, properties};
use crate::names::{self, NameOf, PinNames};
use core::ptr::null;
use waverig_interface::{CableNumber, MAX_CABLES};
use waverig_portcls::{
    Guid, KSFILTER_NODE, KSNODEPIN_STANDARD_IN, KSNODEPIN_STANDARD_OUT, KSPIN_DATAFLOW_IN,
    KSPIN_DATAFLOW_OUT, KSPROPERTY_AUDIO_CPU_RESOURCES, KSPROPERTY_AUDIO_MUTE,
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

type Pins = [PCPIN_DESCRIPTOR; 2];

/// The pins of a filter whose endpoint has this name.
const fn pins(name: &'static Guid) -> Pins {
    [
        bridge(KSPIN_DATAFLOW_IN, &id::KSCATEGORY_AUDIO, null()),
        bridge(KSPIN_DATAFLOW_OUT, &id::KSNODETYPE_SPEAKER, name),
    ]
}

/// The pins of each cable.
const fn all_pins(names: &'static PinNames) -> [Pins; MAX_CABLES as usize] {
    let mut all = [pins(&names[0]); MAX_CABLES as usize];
    let mut cable = 0;
    while cable < all.len() {
        all[cable] = pins(&names[cable]);
        cable += 1;
    }
    all
}

static PINS: [Pins; MAX_CABLES as usize] = all_pins(&names::RENDER);
static PINS_SET: [Pins; MAX_CABLES as usize] = all_pins(&names::RENDER_SET);

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

/// A filter with these pins.
const fn filter(pins: &'static Pins) -> PCFILTER_DESCRIPTOR {
    description::filter(&AUTOMATION, pins, &NODES, &CONNECTIONS)
}

type Filters = [PCFILTER_DESCRIPTOR; MAX_CABLES as usize];

const fn all(pins: &'static [Pins; MAX_CABLES as usize]) -> Filters {
    let mut all = [filter(&pins[0]); MAX_CABLES as usize];
    let mut cable = 0;
    while cable < all.len() {
        all[cable] = filter(&pins[cable]);
        cable += 1;
    }
    all
}

static FILTERS: Filters = all(&PINS);
static FILTERS_SET: Filters = all(&PINS_SET);

/// The description of a cable's filter.
pub(super) fn description(cable: CableNumber, name: NameOf) -> &'static PCFILTER_DESCRIPTOR {
    let filters = match name {
        NameOf::Inf => &FILTERS,
        NameOf::Setting => &FILTERS_SET,
    };
    let [first, ..] = filters;
    filters.get(cable.index()).unwrap_or(first)
}
