//! Formats as `WAVEFORMATEXTENSIBLE` (mmreg.h), in bytes.

use waverig_protocol::scenario::{Format, Sample};

/// Bytes of the structure.
pub const BYTES: usize = 40;
const EXTENSIBLE: u16 = 0xFFFE;
/// What `KSDATAFORMAT_SUBTYPE_PCM` and `_IEEE_FLOAT` have after their first two bytes (ksmedia.h).
const SUBTYPE: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];
/// `WAVE_FORMAT_PCM` and `WAVE_FORMAT_IEEE_FLOAT` (mmreg.h): the first two.
const PCM: u16 = 1;
const FLOAT: u16 = 3;

/// The speakers that Windows means by a number of channels (ksmedia.h: `KSAUDIO_SPEAKER_MONO`, `_STEREO`, `_QUAD`, `_5POINT1_SURROUND`,
/// `_7POINT1_SURROUND`); for other numbers it names none.
fn speakers(channels: u16) -> u32 {
    match channels {
        1 => 0x4,
        2 => 0x3,
        4 => 0x33,
        6 => 0x60F,
        8 => 0x63F,
        _ => 0,
    }
}

/// The structure for a format.
pub fn encode(format: Format) -> [u8; BYTES] {
    let frame = format.frame_bytes() as u32;
    let bits = format.sample.bytes() as u16 * 8;
    let kind = if format.sample == Sample::Float32 {
        FLOAT
    } else {
        PCM
    };
    let mut bytes = [0; BYTES];
    let mut at = 0;
    let mut put = |part: &[u8]| {
        bytes[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    };
    put(&EXTENSIBLE.to_le_bytes());
    put(&format.channels.to_le_bytes());
    put(&format.rate.to_le_bytes());
    put(&format.rate.wrapping_mul(frame).to_le_bytes());
    put(&(frame as u16).to_le_bytes());
    put(&bits.to_le_bytes());
    // What follows the plain structure.
    put(&22u16.to_le_bytes());
    put(&format.sample.valid_bits().to_le_bytes());
    put(&speakers(format.channels).to_le_bytes());
    put(&kind.to_le_bytes());
    put(&SUBTYPE);
    bytes
}

/// The format of a structure that Windows gave, plain or extensible; `None` when it is none that the protocol knows.
pub fn decode(bytes: &[u8]) -> Option<Format> {
    let word = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let rate = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    let (channels, bits) = (word(2)?, word(14)?);
    let (kind, valid) = match word(0)? {
        EXTENSIBLE if bytes.get(26..BYTES)? == SUBTYPE => (word(24)?, word(18)?),
        EXTENSIBLE => return None,
        plain => (plain, bits),
    };
    let sample = match kind {
        PCM | FLOAT => Sample::of(kind == FLOAT, bits, valid)?,
        _ => return None,
    };
    (rate > 0 && channels > 0).then_some(Format {
        rate,
        channels,
        sample,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_read_back() {
        for sample in Sample::ALL {
            for channels in [1, 2, 3, 8, 16] {
                let format = Format {
                    rate: 48_000,
                    channels,
                    sample,
                };
                assert_eq!(decode(&encode(format)), Some(format));
            }
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_header() {
        let format = Format {
            rate: 44_100,
            channels: 2,
            sample: Sample::Pcm24In32,
        };
        let expect = [
            0xFE, 0xFF, 2, 0, 0x44, 0xAC, 0, 0, 0x20, 0x62, 5, 0, 8, 0, 32, 0, 22, 0, 24, 0, 3, 0,
            0, 0, 1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71,
        ];
        assert_eq!(encode(format), expect);
        let plain = [1, 0, 1, 0, 0x40, 0x1F, 0, 0, 0x80, 0x3E, 0, 0, 2, 0, 16, 0];
        let expect = Format {
            rate: 8_000,
            channels: 1,
            sample: Sample::Pcm16,
        };
        assert_eq!(decode(&plain), Some(expect));
        assert_eq!(decode(&plain[..14]), None);
        assert_eq!(decode(&[0; BYTES]), None);
    }
}
