//! The topology filters' descriptions. They are the same but for their pins.

use super::{jack, level};
use crate::cable::Direction;
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

/// Where audio comes in: from the wave filter, or from the line.
pub(super) const PIN_IN: u32 = 0;
/// Where it goes out: to the speaker, or to the wave filter. Of the speaker's pin and the line's, which nothing is connected to,
/// Windows makes the endpoints.
pub(super) const PIN_OUT: u32 = 1;

pub(super) const NODE_VOLUME: u32 = 0;
pub(super) const NODE_MUTE: u32 = 1;

const GET: u32 = KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_BASICSUPPORT;
const GET_SET: u32 = GET | KSPROPERTY_TYPE_SET;

type Pins = [PCPIN_DESCRIPTOR; 2];

/// The pins of a filter whose endpoint has this name.
///
/// What a cable records is a line and no microphone: nobody's voice is to be looked for in it, and Windows ranks microphones
/// before lines when it chooses a default device ("Audio Endpoint Builder Algorithm").
const fn pins(direction: Direction, name: &'static Guid) -> Pins {
    match direction {
        Direction::Render => [
            bridge(KSPIN_DATAFLOW_IN, &id::KSCATEGORY_AUDIO, null()),
            bridge(KSPIN_DATAFLOW_OUT, &id::KSNODETYPE_SPEAKER, name),
        ],
        Direction::Capture => [
            bridge(KSPIN_DATAFLOW_IN, &id::KSNODETYPE_LINE_CONNECTOR, name),
            bridge(KSPIN_DATAFLOW_OUT, &id::KSCATEGORY_AUDIO, null()),
        ],
    }
}

/// The pins of each cable.
const fn all_pins(direction: Direction, names: &'static PinNames) -> AllPins {
    let mut all = [pins(direction, &names[0]); MAX_CABLES as usize];
    let mut cable = 0;
    while cable < all.len() {
        all[cable] = pins(direction, &names[cable]);
        cable += 1;
    }
    all
}

type AllPins = [Pins; MAX_CABLES as usize];

static RENDER: AllPins = all_pins(Direction::Render, &names::RENDER);
static RENDER_SET: AllPins = all_pins(Direction::Render, &names::RENDER_SET);
static CAPTURE: AllPins = all_pins(Direction::Capture, &names::CAPTURE);
static CAPTURE_SET: AllPins = all_pins(Direction::Capture, &names::CAPTURE_SET);

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
        (KSFILTER_NODE, PIN_IN),
        (NODE_VOLUME, KSNODEPIN_STANDARD_IN),
    ),
    connection(
        (NODE_VOLUME, KSNODEPIN_STANDARD_OUT),
        (NODE_MUTE, KSNODEPIN_STANDARD_IN),
    ),
    connection(
        (NODE_MUTE, KSNODEPIN_STANDARD_OUT),
        (KSFILTER_NODE, PIN_OUT),
    ),
];

/// A filter with these pins.
const fn filter(pins: &'static Pins) -> PCFILTER_DESCRIPTOR {
    description::filter(&AUTOMATION, pins, &NODES, &CONNECTIONS)
}

type Filters = [PCFILTER_DESCRIPTOR; MAX_CABLES as usize];

const fn all(pins: &'static AllPins) -> Filters {
    let mut all = [filter(&pins[0]); MAX_CABLES as usize];
    let mut cable = 0;
    while cable < all.len() {
        all[cable] = filter(&pins[cable]);
        cable += 1;
    }
    all
}

static RENDER_FILTERS: Filters = all(&RENDER);
static RENDER_SET_FILTERS: Filters = all(&RENDER_SET);
static CAPTURE_FILTERS: Filters = all(&CAPTURE);
static CAPTURE_SET_FILTERS: Filters = all(&CAPTURE_SET);

/// The description of a cable's filter.
pub(super) fn description(
    cable: CableNumber,
    direction: Direction,
    name: NameOf,
) -> &'static PCFILTER_DESCRIPTOR {
    let filters = match (direction, name) {
        (Direction::Render, NameOf::Inf) => &RENDER_FILTERS,
        (Direction::Render, NameOf::Setting) => &RENDER_SET_FILTERS,
        (Direction::Capture, NameOf::Inf) => &CAPTURE_FILTERS,
        (Direction::Capture, NameOf::Setting) => &CAPTURE_SET_FILTERS,
    };
    let [first, ..] = filters;
    filters.get(cable.index()).unwrap_or(first)
}
