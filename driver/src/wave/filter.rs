//! The wave filter's description. It depends on the direction and on the device's channels, so each miniport has its own, in pool.

use super::{propose, write_position};
use crate::cable::Direction;
use crate::description::{self, bridge, connection, pin, properties};
use crate::fault::{self, Deliberate};
use crate::pool::PoolBox;
use core::ptr::null;
use waverig_engine::{AudioRange, Capability};
use waverig_portcls::{
    Guid, KSATTRIBUTE, KSATTRIBUTE_LIST, KSDATARANGE, KSDATARANGE_ATTRIBUTES, KSDATARANGE_AUDIO,
    KSFILTER_NODE, KSPIN_COMMUNICATION_SINK, KSPIN_DATAFLOW_IN, KSPIN_DATAFLOW_OUT,
    KSPROPERTY_AUDIO_WAVERT_CURRENT_WRITE_POSITION, KSPROPERTY_PIN_PROPOSEDATAFORMAT,
    KSPROPERTY_PIN_PROPOSEDATAFORMAT2, KSPROPERTY_TYPE_BASICSUPPORT, KSPROPERTY_TYPE_GET,
    KSPROPERTY_TYPE_SET, NTSTATUS, PCAUTOMATION_TABLE, PCCONNECTION_DESCRIPTOR,
    PCFILTER_DESCRIPTOR, PCPIN_DESCRIPTOR, PCPROPERTY_ITEM, id,
};

/// The pin that clients open, in either direction.
pub(super) const PIN_STREAM: u32 = 0;
/// To the topology filter, or from it.
pub(super) const PIN_BRIDGE: u32 = 1;

/// Instances of the streaming pin: a cable takes one stream of each direction, in either signal-processing mode. What clients are
/// told as `KSPIN_CINSTANCES.PossibleCount` is what they get. (The sample sysvad has as many instances as modes, and mixes them.)
const MAX_STREAMS: u32 = 1;

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

/// Of open render pins.
static RENDER_PROPERTIES: [PCPROPERTY_ITEM; 1] = [PCPROPERTY_ITEM {
    Set: &id::KSPROPSETID_Audio,
    Id: KSPROPERTY_AUDIO_WAVERT_CURRENT_WRITE_POSITION,
    Flags: KSPROPERTY_TYPE_SET | KSPROPERTY_TYPE_BASICSUPPORT,
    Handler: write_position::position,
}];

static RENDER_AUTOMATION: PCAUTOMATION_TABLE = properties(&RENDER_PROPERTIES);

static RENDER_CONNECTIONS: [PCCONNECTION_DESCRIPTOR; 1] = [connection(
    (KSFILTER_NODE, PIN_STREAM),
    (KSFILTER_NODE, PIN_BRIDGE),
)];

static CAPTURE_CONNECTIONS: [PCCONNECTION_DESCRIPTOR; 1] = [connection(
    (KSFILTER_NODE, PIN_BRIDGE),
    (KSFILTER_NODE, PIN_STREAM),
)];

static PROPERTIES: [PCPROPERTY_ITEM; 2] = [
    PCPROPERTY_ITEM {
        Set: &id::KSPROPSETID_Pin,
        Id: KSPROPERTY_PIN_PROPOSEDATAFORMAT,
        Flags: KSPROPERTY_TYPE_SET | KSPROPERTY_TYPE_BASICSUPPORT,
        Handler: propose::format,
    },
    PCPROPERTY_ITEM {
        Set: &id::KSPROPSETID_Pin,
        Id: KSPROPERTY_PIN_PROPOSEDATAFORMAT2,
        Flags: KSPROPERTY_TYPE_GET | KSPROPERTY_TYPE_BASICSUPPORT,
        Handler: propose::preferred,
    },
];

static AUTOMATION: PCAUTOMATION_TABLE = properties(&PROPERTIES);

/// Entries in the array of ranges: each range is followed by the list of its attributes, as its flag says.
const ENTRIES: usize = Capability::RANGES * 2;

/// A description whose parts point to each other, so it never moves.
pub(super) struct Filter(PoolBox<Parts>);

struct Parts {
    ranges: [KSDATARANGE_AUDIO; Capability::RANGES],
    entries: [*const KSDATARANGE; ENTRIES],
    pins: [PCPIN_DESCRIPTOR; 2],
    filter: PCFILTER_DESCRIPTOR,
}

// SAFETY: the pointers lead into the value itself and to statics, and nobody writes after `new`.
unsafe impl Send for Parts {}
// SAFETY: as above.
unsafe impl Sync for Parts {}

impl Filter {
    /// PASSIVE_LEVEL.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    #[inline(never)]
    pub(super) fn new(direction: Direction, capability: &Capability) -> Result<Self, NTSTATUS> {
        let (inward, outward, connections) = match direction {
            Direction::Render => (KSPIN_DATAFLOW_IN, KSPIN_DATAFLOW_OUT, &RENDER_CONNECTIONS),
            Direction::Capture => (KSPIN_DATAFLOW_OUT, KSPIN_DATAFLOW_IN, &CAPTURE_CONNECTIONS),
        };
        let mut ranges = [audio_range(&NOTHING); Capability::RANGES];
        for (place, range) in ranges.iter_mut().zip(capability.ranges()) {
            *place = audio_range(&range);
        }
        let mut parts = PoolBox::new(Parts {
            ranges,
            entries: [null(); ENTRIES],
            pins: [
                pin(
                    MAX_STREAMS,
                    &[],
                    inward,
                    KSPIN_COMMUNICATION_SINK,
                    &id::KSCATEGORY_AUDIO,
                    null(),
                ),
                bridge(outward, &id::KSCATEGORY_AUDIO, null()),
            ],
            filter: description::filter(&AUTOMATION, &[], &[], connections),
        })?;
        let Parts {
            ranges,
            entries,
            pins,
            filter,
        } = &mut *parts;
        for (pair, range) in entries.chunks_exact_mut(2).zip(&*ranges) {
            let list = if fault::is(Deliberate::NoAttributes) {
                null()
            } else {
                (&raw const MODE_LIST).cast()
            };
            pair.copy_from_slice(&[(&raw const *range).cast(), list]);
        }
        let [stream, _] = &mut *pins;
        stream.KsPinDescriptor.DataRangesCount = entries.len() as u32;
        stream.KsPinDescriptor.DataRanges = entries.as_ptr();
        if direction == Direction::Render {
            stream.AutomationTable = &RENDER_AUTOMATION;
        }
        filter.PinCount = pins.len() as u32;
        filter.Pins = pins.as_ptr();
        Ok(Self(parts))
    }

    /// What `IMiniport::GetDescription` gives: it lives as long as this value.
    pub(super) fn description(&self) -> *const PCFILTER_DESCRIPTOR {
        &raw const self.0.filter
    }
}

/// Stands where a range has not been written yet.
const NOTHING: AudioRange = AudioRange {
    pcm: true,
    float: false,
    max_channels: 0,
    bits: (0, 0),
    rates: (0, 0),
};

const fn audio_range(range: &AudioRange) -> KSDATARANGE_AUDIO {
    let sub_format: Guid = if range.float {
        id::KSDATAFORMAT_SUBTYPE_IEEE_FLOAT
    } else {
        id::KSDATAFORMAT_SUBTYPE_PCM
    };
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
        MaximumChannels: range.max_channels,
        MinimumBitsPerSample: range.bits.0,
        MaximumBitsPerSample: range.bits.1,
        MinimumSampleFrequency: range.rates.0,
        MaximumSampleFrequency: range.rates.1,
    }
}
