//! Volume and mute nodes, asked for basic support as Windows does: for the verbs, for the size, then for all of it.

use waverig_portcls::id::{
    KSNODETYPE_MUTE, KSNODETYPE_VOLUME, KSPROPSETID_Audio, KSPROPSETID_Topology,
};
use waverig_portcls::{
    Guid, KSPROPERTY_AUDIO_MUTE, KSPROPERTY_AUDIO_VOLUMELEVEL, KSPROPERTY_TYPE_BASICSUPPORT,
    KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_TOPOLOGY, VT_BOOL, VT_I4,
};

use super::members;
use crate::endpoints::rules;
use crate::finding;
use crate::user::format;
use crate::user::ks::{Handle, property};

/// `KSPROPERTY_TOPOLOGY_NODES` (ks.h).
const TOPOLOGY_NODES: u32 = 1;
/// Bytes of a KSMULTIPLE_ITEM and of a GUID.
const HEAD: usize = 8;
const GUID: usize = 16;
/// A description that announces more bytes has no size but garbage.
const GREATEST: usize = 1 << 16;

/// Checks every volume and mute node of a filter.
pub(super) fn check(link: &str, filter: &str) {
    each(link, filter, |place, variant, described| match described {
        Err(text) => finding::raise(&rules::BASIC_SUPPORT, format!("{place}: {text}")),
        Ok(bytes) => {
            if let Err(text) = members::whole(&bytes, variant) {
                finding::raise(&rules::CHANNEL_MEMBERS, format!("{place}: {text}"));
            }
        }
    });
}

/// How many channels each volume and mute node has, with what it is; nodes whose description is not whole are left out.
pub(super) fn counts(link: &str, filter: &str) -> Vec<(String, u32)> {
    let mut counts = Vec::new();
    each(link, filter, |place, variant, described| {
        let whole = described
            .ok()
            .filter(|bytes| members::whole(bytes, variant).is_ok());
        // MembersCount of the first list.
        let count = whole.and_then(|bytes| members::word(&bytes, members::DESCRIPTION + 8).ok());
        counts.extend(count.map(|count| (place, count)));
    });
    counts
}

/// Gives the description of each volume and mute node of a filter to `look`, with what it is and the type of its value.
fn each(link: &str, filter: &str, mut look: impl FnMut(String, u32, Result<Vec<u8>, String>)) {
    let handle = match Handle::open(link) {
        Ok(handle) => handle,
        Err(status) => {
            let text = format!("{filter:?} cannot be opened: {status}");
            return finding::raise(&rules::BASIC_SUPPORT, text);
        }
    };
    for (node, kind) in (0..).zip(nodes(&handle)) {
        let (what, id, variant) = if kind == format::guid(&KSNODETYPE_VOLUME) {
            (
                "KSPROPERTY_AUDIO_VOLUMELEVEL",
                KSPROPERTY_AUDIO_VOLUMELEVEL,
                VT_I4,
            )
        } else if kind == format::guid(&KSNODETYPE_MUTE) {
            ("KSPROPERTY_AUDIO_MUTE", KSPROPERTY_AUDIO_MUTE, VT_BOOL)
        } else {
            continue;
        };
        let place = format!("{what} of node {node} of {filter:?}");
        look(place, variant, describe(&handle, node, id));
    }
    handle.close();
}

/// Types of the filter's nodes.
fn nodes(handle: &Handle) -> Vec<Vec<u8>> {
    let set: &Guid = &KSPROPSETID_Topology;
    let question = property(set, TOPOLOGY_NODES, KSPROPERTY_TYPE_GET);
    let (_, needed) = handle.ask(&question, &mut []);
    let mut answer = vec![0; needed];
    if !handle.ask(&question, &mut answer).0.is_ok() {
        return Vec::new();
    }
    let kinds = answer.get(HEAD..).unwrap_or_default();
    kinds.chunks_exact(GUID).map(<[u8]>::to_vec).collect()
}

/// The description of a property of a node.
fn describe(handle: &Handle, node: u32, id: u32) -> Result<Vec<u8>, String> {
    let verb = KSPROPERTY_TYPE_BASICSUPPORT | KSPROPERTY_TYPE_TOPOLOGY;
    // A KSNODEPROPERTY_AUDIO_CHANNEL: node and reserved field, channel and reserved field.
    let mut question = property(&KSPROPSETID_Audio, id, verb);
    question.extend([node, 0, 0, 0].map(u32::to_le_bytes).concat());
    let ask = |room: usize| {
        let mut answer = vec![0; room];
        let (status, written) = handle.ask(&question, &mut answer);
        if !status.is_ok() || written != room {
            return Err(format!(
                "basic support with room for {room} bytes returned {status} and {written} bytes"
            ));
        }
        Ok(answer)
    };
    let verbs = members::word(&ask(4)?, 0)?;
    if verbs & KSPROPERTY_TYPE_BASICSUPPORT == 0 {
        return Err(format!(
            "its verbs are {verbs:#x}, without KSPROPERTY_TYPE_BASICSUPPORT: nothing says how many channels the node has"
        ));
    }
    let size = members::word(&ask(members::DESCRIPTION)?, 4)? as usize;
    if !(members::DESCRIPTION..=GREATEST).contains(&size) {
        return Err(format!(
            "a KSPROPERTY_DESCRIPTION alone gives the DescriptionSize {size}, where the size of the whole answer belongs"
        ));
    }
    ask(size)
}

#[cfg(test)]
mod tests {
    use crate::mock::{self, Quirk};
    use crate::user;

    /// Rules that the mock's volume node breaks with a quirk, and in which words.
    fn check(quirk: Quirk, rule: &str, expect: &str) {
        let found = mock::with(quirk, |machine| {
            super::check(&user::tests::link(machine, mock::TOPOLOGY), mock::TOPOLOGY);
            machine.kernel.findings.all()
        });
        let found: Vec<_> = found.into_iter().map(|one| (one.rule, one.text)).collect();
        let said = found
            .iter()
            .any(|(broken, text)| broken == rule && text.contains(expect));
        assert!(
            if expect.is_empty() {
                found.is_empty()
            } else {
                said
            },
            "{quirk:?} broke {found:?}"
        );
    }

    #[test]
    fn a_volume_node_says_how_many_channels_it_has() {
        check(Quirk::None, "", "");
        check(
            Quirk::VerbsOnly,
            "node-basic-support",
            "without KSPROPERTY_TYPE_BASICSUPPORT",
        );
        check(
            Quirk::DescriptionAtOnce,
            "node-basic-support",
            "room for 40 bytes returned STATUS_BUFFER_TOO_SMALL",
        );
        check(
            Quirk::NoChannels,
            "channel-property-members",
            "with the members 0 of 0 bytes",
        );
    }
}
