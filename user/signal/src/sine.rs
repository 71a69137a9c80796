//! The sine: its phase is an exact fraction, so that it never drifts and can start at any frame.

use waverig_protocol::scenario::Format;

use crate::sample;

/// Fractions of a hertz that the frequency is rounded to: 2^-20 Hz, about 1 µHz.
const HERTZ: u64 = 1 << 20;

/// A sine on all channels, each a quarter of a period behind the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sine {
    format: Format,
    /// Phase per frame; a whole period is `period`.
    step: u64,
    period: u64,
    amplitude: f64,
}

impl Sine {
    /// The caller has checked that 0 < frequency < rate / 2 and that the level is ≤ 0.
    pub(crate) fn new(frequency: f64, level_db: f64, format: Format) -> Self {
        Self {
            format,
            step: (frequency * HERTZ as f64).round_ties_even() as u64,
            period: u64::from(format.rate) * HERTZ,
            amplitude: libm::pow(10.0, level_db / 20.0),
        }
    }

    /// Writes frames from `first` on; `out` holds whole frames.
    pub(crate) fn put(&self, first: u64, out: &mut [u8]) {
        let start = u128::from(first) * u128::from(self.step) % u128::from(self.period);
        // Below the period, which fits.
        let mut phase = start as u64;
        let quarter = self.period / 4;
        for frame in out.chunks_exact_mut(self.format.frame_bytes()) {
            let mut at = phase;
            for out in frame.chunks_exact_mut(self.format.sample.bytes()) {
                let level = self.amplitude * sine(at, quarter);
                sample::put_level(self.format.sample, level, out);
                at = (at + self.period - quarter) % self.period;
            }
            phase = (phase + self.step) % self.period;
        }
    }
}

/// The sine of `phase` when a quarter of the period is `quarter`. The quadrant is taken off as an integer, so the four
/// quadrants mirror each other bit for bit.
fn sine(phase: u64, quarter: u64) -> f64 {
    let (quadrant, rest) = (phase / quarter, phase % quarter);
    let rest = if quadrant % 2 == 0 {
        rest
    } else {
        quarter - rest
    };
    // Both are below 2^52 and exact; IEEE division and libm are the same everywhere.
    let value = libm::sin(rest as f64 / quarter as f64 * std::f64::consts::FRAC_PI_2);
    if quadrant < 2 { value } else { -value }
}

#[cfg(test)]
mod tests {
    use waverig_protocol::scenario::Sample;

    use super::*;

    fn check(frequency: f64, level_db: f64, sample: Sample, first: u64, expect: &[i32]) {
        let format = Format {
            rate: 48_000,
            channels: 2,
            sample,
        };
        let mut out = vec![0; expect.len() * sample.bytes()];
        Sine::new(frequency, level_db, format).put(first, &mut out);
        let full_scale = f64::from(1 << (sample::code_bits(sample) - 1));
        let got: Vec<i32> = out
            .chunks(sample.bytes())
            .map(|bytes| (sample::level(sample, bytes) * full_scale) as i32)
            .collect();
        assert_eq!(got, expect, "{frequency} Hz, frame {first}");
    }

    #[test]
    fn known_values() {
        // 12 kHz at 48 kHz: four frames a period.
        let quarters = [0, -32_767, 32_767, 0, 0, 32_767, -32_767, 0];
        check(12_000.0, 0.0, Sample::Pcm16, 0, &quarters);
        check(12_000.0, 0.0, Sample::Pcm16, 4 << 40, &quarters);
        // 1 kHz: frame 5 is at 37.5 degrees, channel 1 a quarter behind at -52.5.
        check(1000.0, 0.0, Sample::Pcm16, 5, &[19_947, -25_996]);
        check(1000.0, 0.0, Sample::Pcm24, 5, &[5_106_660, -6_655_129]);
        // -6.0206 dB is half.
        check(
            12_000.0,
            -6.020_599_913_279_624,
            Sample::Pcm16,
            0,
            &[0, -16_384, 16_384, 0],
        );
    }
}
