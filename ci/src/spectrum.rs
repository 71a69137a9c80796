//! A spectrum to look at: 20 lines of a transform are less than a crate of transforms.

use std::f64::consts::TAU;

/// The lines of a stretch of audio: frequency in hertz and level in decibels of full scale, where a sine of full scale is 0. A window (Hann)
/// keeps the stretch's ends out. The number of samples is a power of two, and at least 2; else there are no lines.
pub(crate) fn of(levels: &[f64], rate: u32) -> Vec<(f64, f64)> {
    let count = levels.len();
    if !count.is_power_of_two() || count < 2 {
        return Vec::new();
    }
    let window = |index: usize| 0.5 - 0.5 * (TAU * index as f64 / count as f64).cos();
    let input = levels.iter().enumerate();
    let input: Vec<(f64, f64)> = input
        .map(|(index, level)| (level * window(index), 0.0))
        .collect();
    // A sine's energy is in two lines, and the window halves it: 4 / count is full scale.
    let scale = 4.0 / count as f64;
    let lines = transform(&input).into_iter().enumerate();
    lines
        .take(count / 2)
        .skip(1)
        .map(|(index, (re, im))| {
            let hz = index as f64 * f64::from(rate) / count as f64;
            (hz, 20.0 * (re.hypot(im) * scale).log10())
        })
        .collect()
}

/// The discrete Fourier transform by halves (Cooley and Tukey, 1965).
fn transform(input: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let count = input.len();
    if count == 1 {
        return input.to_vec();
    }
    let half = |from: usize| {
        let part: Vec<_> = input.iter().skip(from).step_by(2).copied().collect();
        transform(&part)
    };
    let (even, odd) = (half(0), half(1));
    let mut output = vec![(0.0, 0.0); count];
    for index in 0..count / 2 {
        let (sin, cos) = (-TAU * index as f64 / count as f64).sin_cos();
        let (re, im) = odd[index];
        let turned = (re * cos - im * sin, re * sin + im * cos);
        output[index] = (even[index].0 + turned.0, even[index].1 + turned.1);
        output[index + count / 2] = (even[index].0 - turned.0, even[index].1 - turned.1);
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_is_one_peak_at_its_frequency_and_level() {
        let (count, rate, hz) = (1024, 48_000, 3000.0);
        let sine = |index: usize| 0.5 * (TAU * hz * index as f64 / f64::from(rate)).sin();
        let levels: Vec<f64> = (0..count).map(sine).collect();
        let lines = of(&levels, rate);
        let peak = lines.iter().max_by(|one, two| one.1.total_cmp(&two.1));
        let peak = peak.expect("there are lines");
        assert_eq!(peak.0, hz);
        assert!((peak.1 + 6.0206).abs() < 0.001, "{peak:?}");
        // Two lines away there is nothing but rounding.
        let far = lines.iter().filter(|line| (line.0 - hz).abs() > 100.0);
        assert!(far.clone().all(|line| line.1 < -250.0));
        assert_eq!(lines.len(), count / 2 - 1);
    }

    #[test]
    fn what_is_no_power_of_two_has_no_lines() {
        assert!(of(&[0.0; 3], 48_000).is_empty());
        assert!(of(&[], 48_000).is_empty());
    }
}
