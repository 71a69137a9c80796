//! Packet size constraints of the filters that endpoints stream to, checked as the audio engine reads them.

use waverig_portcls::id::KSCATEGORY_AUDIO;
use waverig_portcls::{DEVPKEY_KsAudio_PacketSize_Constraints2 as KEY, DEVPROP_TYPE_BINARY, Guid};

use super::link;
use crate::endpoints::{Built, Topology, rules};
use crate::finding;
use crate::nt::interface;
use crate::nt::layout::{DevPropKey, DeviceObject};
use crate::portcls::subdevice::Subdevice;
use crate::portcls::{guid_of, modes};
use crate::user::format;

/// Bytes before the constraints of the modes, and of each of them.
const HEAD: usize = 16;
const MODE: usize = 24;

/// Checks the property on every filter that clients of an endpoint open.
pub(super) fn check(pdo: *mut DeviceObject, topology: &Topology, built: &Built) {
    let key = DevPropKey {
        fmtid: guid_of(&KEY.fmtid),
        pid: KEY.pid,
    };
    for endpoint in &built.endpoints {
        let name = &topology.filters[endpoint.host.0].name;
        let found =
            link(pdo, &guid_of(&KSCATEGORY_AUDIO), name).and_then(|link| interface::find(&link));
        let bytes = found.and_then(|interface| interface.properties.get(&key).cloned());
        // Without the property the engine works in packets of 10 ms.
        let Some((kind, bytes)) = bytes else { continue };
        if kind != DEVPROP_TYPE_BINARY {
            finding::raise(
                &rules::CONSTRAINTS,
                format!(
                    "filter {name:?}: the property has the type {kind:#x}, not DEVPROP_TYPE_BINARY"
                ),
            );
        }
        if let Err(text) = whole(&bytes) {
            finding::raise(&rules::CONSTRAINTS, format!("filter {name:?}: {text}"));
        }
    }
}

/// Checks that a wave filter has an entry for each mode of a pin, if it has the property.
pub(super) fn modes(pdo: *mut DeviceObject, subdevice: &Subdevice, pin: u32) {
    let key = DevPropKey {
        fmtid: guid_of(&KEY.fmtid),
        pid: KEY.pid,
    };
    let found = link(pdo, &guid_of(&KSCATEGORY_AUDIO), &subdevice.name);
    let found = found.and_then(|link| interface::find(&link));
    let Some((_, bytes)) = found.and_then(|found| found.properties.get(&key).cloned()) else {
        return;
    };
    for mode in missing(&bytes, &modes::of(subdevice, pin)) {
        finding::raise(
            &rules::CONSTRAINT_MODES,
            format!(
                "filter {:?}: the property has no entry for mode {mode} of pin {pin}",
                subdevice.name
            ),
        );
    }
}

/// The modes that have no entry in the value of the property.
fn missing<'a>(bytes: &[u8], modes: &'a [Guid]) -> impl Iterator<Item = &'a Guid> {
    let entries = bytes.get(HEAD..).unwrap_or_default().chunks_exact(MODE);
    let named: Vec<Vec<u8>> = entries.map(|entry| entry[..16].to_vec()).collect();
    let is_named = move |mode: &Guid| named.iter().any(|named| *named == format::guid(mode));
    modes.iter().filter(move |mode| !is_named(mode))
}

/// Whether the value of the property is one that the engine takes.
fn whole(bytes: &[u8]) -> Result<(), String> {
    let word = |at: usize| {
        let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
        four.map(u32::from_le_bytes)
            .ok_or_else(|| format!("it has {} bytes", bytes.len()))
    };
    let (least, alignment, modes) = (word(0)?, word(4)?, word(12)? as usize);
    if bytes.len() != HEAD + modes * MODE {
        return Err(format!(
            "it has {} bytes for {modes} modes; {} are right",
            bytes.len(),
            HEAD + modes * MODE
        ));
    }
    if modes == 0 {
        return Err(
            "it names no processing mode, so the engine ignores it and stays at 10 ms".into(),
        );
    }
    if !(alignment + 1).is_power_of_two() {
        return Err(format!(
            "its alignment mask is {alignment:#x}, one less than no power of two"
        ));
    }
    for mode in 0..modes {
        let (samples, duration) = (
            word(HEAD + mode * MODE + 16)?,
            word(HEAD + mode * MODE + 20)?,
        );
        if (samples == 0) == (duration == 0) {
            return Err(format!(
                "mode {mode} has {samples} samples and a duration of {duration}; one of them must be given"
            ));
        }
        if duration != 0 && duration <= least {
            return Err(format!(
                "mode {mode} has a duration of {duration}, which must be above the least period {least}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use waverig_portcls::id::{
        AUDIO_SIGNALPROCESSINGMODE_DEFAULT as DEFAULT, AUDIO_SIGNALPROCESSINGMODE_RAW as RAW,
    };

    use super::{missing, whole};
    use crate::user::format;

    fn value(words: [u32; 4], modes: &[[u32; 2]]) -> Vec<u8> {
        let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        for mode in modes {
            bytes.extend([0; 16]);
            bytes.extend(mode.iter().flat_map(|word| word.to_le_bytes()));
        }
        bytes
    }

    fn check(bytes: &[u8], expect: &str) {
        let got = whole(bytes).err().unwrap_or_default();
        assert!(
            got.contains(expect) && got.is_empty() == expect.is_empty(),
            "{got:?} does not say {expect:?}"
        );
    }

    #[test]
    fn each_mode_has_an_entry() {
        let mut bytes = value([30_000, 0, 0, 1], &[[0, 30_001]]);
        bytes[16..32].copy_from_slice(&format::guid(&RAW));
        let missing = |modes| missing(&bytes, modes).copied().collect::<Vec<_>>();
        assert_eq!(missing(&[RAW]), []);
        assert_eq!(missing(&[DEFAULT, RAW]), [DEFAULT]);
        assert_eq!(super::missing(&[], &[RAW]).count(), 1);
    }

    #[test]
    fn constraints_are_read_as_the_engine_reads_them() {
        check(&value([30_000, 0, 0, 1], &[[0, 30_001]]), "");
        check(&value([30_000, 127, 0, 1], &[[480, 0]]), "");
        check(&value([30_000, 0, 0, 0], &[]), "names no processing mode");
        check(
            &value([30_000, 0, 0, 1], &[[0, 30_000]]),
            "above the least period",
        );
        check(&value([30_000, 2, 0, 1], &[[0, 30_001]]), "alignment mask");
        check(&value([30_000, 0, 0, 2], &[[0, 30_001]]), "64 are right");
        check(
            &value([30_000, 0, 0, 1], &[[0, 0]]),
            "one of them must be given",
        );
        check(&[0; 3], "3 bytes");
    }
}
