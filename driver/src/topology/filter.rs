//! The topology filter's description.

use super::{jack, level};
use crate::description::{self, bridge, connection, properties};
use core::ptr::null;
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

/// Key of the endpoint's name: the INF has it under MediaCategories, and Windows shows what it says there.
static ENDPOINT_NAME: Guid = Guid::new(0x5B8A2F64_3C1E_4E97_8D0B_7A6F19C3E2D4);

static PINS: [PCPIN_DESCRIPTOR; 2] = [
    bridge(KSPIN_DATAFLOW_IN, &id::KSCATEGORY_AUDIO, null()),
    bridge(
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

pub(super) static FILTER: PCFILTER_DESCRIPTOR =
    description::filter(&AUTOMATION, &PINS, &NODES, &CONNECTIONS);
