//! The counting pattern: every sample names its frame and channel.
//!
//! Channel `c` of frame `f` counts `k = (f mod period) · channels + c`, and its code is `(k + 1) · odd mod 2^bits` for
//! a fixed odd factor. Multiplication by an odd number permutes the codes and keeps 0 apart, so `k` can be read back
//! from one sample and no sample is ever 0. The factor spreads neighbours over all bits: a byte that is lost, swapped
//! or shifted shows at once, also in the upper bytes of short runs.

use waverig_protocol::scenario::Format;

use crate::sample::{self, code_bits};

/// Odd, from the golden ratio, which spreads multiples evenly.
const FACTOR: u32 = 0x9E37_79B1;

/// The counting pattern in one format.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    format: Format,
    period: u64,
    inverse: u32,
}

impl Counter {
    /// The pattern in a format.
    pub fn new(format: Format) -> Self {
        let codes = (1_u64 << code_bits(format.sample)) - 1;
        Self {
            format,
            // A format has at least one channel; 0 would be refused by the generator.
            period: codes / u64::from(format.channels.max(1)),
            inverse: inverse(FACTOR),
        }
    }

    /// Frames after which the pattern repeats: (2^bits - 1) / channels. 16-bit stereo 32 767 frames (0.68 s at
    /// 48 kHz), 24-bit and float stereo 8 388 607 (174 s), 32-bit stereo 2^31 - 1 (12 h).
    pub fn period(&self) -> u64 {
        self.period
    }

    /// Writes frame `frame` to the first bytes of `out`.
    pub fn put(&self, frame: u64, out: &mut [u8]) {
        let sample = self.format.sample;
        let first = (frame % self.period) * u64::from(self.format.channels);
        let samples = out[..self.format.frame_bytes()].chunks_exact_mut(sample.bytes());
        for (count, out) in (first..).zip(samples) {
            // Below 2^bits ≤ 2^32 by the choice of the period.
            let code = (count as u32).wrapping_add(1).wrapping_mul(FACTOR);
            sample::put_code(sample, code as i32, out);
        }
    }

    /// Which frame this is, modulo the period; `None` when the samples do not name one and the same frame and each
    /// its own channel.
    pub fn read(&self, frame: &[u8]) -> Option<u64> {
        let channels = u64::from(self.format.channels);
        let mask = u32::MAX >> (32 - code_bits(self.format.sample));
        let mut index = None;
        for (channel, bytes) in frame[..self.format.frame_bytes()]
            .chunks_exact(self.format.sample.bytes())
            .enumerate()
        {
            let code = sample::code(self.format.sample, bytes)? as u32;
            let count = u64::from(code.wrapping_mul(self.inverse) & mask).checked_sub(1)?;
            let (at, of) = (count / channels, count % channels);
            if of != channel as u64 || at >= self.period || *index.get_or_insert(at) != at {
                return None;
            }
        }
        index
    }

    /// The frame nearest to `expect` that [`Self::read`] would call `index`: undoes the period.
    pub fn unroll(&self, index: u64, expect: u64) -> u64 {
        let lap = expect / self.period * self.period;
        let half = self.period / 2;
        let frame = lap + index;
        if frame > expect + half && lap > 0 {
            frame - self.period
        } else if frame + half < expect {
            frame + self.period
        } else {
            frame
        }
    }
}

/// The inverse of an odd number modulo 2^32 (Newton: each step doubles the number of right bits).
fn inverse(odd: u32) -> u32 {
    let mut inverse = odd;
    for _ in 0..4 {
        inverse = inverse.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(inverse)));
    }
    inverse
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use waverig_protocol::scenario::Sample;

    use super::*;

    const ALL: [Sample; 5] = [
        Sample::Pcm16,
        Sample::Pcm24,
        Sample::Pcm24In32,
        Sample::Pcm32,
        Sample::Float32,
    ];

    fn counter(channels: u16, sample: Sample) -> (Counter, Vec<u8>) {
        let format = Format {
            rate: 48_000,
            channels,
            sample,
        };
        (Counter::new(format), vec![0; format.frame_bytes()])
    }

    #[test]
    fn a_24_bit_stereo_pattern_does_not_repeat_within_2_to_the_20_frames() {
        assert!(counter(2, Sample::Pcm24).0.period() >= 1 << 20);
        assert!(counter(2, Sample::Float32).0.period() >= 1 << 20);
        assert_eq!(counter(2, Sample::Pcm16).0.period(), 32_767);
    }

    #[test]
    fn no_sample_of_a_whole_period_is_zero() {
        let (counter, mut frame) = counter(2, Sample::Pcm16);
        for index in 0..counter.period() {
            counter.put(index, &mut frame);
            assert!(frame.chunks(2).all(|sample| sample != [0, 0]), "{index}");
            assert_eq!(counter.read(&frame), Some(index));
        }
    }

    #[test]
    fn the_pattern_is_fixed() {
        let (counter, mut frame) = counter(2, Sample::Pcm24);
        counter.put(0, &mut frame);
        assert_eq!(frame, [0xb1, 0x79, 0x37, 0x62, 0xf3, 0x6e]);
    }

    proptest! {
        #[test]
        fn frames_name_themselves(frame in 0_u64..1 << 40, channels in 1_u16..=16) {
            for sample in ALL {
                let (counter, mut bytes) = counter(channels, sample);
                counter.put(frame, &mut bytes);
                let index = counter.read(&bytes);
                prop_assert_eq!(index, Some(frame % counter.period()));
                prop_assert_eq!(counter.unroll(frame % counter.period(), frame), frame);
            }
        }

        #[test]
        fn a_flipped_bit_never_names_the_same_frame(frame in 0_u64..1 << 23, bit in 0_usize..48) {
            let (counter, mut bytes) = counter(2, Sample::Pcm24);
            counter.put(frame, &mut bytes);
            let before = counter.read(&bytes);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(counter.read(&bytes), before);
        }

        #[test]
        fn the_nearest_frame_is_found(expect in 0_u64..1 << 30, off in -16_000_i64..16_000) {
            let (counter, _) = counter(2, Sample::Pcm16);
            let frame = expect.saturating_add_signed(off);
            prop_assert_eq!(counter.unroll(frame % counter.period(), expect), frame);
        }
    }
}
