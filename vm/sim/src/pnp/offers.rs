//! Which formats the pin behind an endpoint takes, and which it proposes, asked as Windows does when it makes the endpoint.

use waverig_portcls::id::{
    AUDIO_SIGNALPROCESSINGMODE_DEFAULT, KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE, KSCATEGORY_AUDIO,
    KSPROPSETID_Pin,
};
use waverig_portcls::{KSPROPERTY_PIN_PROPOSEDATAFORMAT2, KSPROPERTY_TYPE_GET};
use waverig_protocol::scenario::Format;

use super::link;
use crate::endpoints::{Endpoint, Topology};
use crate::nt::layout::DeviceObject;
use crate::portcls::{adapter, guid_of};
use crate::user::format;
use crate::user::ks::{Handle, property};

/// The most channels in the ranges of the pin that clients open.
pub(super) fn most_channels(
    pdo: *mut DeviceObject,
    topology: &Topology,
    endpoint: &Endpoint,
) -> u32 {
    let (filter, pin) = endpoint.host;
    let subdevice = adapter::of_pdo(pdo)
        .and_then(|adapter| adapter.subdevice(&topology.filters[filter].name))
        .and_then(|subdevice| subdevice.port.bound());
    let Some(bound) = subdevice else { return 0 };
    let ranges = bound
        .description
        .pins
        .get(pin as usize)
        .map(|pin| &pin.ranges);
    let channels = ranges.into_iter().flatten().filter_map(|range| range.audio);
    channels
        .map(|audio| audio.MaximumChannels)
        .max()
        .unwrap_or(0)
}

/// What the pin proposes for the mode DEFAULT (ksproperty-pin-proposedataformat2).
pub(super) fn proposed(
    pdo: *mut DeviceObject,
    topology: &Topology,
    endpoint: &Endpoint,
) -> Option<Format> {
    let (filter, pin) = endpoint.host;
    let link = link(
        pdo,
        &guid_of(&KSCATEGORY_AUDIO),
        &topology.filters[filter].name,
    )?;
    let handle = Handle::open(&link).ok()?;
    let mut question = property(
        &KSPROPSETID_Pin,
        KSPROPERTY_PIN_PROPOSEDATAFORMAT2,
        KSPROPERTY_TYPE_GET,
    );
    question.extend([pin, 0].map(u32::to_le_bytes).concat());
    // A KSMULTIPLE_ITEM with one KSATTRIBUTE, whose value is the mode.
    question.extend([48_u32, 1, 40, 0].map(u32::to_le_bytes).concat());
    question.extend(format::guid(&KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE));
    question.extend(format::guid(&AUDIO_SIGNALPROCESSINGMODE_DEFAULT));
    let answer = handle.get(&question);
    handle.close();
    format::read(&answer.ok()?)
}
