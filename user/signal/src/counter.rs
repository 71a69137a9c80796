//! The counting pattern: every sample names its frame and channel.
//!
//! Channel `c` of frame `f` counts `k = (f mod period) · channels + c`, and its code is `(k + 1) · odd mod 2^bits` for
//! a fixed odd factor. Multiplication by an odd number permutes the codes and keeps 0 apart, so within a period no two
//! samples are equal and none is 0. The factor spreads neighbours over all bits: a byte that is lost, swapped or
//! shifted shows at once, also in the upper bytes of short runs.

use waverig_protocol::scenario::Format;

use crate::sample::{self, code_bits};

/// Odd, from the golden ratio, which spreads multiples evenly.
const FACTOR: u32 = 0x9E37_79B1;

/// The counting pattern in one format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counter {
    format: Format,
    /// Frames after which the pattern repeats: (2^bits - 1) / channels. 16-bit stereo 32 767 frames (0.68 s at
    /// 48 kHz), 24-bit and float stereo 8 388 607 (174 s), 32-bit stereo 2^31 - 1 (12 h).
    period: u64,
}

impl Counter {
    /// The pattern in a format.
    pub(crate) fn new(format: Format) -> Self {
        let codes = (1_u64 << code_bits(format.sample)) - 1;
        Self {
            format,
            // A format has at least one channel; 0 would be refused by the generator.
            period: codes / u64::from(format.channels.max(1)),
        }
    }

    /// Writes frame `frame` to the first bytes of `out`.
    pub(crate) fn put(&self, frame: u64, out: &mut [u8]) {
        let sample = self.format.sample;
        let first = (frame % self.period) * u64::from(self.format.channels);
        let samples = out[..self.format.frame_bytes()].chunks_exact_mut(sample.bytes());
        for (count, out) in (first..).zip(samples) {
            // Below 2^bits ≤ 2^32 by the choice of the period.
            let code = (count as u32).wrapping_add(1).wrapping_mul(FACTOR);
            sample::put_code(sample, code as i32, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use waverig_protocol::scenario::Sample;

    use super::*;
    use crate::sample::ALL;

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
        assert!(counter(2, Sample::Pcm24).0.period >= 1 << 20);
        assert!(counter(2, Sample::Float32).0.period >= 1 << 20);
        assert_eq!(counter(2, Sample::Pcm16).0.period, 32_767);
    }

    #[test]
    fn a_whole_period_has_every_sample_but_zero_once() {
        let (counter, mut frame) = counter(2, Sample::Pcm16);
        let mut seen = HashSet::from([[0, 0]]);
        for index in 0..counter.period {
            counter.put(index, &mut frame);
            for sample in frame.chunks(2) {
                assert!(seen.insert([sample[0], sample[1]]), "{index}: {sample:?}");
            }
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
        fn frames_of_a_period_differ_in_every_channel(
            frame in 0_u64..1 << 40,
            ahead in 1_u64..1 << 40,
            channels in 1_u16..=16,
        ) {
            for sample in ALL {
                let (counter, mut bytes) = counter(channels, sample);
                let mut other = bytes.clone();
                counter.put(frame, &mut bytes);
                counter.put(frame + counter.period, &mut other);
                prop_assert_eq!(&bytes, &other);
                counter.put(frame + 1 + ahead % (counter.period - 1), &mut other);
                let size = sample.bytes();
                for (one, two) in bytes.chunks(size).zip(other.chunks(size)) {
                    prop_assert_ne!(one, two);
                }
            }
        }
    }
}
