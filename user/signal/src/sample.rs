//! Samples as bytes: integer codes, levels, and back. Little-endian, as WAVE files and Windows store them.

use waverig_protocol::scenario::Sample;

/// Bits of the integer code that a sample carries exactly. A 32-bit float carries 24: its significand.
pub(crate) fn code_bits(sample: Sample) -> u32 {
    match sample {
        Sample::Pcm16 => 16,
        Sample::Pcm24 | Sample::Pcm24In32 | Sample::Float32 => 24,
        Sample::Pcm32 => 32,
    }
}

/// Stores a signed code of [`code_bits`] bits in the first bytes of `out`. A float becomes `code / 2^23`, which is in
/// [-1, 1) and exact. Bits of `code` above its width are ignored.
pub(crate) fn put_code(sample: Sample, code: i32, out: &mut [u8]) {
    match sample {
        Sample::Pcm16 => out[..2].copy_from_slice(&(code as i16).to_le_bytes()),
        Sample::Pcm24 => out[..3].copy_from_slice(&code.to_le_bytes()[..3]),
        Sample::Pcm24In32 => out[..4].copy_from_slice(&(code << 8).to_le_bytes()),
        Sample::Pcm32 => out[..4].copy_from_slice(&code.to_le_bytes()),
        Sample::Float32 => {
            let code = (code << 8) >> 8;
            out[..4].copy_from_slice(&(code as f32 / FLOAT_SCALE).to_le_bytes());
        }
    }
}

/// Stores a level in [-1, 1], rounded to the nearest code (ties to even); full scale is the largest positive code, so
/// that ±1 are symmetric. A float is rounded to the nearest float and kept below 1.
pub(crate) fn put_level(sample: Sample, level: f64, out: &mut [u8]) {
    if sample == Sample::Float32 {
        // The largest float below 1.
        let below_one = f32::from_bits(1.0_f32.to_bits() - 1);
        let value = (level as f32).clamp(-1.0, below_one);
        // A sum with +0 turns -0 into +0: silence has one representation.
        out[..4].copy_from_slice(&(value + 0.0).to_le_bytes());
    } else {
        let full_scale = ((1_i64 << (code_bits(sample) - 1)) - 1) as f64;
        let code = (level.clamp(-1.0, 1.0) * full_scale).round_ties_even();
        put_code(sample, code as i32, out);
    }
}

/// The level that the first bytes of `bytes` stand for: 1 is 2^(bits-1) codes.
pub fn level(sample: Sample, bytes: &[u8]) -> f64 {
    match sample {
        Sample::Pcm16 => f64::from(i16::from_le_bytes([bytes[0], bytes[1]])) / 32_768.0,
        Sample::Pcm24 => f64::from(i32::from_le_bytes([0, bytes[0], bytes[1], bytes[2]])) / WORD,
        Sample::Pcm24In32 | Sample::Pcm32 => f64::from(word(bytes)) / WORD,
        Sample::Float32 => f64::from(f32::from_bits(word(bytes) as u32)),
    }
}

const FLOAT_SCALE: f32 = 8_388_608.0;
const WORD: f64 = 2_147_483_648.0;

fn word(bytes: &[u8]) -> i32 {
    i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(sample: Sample, level: f64, expect: &[u8]) {
        let mut out = vec![0; sample.bytes()];
        put_level(sample, level, &mut out);
        assert_eq!(out, expect, "{sample:?} {level}");
    }

    #[test]
    fn levels_become_the_nearest_code() {
        check(Sample::Pcm16, 1.0, &[0xff, 0x7f]);
        check(Sample::Pcm16, -1.0, &[0x01, 0x80]);
        check(Sample::Pcm16, 0.5 / 32767.0, &[0, 0]);
        check(Sample::Pcm16, 1.5 / 32767.0, &[2, 0]);
        check(Sample::Pcm24, 1.0, &[0xff, 0xff, 0x7f]);
        check(Sample::Pcm24In32, -1.0, &[0, 1, 0, 0x80]);
        check(Sample::Pcm32, 1.0, &[0xff, 0xff, 0xff, 0x7f]);
        check(Sample::Float32, 1.0, &[0xff, 0xff, 0x7f, 0x3f]);
        check(Sample::Float32, -0.0, &[0, 0, 0, 0]);
        check(Sample::Float32, -1.0, &[0, 0, 0x80, 0xbf]);
    }

    proptest! {
        #[test]
        fn codes_survive(value in any::<i32>()) {
            for sample in Sample::ALL {
                let shift = 32 - code_bits(sample);
                let value = (value << shift) >> shift;
                let mut bytes = vec![0; sample.bytes()];
                put_code(sample, value, &mut bytes);
                let scale = f64::from(1_u32 << (code_bits(sample) - 1));
                prop_assert_eq!(level(sample, &bytes), f64::from(value) / scale);
            }
        }
    }
}
