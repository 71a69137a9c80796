//! The counting pattern: every sample names its frame and channel.
//!
//! Channel `c` of frame `f` counts `k = (f mod period) · channels + c`, and its code is `(k + 1) · odd mod 2^bits` for
//! a fixed odd factor. Multiplication by an odd number permutes the codes and keeps 0 apart, so within a period no two
//! samples are equal and none is 0. The factor spreads neighbours over all bits: a byte that is lost, swapped or
//! shifted shows at once, also in the upper bytes of short runs.

use waverig_protocol::scenario::{Format, Sample};

use crate::sample::{self, code_bits};

/// Odd, from the golden ratio, which spreads multiples evenly.
const FACTOR: u32 = 0x9E37_79B1;

/// Samples that are counted side by side, for compilers that make vectors of them.
const LANES: usize = 16;

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

    /// Writes the frames from `first` on. Hours of signal are written for long runs, so the usual formats have a loop of their own
    /// that divides once.
    pub(crate) fn fill(&self, first: u64, out: &mut [u8]) {
        let frame_bytes = self.format.frame_bytes();
        if self.format.sample != Sample::Pcm16 {
            let frames = out.chunks_exact_mut(frame_bytes);
            return (first..)
                .zip(frames)
                .for_each(|(frame, out)| self.put(frame, out));
        }
        let (mut at, mut rest) = (first % self.period, out);
        while rest.len() >= frame_bytes {
            let lap = usize::try_from(self.period - at).unwrap_or(usize::MAX);
            let frames = lap.min(rest.len() / frame_bytes);
            let (now, later) = rest.split_at_mut(frames * frame_bytes);
            // Below 2^16: the pattern's period has fewer samples.
            let count = (at * u64::from(self.format.channels)) as u16;
            // The lower half of a product is that of the lower halves: 16 bits are all that is kept.
            let mut code = count.wrapping_add(1).wrapping_mul(FACTOR as u16);
            let step = |lane: usize| (FACTOR as u16).wrapping_mul(lane as u16);
            // As many as make a vector have a loop of their own: of one whose length varies the compiler makes none.
            let (whole, last) = now.as_chunks_mut().0.as_chunks_mut::<LANES>();
            for samples in whole {
                for (lane, sample) in samples.iter_mut().enumerate() {
                    *sample = code.wrapping_add(step(lane)).to_le_bytes();
                }
                code = code.wrapping_add(step(LANES));
            }
            for (lane, sample) in last.iter_mut().enumerate() {
                *sample = code.wrapping_add(step(lane)).to_le_bytes();
            }
            (at, rest) = (0, later);
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

    use super::*;
    use proptest::prelude::*;

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
        fn many_frames_are_each_of_them(
            frame in 0_u64..1 << 40,
            frames in 0_usize..200,
            channels in 1_u16..=16,
            near in any::<bool>(),
        ) {
            for sample in Sample::ALL {
                let (counter, one) = counter(channels, sample);
                // Often where the pattern begins again.
                let first = if near { counter.period - 50 } else { frame };
                let mut all = vec![0; one.len() * frames];
                counter.fill(first, &mut all);
                let mut each = vec![0; all.len()];
                for (frame, out) in (first..).zip(each.chunks_exact_mut(one.len())) {
                    counter.put(frame, out);
                }
                prop_assert_eq!(all, each);
            }
        }

        #[test]
        fn frames_of_a_period_differ_in_every_channel(
            frame in 0_u64..1 << 40,
            ahead in 1_u64..1 << 40,
            channels in 1_u16..=16,
        ) {
            for sample in Sample::ALL {
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
