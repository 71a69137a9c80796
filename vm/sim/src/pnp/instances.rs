//! Whether a pin can be opened as often as it says: clients are told so by `KSPROPERTY_PIN_CINSTANCES`, and rely on it.

use waverig_portcls::KSDATARANGE_AUDIO;
use waverig_portcls::id::KSDATAFORMAT_SUBTYPE_IEEE_FLOAT;
use waverig_protocol::scenario::{Format, Sample};

use super::formats;
use crate::endpoints::rules;
use crate::finding;
use crate::portcls::subdevice::Subdevice;
use crate::user::format;
use crate::user::ks::Handle;
use crate::user::pin::{Interface, connect};

/// More are not opened: a pin without a limit says `u32::MAX`.
const MOST: u32 = 16;

/// Checks the pin that clients of an endpoint open.
pub(super) fn check(link: &str, subdevice: &Subdevice, pin: u32) {
    let bound = subdevice.port.bound();
    let description = bound.as_ref().map(|bound| &bound.description);
    let found = description.and_then(|one| one.pins.get(pin as usize));
    let format = formats::ranges(subdevice, pin).first().and_then(largest);
    let (Some(found), Some(format), Ok(filter)) = (found, format, Handle::open(link)) else {
        // What is wrong with these is told by other rules.
        return;
    };
    let request = connect(Interface::Looped, pin, &format::data_format(&format));
    let most = found.most.min(found.most_per_filter).min(MOST);
    let mut open = Vec::new();
    for number in 1..=most {
        match filter.open_pin(&request) {
            Ok(handle) => open.push(handle),
            Err(status) => {
                let text = format!(
                    "pin {pin} of {:?} has {most} instances, and instance {number} was refused with {status}",
                    subdevice.name
                );
                finding::raise(&rules::INSTANCES, text);
                break;
            }
        }
    }
    for handle in open {
        handle.close();
    }
    filter.close();
}

/// The largest format in a range.
fn largest(range: &KSDATARANGE_AUDIO) -> Option<Format> {
    let float = range.DataRange.SubFormat == KSDATAFORMAT_SUBTYPE_IEEE_FLOAT;
    let sample = match (float, range.MaximumBitsPerSample) {
        (true, 32) => Sample::Float32,
        (false, 16) => Sample::Pcm16,
        (false, 24) => Sample::Pcm24,
        (false, 32) => Sample::Pcm32,
        _ => return None,
    };
    Some(Format {
        rate: range.MaximumSampleFrequency,
        channels: u16::try_from(range.MaximumChannels).ok()?,
        sample,
    })
}

#[cfg(test)]
mod tests {
    use crate::mock::{self, Quirk};
    use crate::portcls::adapter;
    use crate::user;

    fn check(quirk: Quirk, expect: &[&str]) {
        let found = mock::with(quirk, |machine| {
            let adapter = adapter::of_pdo(machine.pdo).expect("the mock's device");
            let subdevices = adapter.subdevices();
            let wave = subdevices.iter().find(|one| one.name == mock::WAVE);
            let link = user::tests::link(machine, mock::WAVE);
            super::check(&link, wave.expect("the mock's wave filter"), 0);
            machine.kernel.findings.all()
        });
        let found: Vec<_> = found
            .into_iter()
            .map(|one| format!("{}: {}", one.rule, one.text))
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_pin_is_opened_as_often_as_it_says() {
        check(Quirk::None, &[]);
        check(
            Quirk::RefusesStreams,
            &[
                "pin-instances: pin 0 of \"Wave\" has 1 instances, and instance 1 was refused with STATUS_INSUFFICIENT_RESOURCES",
            ],
        );
    }
}
