//! How many channels an endpoint has, by what its parts say: the format that its pin proposes, its volume and mute, its jack.

use super::{channels, jack};
use crate::endpoints::rules;
use crate::finding;

/// Compares the parts of an endpoint: `proposed` channels of its pin, the nodes of its topology filter, the jack of its bridge pin.
pub(super) fn check(link: &str, filter: &str, pin: u32, proposed: u16) {
    let proposed = u32::from(proposed);
    for (what, count) in channels::counts(link, filter) {
        if count != proposed {
            let text = format!("{what} has {count} channels, and the pin proposes {proposed}");
            finding::raise(&rules::CHANNEL_COUNTS, text);
        }
    }
    // No positions at all: channels that are meant for no speaker (KSAUDIO_SPEAKER_DIRECTOUT).
    let positions = jack::positions(link, pin).map_or(0, u32::count_ones);
    if positions != 0 && positions != proposed {
        let text = format!(
            "the jack of pin {pin} of {filter:?} has {positions} positions, and the pin proposes {proposed} channels"
        );
        finding::raise(&rules::CHANNEL_COUNTS, text);
    }
}

#[cfg(test)]
mod tests {
    use crate::mock::{self, Quirk};
    use crate::user;

    fn check(quirk: Quirk, proposed: u16, expect: &[&str]) {
        let found = mock::with(quirk, |machine| {
            let link = user::tests::link(machine, mock::TOPOLOGY);
            super::check(&link, mock::TOPOLOGY, 1, proposed);
            machine.kernel.findings.all()
        });
        let found: Vec<_> = found.into_iter().map(|one| one.text).collect();
        assert_eq!(found.len(), expect.len(), "{quirk:?} broke {found:?}");
        for (found, expect) in found.iter().zip(expect) {
            assert!(found.contains(expect), "{found:?} does not say {expect:?}");
        }
    }

    #[test]
    fn an_endpoint_has_one_number_of_channels() {
        check(Quirk::None, 2, &[]);
        check(
            Quirk::OneVolume,
            2,
            &[
                "KSPROPERTY_AUDIO_VOLUMELEVEL of node 0 of \"Topology\" has 1 channels, and the pin proposes 2",
            ],
        );
        check(Quirk::None, 3, &["has 2 channels, and the pin proposes 3"]);
    }
}
