//! Formats, ranges and lists of attributes: as Windows sends them, and damaged.

use waverig_portcls::id::{
    AUDIO_SIGNALPROCESSINGMODE_DEFAULT, AUDIO_SIGNALPROCESSINGMODE_RAW,
    KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE,
};
use waverig_portcls::{Guid, KSATTRIBUTE_REQUIRED, KSDATAFORMAT_ATTRIBUTES};
use waverig_protocol::scenario::{Format, Sample};

use super::dice::Dice;
use crate::user::format;

const RATES: [u32; 11] = [
    8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000,
];
/// `AUDIO_SIGNALPROCESSINGMODE_COMMUNICATIONS` (ksmedia.h), and a mode that nobody knows.
const STRANGE_MODES: [Guid; 2] = [
    Guid::new(0x98951333_B9CD_48B1_A0A3_FF40682D73F7),
    Guid::new(0x11111111_2222_3333_4444_555555555555),
];

/// A format that a device with this many channels takes.
pub(super) fn good(dice: &Dice, most_channels: usize) -> Format {
    Format {
        rate: *dice.of(&RATES),
        channels: 1 + dice.below(most_channels) as u16,
        sample: *dice.of(&Sample::ALL),
    }
}

/// The bytes of one, with a list of attributes behind it more often than not.
pub(super) fn good_bytes(dice: &Dice, format: &Format) -> Vec<u8> {
    let mut bytes = format::data_format(format);
    if !dice.once_in(3) {
        let mode = *dice.of(&[
            AUDIO_SIGNALPROCESSINGMODE_RAW,
            AUDIO_SIGNALPROCESSINGMODE_DEFAULT,
        ]);
        attach(&mut bytes, &list(&[attribute(&mode, 0)]));
    }
    bytes
}

/// A format that is wrong somewhere, or has attributes that are.
pub(super) fn bad_bytes(dice: &Dice) -> Vec<u8> {
    let mut format = good(dice, 16);
    if dice.once_in(4) {
        format.rate = dice.word();
        // The product of rate and frame size must fit where the format is made.
        format.rate %= 1 << 24;
    }
    if dice.once_in(4) {
        format.channels = (dice.word() as u16) % 64;
    }
    let mut bytes = format::data_format(&format);
    match dice.below(4) {
        0 => dice.damage(&mut bytes),
        1 => {
            let attributes = bad_list(dice);
            attach(&mut bytes, &attributes);
        }
        2 => {
            let attributes = bad_list(dice);
            attach(&mut bytes, &attributes);
            dice.damage(&mut bytes);
        }
        _ => bytes = dice.bytes(dice.below(200)),
    }
    bytes
}

fn attach(bytes: &mut Vec<u8>, attributes: &[u8]) {
    if let Some(flags) = bytes.get_mut(4..8) {
        flags.copy_from_slice(&KSDATAFORMAT_ATTRIBUTES.to_le_bytes());
    }
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(attributes);
}

fn attribute(mode: &Guid, flags: u32) -> Vec<u8> {
    let mut bytes = [40, flags].map(u32::to_le_bytes).concat();
    bytes.extend(format::guid(&KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE));
    bytes.extend(format::guid(mode));
    bytes
}

fn list(attributes: &[Vec<u8>]) -> Vec<u8> {
    let all = attributes.concat();
    let mut bytes = [8 + all.len() as u32, attributes.len() as u32]
        .map(u32::to_le_bytes)
        .concat();
    bytes.extend(all);
    bytes
}

/// A list of attributes as documented.
pub(super) fn good_list(dice: &Dice) -> Vec<u8> {
    let mode = *dice.of(&[
        AUDIO_SIGNALPROCESSINGMODE_RAW,
        AUDIO_SIGNALPROCESSINGMODE_DEFAULT,
        STRANGE_MODES[0],
    ]);
    list(&[attribute(&mode, 0)])
}

/// A list of attributes with strange modes, too many of them, or damage.
pub(super) fn bad_list(dice: &Dice) -> Vec<u8> {
    let one = || {
        let mode = *dice.of(&[
            AUDIO_SIGNALPROCESSINGMODE_DEFAULT,
            STRANGE_MODES[0],
            STRANGE_MODES[1],
        ]);
        let flags = if dice.once_in(2) {
            KSATTRIBUTE_REQUIRED
        } else {
            dice.word()
        };
        let mut bytes = attribute(&mode, flags);
        if dice.once_in(2) {
            dice.damage(&mut bytes);
        }
        bytes
    };
    let attributes: Vec<Vec<u8>> = std::iter::repeat_with(one).take(dice.below(4)).collect();
    let mut bytes = list(&attributes);
    if dice.once_in(2) {
        dice.damage(&mut bytes);
    }
    bytes
}

/// The ranges of an intersection request: a KSMULTIPLE_ITEM and whole or damaged ranges.
pub(super) fn ranges(dice: &Dice) -> Vec<u8> {
    let count = dice.below(4);
    let mut all = Vec::new();
    for _ in 0..count {
        let mut range = format::range(&good(dice, 20));
        match dice.below(4) {
            // Wildcards: any kind of sample, any specifier.
            0 => range[32..48].fill(0),
            1 => range[48..64].fill(0),
            2 => {
                let at = 64 + 4 * dice.below(5);
                range[at..at + 4].copy_from_slice(&dice.word().to_le_bytes());
            }
            _ => {}
        }
        if dice.once_in(4) {
            dice.damage(&mut range);
        }
        all.extend(range);
        all.resize(all.len().next_multiple_of(8), 0);
    }
    let mut bytes = [8 + all.len() as u32, count as u32]
        .map(u32::to_le_bytes)
        .concat();
    bytes.extend(all);
    if dice.once_in(4) {
        dice.damage(&mut bytes);
    }
    bytes
}
