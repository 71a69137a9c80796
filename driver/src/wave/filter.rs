//! The wave filter's description.

use super::propose;
use crate::description::{self, Ranges, bridge, connection, pin, properties};
use core::ptr::null;
use waverig_portcls::{
    Guid, KSATTRIBUTE, KSATTRIBUTE_LIST, KSDATARANGE, KSDATARANGE_ATTRIBUTES, KSDATARANGE_AUDIO,
    KSFILTER_NODE, KSPIN_COMMUNICATION_SINK, KSPIN_DATAFLOW_IN, KSPIN_DATAFLOW_OUT,
    KSPROPERTY_PIN_PROPOSEDATAFORMAT, KSPROPERTY_TYPE_BASICSUPPORT, KSPROPERTY_TYPE_SET,
    PCAUTOMATION_TABLE, PCCONNECTION_DESCRIPTOR, PCFILTER_DESCRIPTOR, PCPIN_DESCRIPTOR,
    PCPROPERTY_ITEM, id,
};

/// The pin that clients open.
pub(super) const PIN_STREAM: u32 = 0;
/// To the topology filter.
pub(super) const PIN_BRIDGE: u32 = 1;

/// Streams that can be open at a time.
const MAX_STREAMS: u32 = 1;

const fn audio_range(sub_format: Guid, bits: u32) -> KSDATARANGE_AUDIO {
    KSDATARANGE_AUDIO {
        DataRange: KSDATARANGE {
            FormatSize: size_of::<KSDATARANGE_AUDIO>() as u32,
            Flags: KSDATARANGE_ATTRIBUTES,
            SampleSize: 0,
            Reserved: 0,
            MajorFormat: id::KSDATAFORMAT_TYPE_AUDIO,
            SubFormat: sub_format,
            Specifier: id::KSDATAFORMAT_SPECIFIER_WAVEFORMATEX,
        },
        MaximumChannels: 2,
        MinimumBitsPerSample: bits,
        MaximumBitsPerSample: bits,
        MinimumSampleFrequency: 48_000,
        MaximumSampleFrequency: 48_000,
    }
}

static PCM_16: KSDATARANGE_AUDIO = audio_range(id::KSDATAFORMAT_SUBTYPE_PCM, 16);
/// Both packed and in four bytes.
static PCM_24: KSDATARANGE_AUDIO = audio_range(id::KSDATAFORMAT_SUBTYPE_PCM, 24);
static PCM_32: KSDATARANGE_AUDIO = audio_range(id::KSDATAFORMAT_SUBTYPE_PCM, 32);
static FLOAT_32: KSDATARANGE_AUDIO = audio_range(id::KSDATAFORMAT_SUBTYPE_IEEE_FLOAT, 32);

/// Says that the pin knows signal-processing modes; which ones, `IMiniportAudioSignalProcessing::GetModes` says
/// (windows-driver-docs: audio-signal-processing-modes).
static KNOWS_MODES: KSATTRIBUTE = KSATTRIBUTE {
    Size: size_of::<KSATTRIBUTE>() as u32,
    Flags: 0,
    Attribute: id::KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE,
};

struct Attributes([*const KSATTRIBUTE; 1]);

// SAFETY: a constant description that nobody writes.
unsafe impl Sync for Attributes {}

static MODE_ATTRIBUTES: Attributes = Attributes([&raw const KNOWS_MODES]);
static MODE_LIST: KSATTRIBUTE_LIST = KSATTRIBUTE_LIST {
    Count: 1,
    Attributes: MODE_ATTRIBUTES.0.as_ptr(),
};

/// Each range is followed by the list of its attributes, as its flag says.
static STREAM_RANGES: Ranges<8> = Ranges([
    (&raw const PCM_16).cast(),
    (&raw const MODE_LIST).cast(),
    (&raw const PCM_24).cast(),
    (&raw const MODE_LIST).cast(),
    (&raw const PCM_32).cast(),
    (&raw const MODE_LIST).cast(),
    (&raw const FLOAT_32).cast(),
    (&raw const MODE_LIST).cast(),
]);

static PINS: [PCPIN_DESCRIPTOR; 2] = [
    pin(
        MAX_STREAMS,
        &STREAM_RANGES,
        KSPIN_DATAFLOW_IN,
        KSPIN_COMMUNICATION_SINK,
        &id::KSCATEGORY_AUDIO,
        null(),
    ),
    bridge(KSPIN_DATAFLOW_OUT, &id::KSCATEGORY_AUDIO, null()),
];

static CONNECTIONS: [PCCONNECTION_DESCRIPTOR; 1] = [connection(
    (KSFILTER_NODE, PIN_STREAM),
    (KSFILTER_NODE, PIN_BRIDGE),
)];

static PROPERTIES: [PCPROPERTY_ITEM; 1] = [PCPROPERTY_ITEM {
    Set: &id::KSPROPSETID_Pin,
    Id: KSPROPERTY_PIN_PROPOSEDATAFORMAT,
    Flags: KSPROPERTY_TYPE_SET | KSPROPERTY_TYPE_BASICSUPPORT,
    Handler: propose::format,
}];

static AUTOMATION: PCAUTOMATION_TABLE = properties(&PROPERTIES);

pub(super) static FILTER: PCFILTER_DESCRIPTOR =
    description::filter(&AUTOMATION, &PINS, &[], &CONNECTIONS);
