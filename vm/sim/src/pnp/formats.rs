//! Formats that a pin proposes and takes, asked for as the audio engine does before it opens the pin.

use waverig_portcls::id::{
    KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE, KSDATAFORMAT_SUBTYPE_IEEE_FLOAT, KSPROPSETID_Pin,
};
use waverig_portcls::status::{
    STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_NOT_FOUND, STATUS_NOT_SUPPORTED,
};
use waverig_portcls::{
    Guid, KSDATAFORMAT_ATTRIBUTES, KSDATARANGE_AUDIO, KSPROPERTY_PIN_DATAINTERSECTION,
    KSPROPERTY_PIN_PROPOSEDATAFORMAT, KSPROPERTY_PIN_PROPOSEDATAFORMAT2, KSPROPERTY_TYPE_GET,
    KSPROPERTY_TYPE_SET, NTSTATUS,
};

use super::members::word;
use crate::endpoints::rules;
use crate::finding;
use crate::portcls::modes;
use crate::portcls::subdevice::Subdevice;
use crate::user::format;
use crate::user::ks::{Handle, property};

/// A mode that no driver has.
const NO_MODE: Guid = Guid::new(0x11111111_2222_3333_4444_555555555555);
/// Bytes of a KSDATAFORMAT and of the shortest wave format behind it.
const HEAD: usize = 64;
const WAVE: usize = 18;
/// mmreg.h.
const WAVE_FORMAT_EXTENSIBLE: u16 = 0xFFFE;
/// A format that announces more bytes has no size but garbage.
const GREATEST: usize = 1 << 16;

/// Checks the pin that clients of an endpoint open; gives the channels of the format that it proposes, if it proposes one.
pub(super) fn check(link: &str, subdevice: &Subdevice, pin: u32) -> Option<u16> {
    let place = format!("pin {pin} of {:?}", subdevice.name);
    let broken = |rule, text: String| finding::raise(rule, format!("{place}: {text}"));
    let handle = match Handle::open(link) {
        Ok(handle) => handle,
        Err(status) => {
            let text = format!("the filter cannot be opened: {status}");
            broken(&rules::PROPOSED_FORMAT, text);
            return None;
        }
    };
    let ranges = ranges(subdevice, pin);
    for range in &ranges {
        if let Err(text) = taken(&handle, pin, range) {
            broken(&rules::RANGE_TAKEN, text);
        }
    }
    let mut channels = None;
    for mode in modes::of(subdevice, pin) {
        match proposed(&handle, pin, &mode, &ranges) {
            // The driver need not have the property.
            Ok(None) => break,
            Ok(Some(count)) => channels = Some(count),
            Err(text) => broken(&rules::PROPOSED_FORMAT, format!("mode {mode}: {text}")),
        }
    }
    if channels.is_some() {
        let (status, _) = handle.ask(&proposal(pin, &NO_MODE), &mut []);
        if status.0 != STATUS_NOT_SUPPORTED {
            let text = format!(
                "a mode that it does not have was answered with {status} instead of STATUS_NOT_SUPPORTED"
            );
            broken(&rules::PROPOSED_FORMAT, text);
        }
    }
    handle.close();
    channels
}

pub(super) fn ranges(subdevice: &Subdevice, pin: u32) -> Vec<KSDATARANGE_AUDIO> {
    let bound = subdevice.port.bound();
    let pins = bound.as_ref().map(|bound| &bound.description.pins);
    let pin = pins.and_then(|pins| pins.get(pin as usize));
    let ranges = pin.map(|pin| &pin.ranges[..]).unwrap_or_default();
    ranges.iter().filter_map(|range| range.audio).collect()
}

/// The request for the format that a pin proposes for a mode: a KSP_PIN, a KSMULTIPLE_ITEM, one attribute.
fn proposal(pin: u32, mode: &Guid) -> Vec<u8> {
    let mut question = property(
        &KSPROPSETID_Pin,
        KSPROPERTY_PIN_PROPOSEDATAFORMAT2,
        KSPROPERTY_TYPE_GET,
    );
    question.extend([pin, 0, 48, 1, 40, 0].map(u32::to_le_bytes).concat());
    question.extend(format::guid(&KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE));
    question.extend(format::guid(mode));
    question
}

/// Asks for the proposed format: for its size, with too little room, and for all of it. `None` when the driver has no such property.
fn proposed(
    handle: &Handle,
    pin: u32,
    mode: &Guid,
    ranges: &[KSDATARANGE_AUDIO],
) -> Result<Option<u16>, String> {
    let question = proposal(pin, mode);
    let (status, size) = handle.ask(&question, &mut []);
    if status.0 == STATUS_NOT_FOUND {
        return Ok(None);
    }
    if status.0 != STATUS_BUFFER_OVERFLOW || !(HEAD + WAVE..=GREATEST).contains(&size) {
        return Err(format!(
            "without room it returned {status} and {size} bytes"
        ));
    }
    let (status, _) = handle.ask(&question, &mut vec![0; size - 1]);
    if status.0 != STATUS_BUFFER_TOO_SMALL {
        return Err(format!(
            "room for one byte less was answered with {status} instead of STATUS_BUFFER_TOO_SMALL"
        ));
    }
    let mut answer = vec![0; size];
    let (status, written) = handle.ask(&question, &mut answer);
    if !status.is_ok() || written != size {
        return Err(format!(
            "it announced {size} bytes, then returned {status} and {written} bytes"
        ));
    }
    let (format, list) = split(&answer)?;
    if list != &question[32..] {
        return Err(format!(
            "behind the format stand {} bytes, which are not the attributes it was asked with",
            list.len()
        ));
    }
    let wave = Wave::read(format)?;
    if !ranges.iter().any(|range| wave.lies_in(range)) {
        return Err(format!("{wave:?} lies in none of the pin's ranges"));
    }
    propose(handle, pin, &answer)
        .map_err(|status| format!("it does not take {wave:?} itself: {status:#010x}"))?;
    Ok(Some(wave.channels))
}

/// A format and the attributes behind it.
fn split(answer: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let size = word(answer, 0)? as usize;
    let list = size.next_multiple_of(8);
    if word(answer, 4)? & KSDATAFORMAT_ATTRIBUTES == 0 {
        return Err("its format has not the flag KSDATAFORMAT_ATTRIBUTES".into());
    }
    match (answer.get(..size), answer.get(list..)) {
        (Some(format), Some(list)) => Ok((format, list)),
        _ => Err(format!(
            "its format says {size} bytes, and it has {} with its attributes",
            answer.len()
        )),
    }
}

/// What the intersection with one of the pin's own ranges gives, the pin takes.
fn taken(handle: &Handle, pin: u32, range: &KSDATARANGE_AUDIO) -> Result<(), String> {
    let mut question = property(
        &KSPROPSETID_Pin,
        KSPROPERTY_PIN_DATAINTERSECTION,
        KSPROPERTY_TYPE_GET,
    );
    question.extend([pin, 0, 8 + 88, 1].map(u32::to_le_bytes).concat());
    question.extend([88, 0, 0, 0].map(u32::to_le_bytes).concat());
    let head = &range.DataRange;
    for guid in [head.MajorFormat, head.SubFormat, head.Specifier] {
        question.extend(format::guid(&guid));
    }
    let limits = [
        range.MaximumChannels,
        range.MinimumBitsPerSample,
        range.MaximumBitsPerSample,
        range.MinimumSampleFrequency,
        range.MaximumSampleFrequency,
        0,
    ];
    question.extend(limits.map(u32::to_le_bytes).concat());
    let found = handle
        .get(&question)
        .map_err(|status| format!("an intersection with its own range {range:?} gives {status}"))?;
    let wave = Wave::read(&found)?;
    let mut taken = propose(handle, pin, &found);
    if taken == Err(STATUS_BUFFER_TOO_SMALL) && found.len() == HEAD + WAVE {
        // A driver may want room for the long form, in which the audio engine proposes every format.
        taken = propose(handle, pin, &extensible(&found, &wave));
    }
    taken.map_err(|status| {
        format!("an intersection gives {wave:?}, which it does not take: {status:#010x}")
    })
}

/// A format with a WAVEFORMATEX as one with a WAVEFORMATEXTENSIBLE.
fn extensible(format: &[u8], wave: &Wave) -> Vec<u8> {
    let mut long = format.to_vec();
    long.extend(wave.bits.to_le_bytes());
    // Mono is front center, two are front left and right; what more channels are, nobody has said.
    let mask: u32 = match wave.channels {
        1 => 0x4,
        2 => 0x3,
        _ => 0,
    };
    long.extend(mask.to_le_bytes());
    long.extend_from_slice(&format[32..48]);
    let size = long.len();
    long[..4].copy_from_slice(&(size as u32).to_le_bytes());
    long[HEAD..HEAD + 2].copy_from_slice(&WAVE_FORMAT_EXTENSIBLE.to_le_bytes());
    let extra = (size - HEAD - WAVE) as u16;
    long[HEAD + WAVE - 2..HEAD + WAVE].copy_from_slice(&extra.to_le_bytes());
    long
}

/// Proposes a format to the pin, as far as the driver can be asked.
fn propose(handle: &Handle, pin: u32, bytes: &[u8]) -> Result<(), NTSTATUS> {
    let mut question = property(
        &KSPROPSETID_Pin,
        KSPROPERTY_PIN_PROPOSEDATAFORMAT,
        KSPROPERTY_TYPE_SET,
    );
    question.extend([pin, 0].map(u32::to_le_bytes).concat());
    match handle.set(&question, bytes) {
        Err(status) if status.0 != STATUS_NOT_FOUND => Err(status.0),
        _ => Ok(()),
    }
}

/// What ranges limit.
#[derive(Debug)]
struct Wave {
    float: bool,
    channels: u16,
    rate: u32,
    bits: u16,
}

impl Wave {
    fn read(format: &[u8]) -> Result<Self, String> {
        let at = |at: usize| word(format, at);
        if format.len() < HEAD + WAVE {
            return Err(format!("a format of {} bytes", format.len()));
        }
        Ok(Self {
            float: format[32..48] == format::guid(&KSDATAFORMAT_SUBTYPE_IEEE_FLOAT)[..],
            channels: (at(HEAD)? >> 16) as u16,
            rate: at(HEAD + 4)?,
            bits: (at(HEAD + 12)? >> 16) as u16,
        })
    }

    fn lies_in(&self, range: &KSDATARANGE_AUDIO) -> bool {
        let float = range.DataRange.SubFormat == KSDATAFORMAT_SUBTYPE_IEEE_FLOAT;
        let bits = range.MinimumBitsPerSample..=range.MaximumBitsPerSample;
        let rates = range.MinimumSampleFrequency..=range.MaximumSampleFrequency;
        float == self.float
            && u32::from(self.channels) <= range.MaximumChannels
            && bits.contains(&self.bits.into())
            && rates.contains(&self.rate)
    }
}

#[cfg(test)]
mod tests {
    use crate::mock::{self, Quirk};
    use crate::portcls::adapter;
    use crate::user;

    /// What the rules say of the mock's pin with a quirk.
    fn check(quirk: Quirk, expect: &[&str]) {
        let (found, channels) = mock::with(quirk, |machine| {
            let adapter = adapter::of_pdo(machine.pdo).expect("the mock's device");
            let subdevices = adapter.subdevices();
            let wave = subdevices.iter().find(|one| one.name == mock::WAVE);
            let link = user::tests::link(machine, mock::WAVE);
            let channels = super::check(&link, wave.expect("the mock's wave filter"), 0);
            (machine.kernel.findings.all(), channels)
        });
        let found: Vec<_> = found
            .into_iter()
            .map(|one| format!("{}: {}", one.rule, one.text))
            .collect();
        assert_eq!(found.len(), expect.len(), "{quirk:?} broke {found:?}");
        for (found, expect) in found.iter().zip(expect) {
            assert!(found.contains(expect), "{found:?} does not say {expect:?}");
        }
        if expect.is_empty() {
            assert_eq!(channels, Some(2));
        }
    }

    #[test]
    fn what_a_pin_proposes_is_whole_and_taken() {
        check(Quirk::None, &[]);
        check(Quirk::TakesLongForms, &[]);
        check(
            Quirk::ProposesWithoutSize,
            &[
                "proposed-format: pin 0 of \"Wave\": mode C18E2F7E-933D-4965-B7D1-1EEF228D2AF3: without room it returned STATUS_SUCCESS",
            ],
        );
        check(
            Quirk::ProposesWithoutRoom,
            &["room for one byte less was answered with STATUS_SUCCESS"],
        );
        check(
            Quirk::ProposesWithoutAttributes,
            &["its format has not the flag KSDATAFORMAT_ATTRIBUTES"],
        );
        check(
            Quirk::ProposesOutOfRange,
            &["lies in none of the pin's ranges"],
        );
        check(
            Quirk::ProposesForAnyMode,
            &[
                "a mode that it does not have was answered with STATUS_BUFFER_OVERFLOW instead of STATUS_NOT_SUPPORTED",
            ],
        );
        check(
            Quirk::RefusesItsFormats,
            &[
                "data-range-taken: pin 0 of \"Wave\": an intersection gives Wave",
                "proposed-format: pin 0 of \"Wave\": mode C18E2F7E-933D-4965-B7D1-1EEF228D2AF3: it does not take Wave",
            ],
        );
    }
}
