//! Channel masks (ksmedia.h: `SPEAKER_…`): which speaker each channel of a frame is for.

use super::FormatError;

/// `SPEAKER_RESERVED`: positions that are not defined.
const SPEAKER_RESERVED: u32 = 0x7FFC_0000;

/// The usual speakers of a channel count: `KSAUDIO_SPEAKER_MONO`, `_STEREO`, `_3POINT0`, `_QUAD`, `_5POINT0`, `_5POINT1_SURROUND`,
/// `_7POINT0`, `_7POINT1_SURROUND` (the obsolete `_7POINT1` is not one of them). More channels have no usual positions: 0,
/// `KSAUDIO_SPEAKER_DIRECTOUT`.
#[must_use]
pub const fn default_mask(channels: u16) -> u32 {
    match channels {
        1 => 0x4,
        2 => 0x3,
        3 => 0x7,
        4 => 0x33,
        5 => 0x607,
        6 => 0x60F,
        7 => 0x637,
        8 => 0x63F,
        _ => 0,
    }
}

/// What a format's `dwChannelMask` means for its channels. Windows lets the two counts differ: bits beyond the channels, the most
/// significant ones, are ignored; channels beyond the bits have no position (WDK: `WAVEFORMATEXTENSIBLE`).
///
/// # Errors
/// [`FormatError::BadChannelMask`] when a reserved position is set.
pub(super) fn mask_of(mask: u32, channels: u16) -> Result<u32, FormatError> {
    if mask & SPEAKER_RESERVED != 0 {
        return Err(FormatError::BadChannelMask);
    }
    let bits = (0..u32::BITS).map(|bit| mask & 1_u32.wrapping_shl(bit));
    Ok(bits
        .filter(|bit| *bit != 0)
        .take(channels.into())
        .fold(0, |mask, bit| mask | bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_mask_has_a_bit_for_each_channel() {
        for channels in 1..=8 {
            assert_eq!(default_mask(channels).count_ones(), u32::from(channels));
            assert_eq!(
                mask_of(default_mask(channels), channels),
                Ok(default_mask(channels))
            );
        }
        for channels in [0, 9, 16, 64] {
            assert_eq!(default_mask(channels), 0);
        }
    }

    #[test]
    fn bits_beyond_the_channels_are_ignored() {
        for (mask, channels, expect) in [
            (0, 2, 0),
            (0x3, 2, 0x3),
            (0x3, 8, 0x3),
            (0x63F, 2, 0x3),
            (0x63F, 6, 0x3F),
            (0x8000_0001, 1, 1),
            // SPEAKER_ALL: any speakers.
            (0x8000_0000, 16, 0x8000_0000),
            (0x3_FFFF, 16, 0xFFFF),
        ] {
            assert_eq!(
                mask_of(mask, channels),
                Ok(expect),
                "{mask:#x} of {channels}"
            );
        }
        for bit in 18..31 {
            assert_eq!(mask_of(1 << bit | 3, 2), Err(FormatError::BadChannelMask));
        }
    }
}
