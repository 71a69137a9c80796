//! How well rates are converted: sines, measured.

use std::f64::consts::TAU;

use super::*;

const ONE: f64 = (1u64 << 31) as f64;

fn samples(bytes: &[u8]) -> Vec<f64> {
    let samples = bytes.as_chunks::<4>().0;
    samples
        .iter()
        .map(|&bytes| f64::from(i32::from_le_bytes(bytes)) / ONE)
        .collect()
}

/// What of a signal is a sine of this frequency (in cycles per sample): amplitude, phase at sample 0 in radians, and the
/// root of the mean square of the rest.
fn measure(signal: &[f64], frequency: f64) -> (f64, f64, f64) {
    // Least squares for a·cos + b·sin + c by the normal equations, solved by elimination.
    let mut m = [[0f64; 4]; 3];
    let basis = |at: usize| {
        let w = TAU * frequency * at as f64;
        [w.cos(), w.sin(), 1.0]
    };
    for (at, &value) in signal.iter().enumerate() {
        let b = basis(at);
        for row in 0..3 {
            for column in 0..3 {
                m[row][column] += b[row] * b[column];
            }
            m[row][3] += b[row] * value;
        }
    }
    for pivot in 0..3 {
        for row in 0..3 {
            if row != pivot {
                let factor = m[row][pivot] / m[pivot][pivot];
                let above = m[pivot];
                for (value, above) in m[row].iter_mut().zip(above) {
                    *value -= factor * above;
                }
            }
        }
    }
    let [a, b, c] = [0, 1, 2].map(|row| m[row][3] / m[row][row]);
    let rest = signal.iter().enumerate().map(|(at, &value)| {
        let basis = basis(at);
        (value - a * basis[0] - b * basis[1] - c).powi(2)
    });
    let rest = (rest.sum::<f64>() / signal.len() as f64).sqrt();
    ((a * a + b * b).sqrt(), (-b).atan2(a), rest)
}

fn db(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

/// A sine of half of full scale at `frequency` (of the input rate), resampled: output from where the filter is filled.
fn resampled_sine(from: u32, to: u32, frequency: f64) -> (Vec<f64>, u64, Converter) {
    let (from, to) = (
        format(from, 1, SampleFormat::Pcm32),
        format(to, 1, SampleFormat::Pcm32),
    );
    let mut converter = Converter::new(&from, &to).unwrap();
    let ratio = f64::from(to.rate.hertz()) / f64::from(from.rate.hertz());
    let skip = (2.0 * converter.latency().0 as f64 * ratio).ceil() as usize;
    let count = skip + 1_500;
    let inputs = (count as f64 / ratio) as usize + 10;
    let bytes = (0..inputs)
        .flat_map(|at| {
            let value = 0.5 * (TAU * frequency * at as f64).cos();
            ((value * ONE).round() as i32).to_le_bytes()
        })
        .collect();
    let out = run(&mut converter, &source(&from, bytes, 1_000), count, []);
    (samples(&out)[skip..].to_vec(), skip as u64, converter)
}

#[test]
fn the_pass_band_is_flat_clean_and_in_time() {
    for (from, to) in pairs() {
        let low = f64::from(from.min(to));
        for share in [0.013, 0.1, 0.25, 0.4] {
            let hertz = share * low;
            let (out, skip, converter) = resampled_sine(from, to, hertz / f64::from(from));
            let (amplitude, phase, rest) = measure(&out, hertz / f64::from(to));
            let what = std::format!("{from} to {to} at {hertz} Hz");
            let level = db(amplitude / 0.5);
            let noise = db(rest * 2f64.sqrt() / amplitude);
            assert!(level.abs() <= 0.001, "{what}: {level} dB");
            assert!(noise <= -104.0, "{what}: distortion and noise {noise} dB");
            let late = converter.latency().0 as f64 / f64::from(from);
            let expect = TAU * hertz * (skip as f64 / f64::from(to) - late);
            let off =
                (phase - expect + std::f64::consts::PI).rem_euclid(TAU) - std::f64::consts::PI;
            assert!(off.abs() < 1e-4, "{what}: {off} rad off");
        }
    }
}

#[test]
fn nothing_above_half_the_lower_rate_comes_through() {
    for (from, to) in pairs().filter(|(from, to)| from > to) {
        let (low, half) = (f64::from(to), f64::from(from) / 2.0);
        for share in [0.5, 0.51, 0.62, 0.9, 1.0, 1.3, 3.7] {
            let hertz = share * low;
            if hertz >= half {
                continue;
            }
            let (out, ..) = resampled_sine(from, to, hertz / f64::from(from));
            let energy = out.iter().map(|value| value * value).sum::<f64>() / out.len() as f64;
            let level = db((energy * 2.0).sqrt() / 0.5);
            assert!(
                level <= -96.0,
                "{from} to {to}: {hertz} Hz comes through at {level} dB"
            );
        }
    }
}
