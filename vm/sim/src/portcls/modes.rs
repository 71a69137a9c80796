//! Signal-processing modes of a wave miniport's pins, asked for as documented: once for the count, once for the modes.

use waverig_portcls::id::{AUDIO_SIGNALPROCESSINGMODE_DEFAULT, AUDIO_SIGNALPROCESSINGMODE_RAW};
use waverig_portcls::status::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
};
use waverig_portcls::{
    Guid, IMiniportAudioSignalProcessing, KSPIN_COMMUNICATION_BRIDGE, KSPIN_COMMUNICATION_NONE,
    NTSTATUS,
};

use super::com::Ref;
use super::description::{Pin, read};
use super::property::Scratch;
use super::rules;
use super::subdevice::Subdevice;
use crate::{call, finding};

/// A pin that names more modes gave no count but garbage; Windows knows seven.
const GREATEST: u32 = 256;

/// Checks a filter whose wave miniport knows modes; the others have nothing to check.
pub(crate) fn check(subdevice: &Subdevice) {
    let Some(bound) = subdevice.port.bound() else {
        return;
    };
    let modes = bound
        .wave
        .as_ref()
        .and_then(Ref::query::<IMiniportAudioSignalProcessing>);
    let Some(modes) = modes else { return };
    let place = |pin: u32| format!("pin {pin} of {:?}", subdevice.name);
    let pins = &bound.description.pins;
    for (index, pin) in (0..).zip(pins) {
        if let Err(text) = of_pin(&modes, index, pin) {
            finding::raise(&rules::MODES, format!("{}: {text}", place(index)));
        }
    }
    let beyond = pins.len() as u32;
    let (status, _) = ask(&modes, beyond, std::ptr::null_mut(), 0);
    if status != STATUS_INVALID_PARAMETER {
        let text = format!(
            "{}, which does not exist, was answered with {status:#010x} instead of STATUS_INVALID_PARAMETER",
            place(beyond)
        );
        finding::raise(&rules::MODES, text);
    }
}

/// The modes of a pin as the miniport lists them; none for pins without modes and for miniports that know none.
pub(crate) fn of(subdevice: &Subdevice, pin: u32) -> Vec<Guid> {
    let bound = subdevice.port.bound();
    let wave = bound.as_ref().and_then(|bound| bound.wave.as_ref());
    let Some(modes) = wave.and_then(Ref::query::<IMiniportAudioSignalProcessing>) else {
        return Vec::new();
    };
    let (status, count) = ask(&modes, pin, std::ptr::null_mut(), 0);
    if status != STATUS_SUCCESS || !(1..=GREATEST).contains(&count) {
        return Vec::new();
    }
    list(&modes, pin, count).unwrap_or_default()
}

/// The pin's modes, of which there are `count`; `None` when the miniport does not list as many.
fn list(modes: &Ref<IMiniportAudioSignalProcessing>, pin: u32, count: u32) -> Option<Vec<Guid>> {
    let room = Scratch::new(&vec![0; count as usize * size_of::<Guid>()]);
    let place = room.place().cast::<Guid>();
    let (status, written) = ask(modes, pin, place, count);
    (status == STATUS_SUCCESS && written == count).then(|| {
        (0..count as usize)
            .map(|index| read(place.wrapping_add(index)))
            .collect()
    })
}

/// Whether a pin tells its modes as it must.
fn of_pin(
    modes: &Ref<IMiniportAudioSignalProcessing>,
    index: u32,
    pin: &Pin,
) -> Result<(), String> {
    let bridge = matches!(
        pin.communication,
        KSPIN_COMMUNICATION_NONE | KSPIN_COMMUNICATION_BRIDGE
    );
    let (status, count) = ask(modes, index, std::ptr::null_mut(), 0);
    // Pins other than bridges may have no modes either; the page names the loopback pin.
    if status == STATUS_NOT_SUPPORTED {
        return Ok(());
    }
    if bridge {
        return Err(format!(
            "a bridge pin was answered with {status:#010x} instead of STATUS_NOT_SUPPORTED"
        ));
    }
    if status != STATUS_SUCCESS || !(1..=GREATEST).contains(&count) {
        return Err(format!(
            "the request for the count returned {status:#010x} and {count} modes"
        ));
    }
    let mut room = Scratch::new(&vec![0; count as usize * size_of::<Guid>()]);
    let (status, _) = ask(modes, index, room.place().cast(), count - 1);
    if status != STATUS_BUFFER_TOO_SMALL {
        return Err(format!(
            "room for {} of {count} modes was answered with {status:#010x} instead of STATUS_BUFFER_TOO_SMALL",
            count - 1
        ));
    }
    room.bytes().fill(0);
    let (status, written) = ask(modes, index, room.place().cast(), count);
    if status != STATUS_SUCCESS || written != count {
        return Err(format!(
            "it announced {count} modes, then returned {status:#010x} and {written} modes"
        ));
    }
    let place = room.place().cast::<Guid>();
    let list: Vec<Guid> = (0..count as usize)
        .map(|index| read(place.wrapping_add(index)))
        .collect();
    let base = [
        AUDIO_SIGNALPROCESSINGMODE_RAW,
        AUDIO_SIGNALPROCESSINGMODE_DEFAULT,
    ];
    if !list.iter().any(|mode| base.contains(mode)) {
        let list: Vec<String> = list.iter().map(Guid::to_string).collect();
        return Err(format!(
            "its modes are {}, and neither RAW nor DEFAULT is one",
            list.join(", ")
        ));
    }
    Ok(())
}

/// One call: the status and the count it left.
fn ask(
    modes: &Ref<IMiniportAudioSignalProcessing>,
    pin: u32,
    room: *mut Guid,
    count: u32,
) -> (NTSTATUS, u32) {
    let mut count = count;
    let function = modes.table().GetModes;
    let parameters = (modes.this(), pin, room, &raw mut count);
    // SAFETY: the miniport's table; the room holds at least as many GUIDs as the count says, and both outlive the call.
    let status = unsafe {
        call::driver(
            "IMiniportAudioSignalProcessing::GetModes",
            function,
            parameters,
        )
    };
    (status, count)
}

#[cfg(test)]
mod tests {
    use crate::mock::{self, Machine, Quirk};
    use crate::portcls::adapter;

    fn findings(machine: &Machine) -> Vec<String> {
        let adapter = adapter::of_pdo(machine.pdo).expect("the mock's device");
        for subdevice in adapter.subdevices() {
            super::check(&subdevice);
        }
        mock::remove(machine);
        let all = machine.kernel.findings.all().into_iter();
        all.map(|finding| format!("{}: {}", finding.rule, finding.text))
            .collect()
    }

    fn check(quirk: Quirk, expect: &[&str]) {
        let found = mock::with(quirk, findings);
        assert_eq!(found.len(), expect.len(), "{quirk:?} broke {found:?}");
        for (found, expect) in found.iter().zip(expect) {
            assert!(found.contains(expect), "{found:?} does not say {expect:?}");
        }
    }

    #[test]
    fn modes_are_counted_and_then_listed() {
        check(Quirk::None, &[]);
        check(
            Quirk::ModesWithoutRoom,
            &[
                "signal-processing-modes: pin 0 of \"Wave\": room for 0 of 1 modes was answered with 0x00000000",
            ],
        );
        check(
            Quirk::ModesOfBridge,
            &[
                "signal-processing-modes: pin 1 of \"Wave\": a bridge pin was answered with 0x00000000",
            ],
        );
        check(
            Quirk::ModesOfNoPin,
            &[
                "signal-processing-modes: pin 2 of \"Wave\", which does not exist, was answered with 0xc00000bb",
            ],
        );
        check(
            Quirk::NeitherRawNorDefault,
            &["signal-processing-modes: pin 0 of \"Wave\": its modes are 98951333-"],
        );
    }
}
