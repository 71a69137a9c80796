//! Hostile property requests: every set and id of an audio driver and near misses, every verb, every length, with odd instance data.

use waverig_portcls::id::{
    KSPROPSETID_Audio, KSPROPSETID_AudioSignalProcessing, KSPROPSETID_Connection,
    KSPROPSETID_DrmAudioStream, KSPROPSETID_General, KSPROPSETID_Jack, KSPROPSETID_Pin,
    KSPROPSETID_RtAudio, KSPROPSETID_Topology,
};
use waverig_portcls::{
    Guid, KSPROPERTY_AUDIO_CHANNEL_CONFIG, KSPROPERTY_AUDIO_CPU_RESOURCES, KSPROPERTY_AUDIO_MUTE,
    KSPROPERTY_AUDIO_POSITION, KSPROPERTY_AUDIO_VOLUMELEVEL,
    KSPROPERTY_AUDIO_WAVERT_CURRENT_WRITE_POSITION, KSPROPERTY_JACK_DESCRIPTION,
    KSPROPERTY_JACK_DESCRIPTION2, KSPROPERTY_PIN_DATAINTERSECTION, KSPROPERTY_PIN_DATARANGES,
    KSPROPERTY_PIN_PROPOSEDATAFORMAT, KSPROPERTY_PIN_PROPOSEDATAFORMAT2, KSPROPERTY_RTAUDIO_BUFFER,
    KSPROPERTY_RTAUDIO_BUFFER_WITH_NOTIFICATION, KSPROPERTY_RTAUDIO_CLOCKREGISTER,
    KSPROPERTY_RTAUDIO_GETREADPACKET, KSPROPERTY_RTAUDIO_HWLATENCY, KSPROPERTY_RTAUDIO_PACKETCOUNT,
    KSPROPERTY_RTAUDIO_POSITIONREGISTER, KSPROPERTY_RTAUDIO_PRESENTATION_POSITION,
    KSPROPERTY_RTAUDIO_QUERY_NOTIFICATION_SUPPORT, KSPROPERTY_RTAUDIO_SETWRITEPACKET,
    KSPROPERTY_TYPE_BASICSUPPORT, KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_SET,
    KSPROPERTY_TYPE_TOPOLOGY,
};

use super::dice::Dice;
use super::format;
use crate::user::ks::property;

/// Properties that audio clients ask for.
const KNOWN: [(&Guid, u32); 33] = [
    (&KSPROPSETID_Pin, KSPROPERTY_PIN_PROPOSEDATAFORMAT),
    (&KSPROPSETID_Pin, KSPROPERTY_PIN_PROPOSEDATAFORMAT),
    (&KSPROPSETID_Pin, KSPROPERTY_PIN_PROPOSEDATAFORMAT2),
    (&KSPROPSETID_Pin, KSPROPERTY_PIN_PROPOSEDATAFORMAT2),
    (&KSPROPSETID_Pin, KSPROPERTY_PIN_DATAINTERSECTION),
    (&KSPROPSETID_Pin, KSPROPERTY_PIN_DATAINTERSECTION),
    (&KSPROPSETID_Pin, KSPROPERTY_PIN_DATARANGES),
    (&KSPROPSETID_Pin, 1),
    (&KSPROPSETID_Topology, 1),
    (&KSPROPSETID_Topology, 2),
    (&KSPROPSETID_Audio, KSPROPERTY_AUDIO_VOLUMELEVEL),
    (&KSPROPSETID_Audio, KSPROPERTY_AUDIO_VOLUMELEVEL),
    (&KSPROPSETID_Audio, KSPROPERTY_AUDIO_MUTE),
    (&KSPROPSETID_Audio, KSPROPERTY_AUDIO_MUTE),
    (&KSPROPSETID_Audio, KSPROPERTY_AUDIO_CPU_RESOURCES),
    (&KSPROPSETID_Audio, KSPROPERTY_AUDIO_POSITION),
    (&KSPROPSETID_Audio, KSPROPERTY_AUDIO_CHANNEL_CONFIG),
    (&KSPROPSETID_Jack, KSPROPERTY_JACK_DESCRIPTION),
    (&KSPROPSETID_Jack, KSPROPERTY_JACK_DESCRIPTION2),
    (&KSPROPSETID_RtAudio, KSPROPERTY_RTAUDIO_HWLATENCY),
    (&KSPROPSETID_RtAudio, KSPROPERTY_RTAUDIO_POSITIONREGISTER),
    (&KSPROPSETID_RtAudio, KSPROPERTY_RTAUDIO_CLOCKREGISTER),
    (
        &KSPROPSETID_RtAudio,
        KSPROPERTY_RTAUDIO_QUERY_NOTIFICATION_SUPPORT,
    ),
    (&KSPROPSETID_RtAudio, KSPROPERTY_RTAUDIO_BUFFER),
    (
        &KSPROPSETID_RtAudio,
        KSPROPERTY_RTAUDIO_BUFFER_WITH_NOTIFICATION,
    ),
    (&KSPROPSETID_RtAudio, KSPROPERTY_RTAUDIO_PACKETCOUNT),
    (
        &KSPROPSETID_RtAudio,
        KSPROPERTY_RTAUDIO_PRESENTATION_POSITION,
    ),
    (&KSPROPSETID_RtAudio, KSPROPERTY_RTAUDIO_SETWRITEPACKET),
    (&KSPROPSETID_RtAudio, KSPROPERTY_RTAUDIO_GETREADPACKET),
    (
        &KSPROPSETID_Audio,
        KSPROPERTY_AUDIO_WAVERT_CURRENT_WRITE_POSITION,
    ),
    (&KSPROPSETID_AudioSignalProcessing, 0),
    // KSPROPERTY_DRMAUDIOSTREAM_CONTENTID (ksmedia.h).
    (&KSPROPSETID_DrmAudioStream, 0),
    (&KSPROPSETID_Connection, 2),
];

const SETS: [&Guid; 9] = [
    &KSPROPSETID_General,
    &KSPROPSETID_Topology,
    &KSPROPSETID_Pin,
    &KSPROPSETID_Connection,
    &KSPROPSETID_Audio,
    &KSPROPSETID_RtAudio,
    &KSPROPSETID_Jack,
    &KSPROPSETID_DrmAudioStream,
    &KSPROPSETID_AudioSignalProcessing,
];

/// Room that callers give: what structures need, one less, one more, none, and plenty.
const ROOMS: [usize; 27] = [
    0, 1, 3, 4, 5, 8, 12, 15, 16, 23, 24, 25, 35, 36, 40, 64, 82, 103, 104, 105, 112, 120, 152,
    160, 296, 312, 4096,
];

/// A request: what goes in, and what lies in the output buffer (a value to set, or room).
pub(super) fn request(dice: &Dice) -> (Vec<u8>, Vec<u8>) {
    let (set, id) = choose(dice);
    let of_node = set == KSPROPSETID_Audio;
    let mut verb = verb(dice);
    // Nodes have the one kind of properties, filters and pins the other; now and then it is the wrong way round.
    if of_node != dice.once_in(8) {
        verb |= KSPROPERTY_TYPE_TOPOLOGY;
    }
    let mut input = property(&set, id, verb);
    input.extend(instance(dice, &set, id));
    if dice.once_in(6) {
        input.truncate(dice.below(input.len() + 1));
    }
    let output = if verb & KSPROPERTY_TYPE_SET != 0 && !dice.once_in(6) {
        value(dice, &set, of_node)
    } else {
        dice.bytes(*dice.of(&ROOMS))
    };
    (input, output)
}

fn choose(dice: &Dice) -> (Guid, u32) {
    match dice.below(8) {
        0 => (**dice.of(&SETS), dice.below(48) as u32),
        1 => (**dice.of(&SETS), dice.word()),
        2 => {
            // One bit beside a set that exists.
            let mut set = **dice.of(&SETS);
            match dice.below(3) {
                0 => set.Data1 ^= 1 << dice.below(32),
                1 => set.Data2 ^= 1 << dice.below(16),
                _ => set.Data4[dice.below(8)] ^= 1 << dice.below(8),
            }
            (set, dice.below(16) as u32)
        }
        _ => {
            let (set, id) = dice.of(&KNOWN);
            (**set, *id)
        }
    }
}

fn verb(dice: &Dice) -> u32 {
    match dice.below(10) {
        0..4 => KSPROPERTY_TYPE_GET,
        4..7 => KSPROPERTY_TYPE_SET,
        7 => KSPROPERTY_TYPE_BASICSUPPORT,
        // Several at once, or verbs that drivers hardly see.
        8 => 1 << dice.below(17) | 1 << dice.below(10),
        _ => dice.word() & !KSPROPERTY_TYPE_TOPOLOGY,
    }
}

/// What follows the KSPROPERTY: a pin or a node, often one that exists, and what the property wants behind it.
fn instance(dice: &Dice, set: &Guid, id: u32) -> Vec<u8> {
    let number = match dice.below(8) {
        0 => dice.word(),
        1 | 2 => dice.below(4) as u32,
        // Most filters have two pins and two nodes.
        _ => dice.below(2) as u32,
    };
    let reserved = if dice.once_in(8) { dice.word() } else { 0 };
    let mut bytes = [number, reserved].map(u32::to_le_bytes).concat();
    if *set == KSPROPSETID_Pin && id == KSPROPERTY_PIN_DATAINTERSECTION {
        bytes.extend(format::ranges(dice));
    } else if *set == KSPROPSETID_Pin && id == KSPROPERTY_PIN_PROPOSEDATAFORMAT2 {
        bytes.extend(if dice.once_in(2) {
            format::good_list(dice)
        } else {
            format::bad_list(dice)
        });
    } else if *set == KSPROPSETID_Audio {
        // A KSNODEPROPERTY_AUDIO_CHANNEL: -1 is every channel.
        let channel = if dice.once_in(6) {
            dice.word()
        } else {
            (dice.below(20) as u32).wrapping_sub(2)
        };
        bytes.extend([channel, 0].map(u32::to_le_bytes).concat());
    } else if *set == KSPROPSETID_RtAudio {
        // BaseAddress, RequestedBufferSize, NotificationCount; or an event's handle, which is none.
        bytes = dice.bytes(8);
        bytes.extend(
            [dice.word(), dice.below(4) as u32]
                .map(u32::to_le_bytes)
                .concat(),
        );
    }
    if dice.once_in(4) {
        let tail = dice.bytes(dice.below(64));
        bytes.extend(tail);
    }
    bytes
}

/// A value to set: of a node a word, whole or cut, of a buffer some words (a packet has three), of other things a format.
fn value(dice: &Dice, set: &Guid, of_node: bool) -> Vec<u8> {
    if *set == KSPROPSETID_RtAudio {
        let words = std::iter::repeat_with(|| dice.word().to_le_bytes());
        return words.take(dice.below(5)).flatten().collect();
    }
    match (of_node, dice.below(4)) {
        (true, 0..2) | (false, 0) => dice.word().to_le_bytes().to_vec(),
        (true, 2) => dice.bytes(dice.below(4)),
        (false, 1) => {
            let format = format::good(dice, 20);
            format::good_bytes(dice, &format)
        }
        (false, 2) => format::bad_bytes(dice),
        _ => dice.bytes(dice.below(200)),
    }
}
