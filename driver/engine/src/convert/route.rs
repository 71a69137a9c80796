//! Which channels of the input make up each channel of the output.
//!
//! | input and output | what comes out |
//! |---|---|
//! | both have speakers | each output speaker gets the same speaker of the input |
//! | output speaker missing in the input | the other pair of the surround kinds (side for back and back for side), if the output has no place for it itself; from mono, front left and right get it if the output has no front centre; otherwise silence |
//! | output is mono, input is not | the mean of the input's front left, right and centre; of all its channels if it has none of these |
//! | one of them has no speakers | channel by channel by number; the rest silence |
//!
//! Input channels that no output channel takes are dropped. Nothing is scaled but the mean, so whatever is merely copied stays
//! exact to the bit. A format without a mask has the speakers that `WAVEFORMATEX` implies for one and two channels
//! (ksmedia.h: `KSAUDIO_SPEAKER_MONO`, `_STEREO`) and none (`KSAUDIO_SPEAKER_DIRECTOUT`) for more. Channels stand in the
//! order of the mask's bits; channels beyond its bits have no speaker ("WAVEFORMATEXTENSIBLE", dwChannelMask).

use super::MOST_CHANNELS;
use crate::format::Format;

const FRONT_LEFT: u32 = 0x1;
const FRONT_RIGHT: u32 = 0x2;
const FRONT_CENTER: u32 = 0x4;
const BACK_LEFT: u32 = 0x10;
const BACK_RIGHT: u32 = 0x20;
const SIDE_LEFT: u32 = 0x200;
const SIDE_RIGHT: u32 = 0x400;
const STEREO: u32 = FRONT_LEFT | FRONT_RIGHT;

/// Where an output channel comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    /// Nowhere.
    Silence,
    /// This channel of the input.
    Copy(u16),
    /// The mean of the channels whose bits are set.
    Mean(Mean),
}

/// A set of input channels with the reciprocal of its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mean {
    /// Bit per channel; never 0.
    pub(super) channels: u64,
    /// 2^30 / channels.
    weight: i64,
}

impl Mean {
    fn of(channels: u64) -> Self {
        let count = i64::from(channels.count_ones().max(1));
        Self {
            channels,
            weight: (1i64 << 30).checked_div(count).unwrap_or(0),
        }
    }

    /// The mean for the sum of the channels' values, to the nearest (of three channels up to 3 · 2^-31 of the sum off).
    pub(super) fn round(self, sum: i64) -> i32 {
        // At most 64 values of 2^31 with a weight of 2^30 / 64: below 2^61 + 2^29.
        let mean = sum.wrapping_mul(self.weight).wrapping_add(1 << 29) >> 30;
        mean.clamp(i32::MIN.into(), i32::MAX.into()) as i32
    }
}

/// A pick for each channel of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    picks: [Pick; MOST_CHANNELS as usize],
    channels: u16,
    inputs: u16,
}

impl Route {
    /// Both formats have at most [`MOST_CHANNELS`] channels.
    pub(super) fn new(from: &Format, to: &Format) -> Self {
        let mut route = Self {
            picks: [Pick::Silence; MOST_CHANNELS as usize],
            channels: to.channels,
            inputs: from.channels,
        };
        for (channel, pick) in (0..to.channels).zip(&mut route.picks) {
            *pick = match (speakers(from), speakers(to)) {
                (0, _) | (_, 0) if channel < from.channels => Pick::Copy(channel),
                (0, _) | (_, 0) => Pick::Silence,
                (inputs, FRONT_CENTER) if to.channels == 1 && from.channels > 1 => {
                    Pick::Mean(mono(inputs, from.channels))
                }
                (inputs, outputs) => source(inputs, outputs, nth(outputs, channel))
                    .filter(|&speaker| index(inputs, speaker) < from.channels)
                    .map_or(Pick::Silence, |speaker| Pick::Copy(index(inputs, speaker))),
            };
        }
        route
    }

    /// The picks of the output's channels, in order.
    pub(super) fn picks(&self) -> impl Iterator<Item = Pick> {
        self.picks.iter().copied().take(usize::from(self.channels))
    }

    /// Whether the output's frames are the input's.
    pub(super) fn is_identity(&self) -> bool {
        self.channels == self.inputs
            && (0..)
                .zip(self.picks())
                .all(|(channel, pick)| pick == Pick::Copy(channel))
    }
}

/// The mask of a format's speakers, or what stands for it.
fn speakers(format: &Format) -> u32 {
    match (format.channel_mask, format.channels) {
        (0, 1) => FRONT_CENTER,
        (0, 2) => STEREO,
        (mask, _) => mask,
    }
}

/// The speaker of this channel, 0 when it has none.
fn nth(mask: u32, channel: u16) -> u32 {
    let mut rest = mask;
    for _ in 0..channel {
        rest &= rest.wrapping_sub(1);
    }
    rest & rest.wrapping_neg()
}

/// The channel of this speaker, which is in the mask.
fn index(mask: u32, speaker: u32) -> u16 {
    (mask & speaker.wrapping_sub(1)).count_ones() as u16
}

/// The input speaker that sounds from `speaker` of the output.
fn source(inputs: u32, outputs: u32, speaker: u32) -> Option<u32> {
    if speaker == 0 {
        return None;
    }
    if inputs & speaker != 0 {
        return Some(speaker);
    }
    let other = match speaker {
        BACK_LEFT => SIDE_LEFT,
        BACK_RIGHT => SIDE_RIGHT,
        SIDE_LEFT => BACK_LEFT,
        SIDE_RIGHT => BACK_RIGHT,
        FRONT_LEFT | FRONT_RIGHT if inputs == FRONT_CENTER => FRONT_CENTER,
        _ => return None,
    };
    (inputs & other != 0 && outputs & other == 0).then_some(other)
}

fn mono(inputs: u32, channels: u16) -> Mean {
    let all = (1u64.unbounded_shl(channels.into())).wrapping_sub(1);
    let front = [FRONT_LEFT, FRONT_RIGHT, FRONT_CENTER]
        .into_iter()
        .filter(|speaker| inputs & speaker != 0)
        .fold(0, |set, speaker| {
            set | 1u64.unbounded_shl(index(inputs, speaker).into())
        })
        & all;
    Mean::of(if front == 0 { all } else { front })
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::format::SampleFormat;
    use crate::stream::tests::config;
    use crate::units::FrameRate;

    fn format(channels: u16, channel_mask: u32) -> Format {
        Format {
            rate: FrameRate::new(48_000).unwrap(),
            channels,
            sample: SampleFormat::Pcm16,
            channel_mask,
        }
    }

    const NONE: Pick = Pick::Silence;

    fn copies(channels: impl IntoIterator<Item = u16>) -> Vec<Pick> {
        channels.into_iter().map(Pick::Copy).collect()
    }

    fn mean(channels: u64) -> Vec<Pick> {
        std::vec![Pick::Mean(Mean::of(channels))]
    }

    #[test]
    fn speakers_find_each_other() {
        let (c, mono, quad) = (Pick::Copy, (1, 0x4), (4, 0x33));
        let (surround_back, surround_side, seven) = ((6, 0x3F), (6, 0x60F), (8, 0x63F));
        for (from, to, expect) in [
            ((1, 0), (1, 0), copies([0])),
            ((2, 0), (2, 3), copies([0, 1])),
            (mono, (2, 0), copies([0, 0])),
            (mono, (2, 3), copies([0, 0])),
            (
                mono,
                surround_back,
                Vec::from([NONE, NONE, c(0), NONE, NONE, NONE]),
            ),
            (mono, quad, Vec::from([c(0), c(0), NONE, NONE])),
            ((2, 3), mono, mean(0b11)),
            (surround_back, mono, mean(0b111)),
            ((2, 0x600), mono, mean(0b11)),
            ((2, 3), quad, Vec::from([c(0), c(1), NONE, NONE])),
            (surround_back, (2, 3), copies([0, 1])),
            (surround_back, quad, copies([0, 1, 4, 5])),
            (surround_back, surround_side, copies(0..6)),
            (surround_side, surround_back, copies(0..6)),
            (
                surround_side,
                seven,
                Vec::from([c(0), c(1), c(2), c(3), NONE, NONE, c(4), c(5)]),
            ),
            (
                seven,
                surround_side,
                Vec::from([c(0), c(1), c(2), c(3), c(6), c(7)]),
            ),
            // Without speakers by number.
            ((4, 0), (2, 0), copies([0, 1])),
            ((1, 0), (3, 0), Vec::from([c(0), NONE, NONE])),
            ((16, 0), (16, 0), copies(0..16)),
            ((3, 0), (4, 0x33), Vec::from([c(0), c(1), c(2), NONE])),
            // Channels beyond the mask's bits, and bits beyond the channels.
            ((4, 3), (4, 3), Vec::from([c(0), c(1), NONE, NONE])),
            (
                (2, 0x3F),
                (6, 0x3F),
                Vec::from([c(0), c(1), NONE, NONE, NONE, NONE]),
            ),
        ] {
            let route = Route::new(&format(from.0, from.1), &format(to.0, to.1));
            assert_eq!(
                route.picks().collect::<Vec<_>>(),
                expect,
                "{from:x?} to {to:x?}"
            );
        }
    }

    proptest! {
        #![proptest_config(config(500))]
        #[test]
        fn picks_exist_and_equal_formats_are_identical(
            from in 1..=MOST_CHANNELS, to in 1..=MOST_CHANNELS, masks: [u32; 2], none: [bool; 2],
        ) {
            let mask = |at: usize| if none[at] { 0 } else { masks[at] };
            let (from, to) = (format(from, mask(0)), format(to, mask(1)));
            for pick in Route::new(&from, &to).picks() {
                match pick {
                    Pick::Silence => {}
                    Pick::Copy(channel) => prop_assert!(channel < from.channels),
                    Pick::Mean(mean) => {
                        prop_assert!(mean.channels != 0 && mean.channels >> from.channels == 0);
                        let count = mean.channels.count_ones();
                        for value in [i32::MIN, i32::MAX, 0, 5] {
                            let got = mean.round(i64::from(value) * i64::from(count));
                            prop_assert!(got.abs_diff(value) <= count, "{} of {}", got, value);
                        }
                    }
                }
            }
            if usize::from(from.channels) == from.channel_mask.count_ones() as usize || from.channel_mask == 0 {
                prop_assert!(Route::new(&from, &from).is_identity());
            }
        }
    }
}
