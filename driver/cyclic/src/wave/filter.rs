//! The wave filter's description: PCM at the rates and channels that the device takes. Each miniport has its own, in pool.

use crate::description::{self, bridge, connection, pin, properties};
use crate::pool::PoolBox;
use core::ptr::null;
use waverig_engine::{AudioRange, Capability};
use waverig_portcls::{
    KSDATARANGE, KSDATARANGE_AUDIO, KSFILTER_NODE, KSPIN_COMMUNICATION_SINK, KSPIN_DATAFLOW_IN,
    KSPIN_DATAFLOW_OUT, NTSTATUS, PCAUTOMATION_TABLE, PCCONNECTION_DESCRIPTOR, PCFILTER_DESCRIPTOR,
    PCPIN_DESCRIPTOR, id,
};

/// The pin that clients open.
pub(super) const PIN_STREAM: u32 = 0;
/// To the topology filter.
pub(super) const PIN_BRIDGE: u32 = 1;

/// A cable takes one stream.
const MAX_STREAMS: u32 = 1;

/// Of the device's ranges every second is of floats, which the port's own data intersection does not know.
const RANGES: usize = Capability::RANGES / 2;

static CONNECTIONS: [PCCONNECTION_DESCRIPTOR; 1] = [connection(
    (KSFILTER_NODE, PIN_STREAM),
    (KSFILTER_NODE, PIN_BRIDGE),
)];

static NO_PROPERTIES: PCAUTOMATION_TABLE = properties(&[]);

/// A description whose parts point to each other, so it never moves.
pub(super) struct Filter(PoolBox<Parts>);

struct Parts {
    ranges: [KSDATARANGE_AUDIO; RANGES],
    entries: [*const KSDATARANGE; RANGES],
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
    pub(super) fn new(capability: &Capability) -> Result<Self, NTSTATUS> {
        let mut ranges = [audio_range(&NOTHING); RANGES];
        let pcm = capability.ranges().filter(|range| range.pcm);
        for (place, range) in ranges.iter_mut().zip(pcm) {
            *place = audio_range(&range);
        }
        let stream = pin(
            MAX_STREAMS,
            &[],
            KSPIN_DATAFLOW_IN,
            KSPIN_COMMUNICATION_SINK,
            &id::KSCATEGORY_AUDIO,
            null(),
        );
        let mut parts = PoolBox::new(Parts {
            ranges,
            entries: [null(); RANGES],
            pins: [
                stream,
                bridge(KSPIN_DATAFLOW_OUT, &id::KSCATEGORY_AUDIO, null()),
            ],
            filter: description::filter(&NO_PROPERTIES, &[], &[], &CONNECTIONS),
        })?;
        let Parts {
            ranges,
            entries,
            pins,
            filter,
        } = &mut *parts;
        for (entry, range) in entries.iter_mut().zip(&*ranges) {
            *entry = (&raw const *range).cast();
        }
        let [stream, _] = &mut *pins;
        stream.KsPinDescriptor.DataRangesCount = entries.len() as u32;
        stream.KsPinDescriptor.DataRanges = entries.as_ptr();
        filter.AutomationTable = null();
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
    KSDATARANGE_AUDIO {
        DataRange: KSDATARANGE {
            FormatSize: size_of::<KSDATARANGE_AUDIO>() as u32,
            Flags: 0,
            SampleSize: 0,
            Reserved: 0,
            MajorFormat: id::KSDATAFORMAT_TYPE_AUDIO,
            SubFormat: id::KSDATAFORMAT_SUBTYPE_PCM,
            Specifier: id::KSDATAFORMAT_SPECIFIER_WAVEFORMATEX,
        },
        MaximumChannels: range.max_channels,
        MinimumBitsPerSample: range.bits.0,
        MaximumBitsPerSample: range.bits.1,
        MinimumSampleFrequency: range.rates.0,
        MaximumSampleFrequency: range.rates.1,
    }
}
