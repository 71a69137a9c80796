//! Data ranges of a pin: what it can take.

use std::ffi::c_void;

use waverig_portcls::id::{
    KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE, KSDATAFORMAT_SPECIFIER_WAVEFORMATEX,
    KSDATAFORMAT_SUBTYPE_IEEE_FLOAT, KSDATAFORMAT_SUBTYPE_PCM, KSDATAFORMAT_TYPE_AUDIO,
};
use waverig_portcls::{
    Guid, KSATTRIBUTE, KSATTRIBUTE_LIST, KSDATARANGE, KSDATARANGE_ATTRIBUTES, KSDATARANGE_AUDIO,
};

use super::description::{Reader, read};
use super::rules;

/// One range.
#[derive(Clone)]
pub(crate) struct Range {
    /// Where the driver keeps it: what `DataRangeIntersection` gets.
    pub(crate) place: *const KSDATARANGE,
    pub(crate) head: KSDATARANGE,
    /// The limits, when it is an audio range.
    pub(crate) audio: Option<KSDATARANGE_AUDIO>,
}

/// Sub-formats that make a pin one that endpoints stream to: PCM, float, AC-3 and WMA over SPDIF (ksmedia.h).
const STREAMED: [Guid; 4] = [
    KSDATAFORMAT_SUBTYPE_PCM,
    KSDATAFORMAT_SUBTYPE_IEEE_FLOAT,
    Guid::new(0x00000092_0000_0010_8000_00AA00389B71),
    Guid::new(0x00000164_0000_0010_8000_00AA00389B71),
];

impl Range {
    /// Whether it is audio that an endpoint's path may end in.
    pub(crate) fn streams(&self) -> bool {
        self.head.MajorFormat == KSDATAFORMAT_TYPE_AUDIO && STREAMED.contains(&self.head.SubFormat)
    }

    /// Reads the array at `place`, in which attribute lists stand between ranges.
    pub(super) fn read_all(
        reader: &Reader<'_>,
        pin: u32,
        place: *const *const c_void,
        count: u32,
    ) -> Vec<Self> {
        let broken = |text: &str| reader.broken(&rules::DATA_RANGE, &format!("pin {pin}: {text}"));
        let mut ranges: Vec<Self> = Vec::new();
        if place.is_null() {
            if count > 0 {
                broken(&format!("{count} data ranges but no array of them"));
            }
            return ranges;
        }
        let mut entries = (0..count as usize).map(|index| (index, read(place.wrapping_add(index))));
        while let Some((index, entry)) = entries.next() {
            if entry.is_null() {
                broken(&format!("data range {index} is NULL"));
                continue;
            }
            let range = Self::read_one(entry.cast(), |text| {
                broken(&format!("data range {index} {text}"))
            });
            if range.head.Flags & KSDATARANGE_ATTRIBUTES != 0 {
                let list = entries.next().map_or(std::ptr::null(), |(_, list)| list);
                if let Err(text) = attributes(list.cast()) {
                    reader.broken(
                        &rules::ATTRIBUTES,
                        &format!("pin {pin}: data range {index} {text}"),
                    );
                }
            }
            ranges.push(range);
        }
        ranges
    }

    fn read_one(place: *const KSDATARANGE, broken: impl Fn(&str)) -> Self {
        let head = read(place);
        let mut range = Self {
            place,
            head,
            audio: None,
        };
        if (head.FormatSize as usize) < size_of::<KSDATARANGE>() {
            broken(&format!(
                "has the size {}, less than a KSDATARANGE",
                head.FormatSize
            ));
        }
        if head.Reserved != 0 {
            broken(&format!("has {} in its reserved field", head.Reserved));
        }
        if head.MajorFormat == KSDATAFORMAT_TYPE_AUDIO
            && head.Specifier == KSDATAFORMAT_SPECIFIER_WAVEFORMATEX
        {
            if head.FormatSize as usize != size_of::<KSDATARANGE_AUDIO>() {
                broken(&format!(
                    "has the size {}, not that of KSDATARANGE_AUDIO",
                    head.FormatSize
                ));
                return range;
            }
            let audio: KSDATARANGE_AUDIO = read(place.cast());
            if let Err(text) = limits(&audio) {
                broken(&text);
            }
            range.audio = Some(audio);
        }
        range
    }
}

fn limits(audio: &KSDATARANGE_AUDIO) -> Result<(), String> {
    if audio.MaximumChannels == 0 {
        return Err("allows no channel".into());
    }
    let pairs = [
        (
            "bits per sample",
            audio.MinimumBitsPerSample,
            audio.MaximumBitsPerSample,
        ),
        (
            "sample frequency",
            audio.MinimumSampleFrequency,
            audio.MaximumSampleFrequency,
        ),
    ];
    match pairs
        .into_iter()
        .find(|(_, least, most)| least > most || *most == 0)
    {
        Some((what, least, most)) => Err(format!("has the {what} limits {least} to {most}")),
        None => Ok(()),
    }
}

/// A range's list of attributes. One says that the pin knows signal-processing modes: a bare KSATTRIBUTE, once; which
/// modes those are, `IMiniportAudioSignalProcessing::GetModes` says (audio-signal-processing-modes).
fn attributes(place: *const KSATTRIBUTE_LIST) -> Result<(), String> {
    if place.is_null() {
        return Err("has KSDATARANGE_ATTRIBUTES, but no list of attributes follows".into());
    }
    let list = read(place);
    if list.Count == 0 || list.Attributes.is_null() {
        return Err(format!(
            "has a list of {} attributes at {:p}",
            list.Count, list.Attributes
        ));
    }
    let mut seen = Vec::new();
    for index in 0..list.Count as usize {
        let attribute = read(list.Attributes.wrapping_add(index));
        if attribute.is_null() {
            return Err(format!("has the attribute {index}, which is NULL"));
        }
        let head: KSATTRIBUTE = read(attribute);
        if (head.Size as usize) < size_of::<KSATTRIBUTE>() {
            return Err(format!(
                "has the attribute {index} of {} bytes, less than a KSATTRIBUTE",
                head.Size
            ));
        }
        if head.Attribute == KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE
            && head.Size as usize != size_of::<KSATTRIBUTE>()
        {
            return Err(format!(
                "has a signal-processing attribute of {} bytes, not {}",
                head.Size,
                size_of::<KSATTRIBUTE>()
            ));
        }
        if seen.contains(&head.Attribute) {
            return Err(format!("has the attribute {index} a second time"));
        }
        seen.push(head.Attribute);
    }
    Ok(())
}
