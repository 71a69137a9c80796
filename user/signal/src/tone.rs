//! Measures a sine: frequency, level, what else is there, and breaks of its phase.

use std::f64::consts::TAU;

/// What a sine was measured to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tone {
    /// Hertz, from the slope of the phase.
    pub frequency_hz: f64,
    /// Level in decibels relative to a full-scale sine (dBFS).
    pub level_db: f64,
    /// Everything that is not the sine (THD+N), relative to it, in decibels.
    pub residual_db: f64,
    /// The largest step of the phase between two blocks of about 10 ms beyond what the frequency explains, in radians.
    /// A clean sine stays below 0.001; one lost frame of 1 kHz at 48 kHz is 0.13.
    pub phase_break: f64,
}

/// Blocks the phase is taken over must be whole periods and long enough to average quantisation.
const BLOCK_SECONDS: f64 = 0.01;

/// Measures the sine of about `nominal_hz` in one channel of levels (1 is full scale). `None` when fewer than four
/// blocks of 10 ms are there, or no sine.
pub fn measure(levels: &[f64], rate: u32, nominal_hz: f64) -> Option<Tone> {
    if nominal_hz.is_nan() || nominal_hz <= 0.0 {
        return None;
    }
    let periods = (nominal_hz * BLOCK_SECONDS).ceil().max(1.0);
    let block = (periods * f64::from(rate) / nominal_hz).round_ties_even() as usize;
    if block == 0 || levels.len() / block < 4 {
        return None;
    }
    let turn = nominal_hz / f64::from(rate);
    let phases = phases(levels, block, turn);
    // The step from block to block is small near the nominal frequency; its median ignores a few breaks.
    let steps: Vec<f64> = phases.windows(2).map(|two| wrap(two[1] - two[0])).collect();
    let mut sorted = steps.clone();
    sorted.sort_by(f64::total_cmp);
    let step = sorted[sorted.len() / 2];
    let phase_break = steps
        .iter()
        .map(|each| wrap(each - step).abs())
        .fold(0.0, f64::max);
    // Least squares over all blocks is more exact than the median when nothing is broken.
    let step = step + slope(&steps, step);
    let frequency_hz = nominal_hz + step / (TAU * block as f64) * f64::from(rate);
    let (amplitude, residual) = fit(levels, frequency_hz / f64::from(rate));
    if amplitude.is_nan() || amplitude <= 0.0 {
        return None;
    }
    // A sine of amplitude a has an RMS of a / sqrt(2).
    let tone_rms = amplitude / std::f64::consts::SQRT_2;
    Some(Tone {
        frequency_hz,
        level_db: decibels(amplitude),
        residual_db: decibels(residual / tone_rms),
        phase_break,
    })
}

/// The level of a ratio of amplitudes.
pub fn decibels(ratio: f64) -> f64 {
    20.0 * libm::log10(ratio)
}

/// The phase of each block against a sine of exactly `turn` periods per frame.
fn phases(levels: &[f64], block: usize, turn: f64) -> Vec<f64> {
    let mut phases = Vec::new();
    for (index, levels) in levels.chunks_exact(block).enumerate() {
        let (mut re, mut im) = (0.0, 0.0);
        for (at, level) in levels.iter().enumerate() {
            // A Hann window keeps the tone's mirror image out when a block is no whole number of periods.
            let window = 0.5 - 0.5 * libm::cos((at as f64 + 0.5) / block as f64 * TAU);
            let angle = angle(turn, index * block + at);
            re += window * level * libm::sin(angle);
            im += window * level * libm::cos(angle);
        }
        phases.push(libm::atan2(im, re));
    }
    phases
}

/// The angle of frame `at`, reduced to one turn before it loses digits.
fn angle(turn: f64, at: usize) -> f64 {
    let turns = turn * at as f64;
    (turns - turns.floor()) * TAU
}

fn wrap(angle: f64) -> f64 {
    angle - (angle / TAU).round_ties_even() * TAU
}

/// Correction of the median step: the slope of the regression of the phases that remain without it.
fn slope(steps: &[f64], step: f64) -> f64 {
    let count = steps.len() as f64 + 1.0;
    let mean = (count - 1.0) / 2.0;
    let (mut phase, mut sum, mut squares) = (0.0, 0.0, mean * mean);
    for (at, each) in steps.iter().enumerate() {
        phase += wrap(each - step);
        let x = at as f64 + 1.0 - mean;
        sum += x * phase;
        squares += x * x;
    }
    sum / squares
}

/// Least-squares fit of a sine of known frequency: its amplitude and the RMS of what remains.
fn fit(levels: &[f64], turn: f64) -> (f64, f64) {
    let (mut ss, mut sc, mut cc, mut sx, mut cx) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (at, level) in levels.iter().enumerate() {
        let (s, c) = (libm::sin(angle(turn, at)), libm::cos(angle(turn, at)));
        ss += s * s;
        sc += s * c;
        cc += c * c;
        sx += s * level;
        cx += c * level;
    }
    let determinant = ss * cc - sc * sc;
    let (a, b) = (
        (sx * cc - cx * sc) / determinant,
        (cx * ss - sx * sc) / determinant,
    );
    let squares: f64 = levels
        .iter()
        .enumerate()
        .map(|(at, level)| {
            let angle = angle(turn, at);
            let rest = level - a * libm::sin(angle) - b * libm::cos(angle);
            rest * rest
        })
        .sum();
    (
        libm::sqrt(a * a + b * b),
        libm::sqrt(squares / levels.len() as f64),
    )
}

#[cfg(test)]
mod tests {
    use waverig_protocol::scenario::{Format, Sample, Signal};

    use super::*;
    use crate::{Generator, sample};

    fn levels(frequency: f64, level_db: f64, sample: Sample) -> Vec<f64> {
        let format = Format {
            rate: 48_000,
            channels: 1,
            sample,
        };
        let signal = Signal::Sine {
            frequency,
            level_db,
        };
        Generator::new(&signal, format)
            .expect("a good signal")
            .bytes(0..48_000)
            .chunks(sample.bytes())
            .map(|bytes| sample::level(sample, bytes))
            .collect()
    }

    fn check(levels: &[f64], nominal: f64, frequency: f64, level_db: f64, residual: f64) {
        let tone = measure(levels, 48_000, nominal).expect("a tone");
        assert!((tone.frequency_hz - frequency).abs() < 1e-4, "{tone:?}");
        assert!((tone.level_db - level_db).abs() < 0.001, "{tone:?}");
        assert!(tone.residual_db < residual, "{tone:?}");
        assert!(tone.phase_break < 0.001, "{tone:?}");
    }

    #[test]
    fn clean_tones_measure_as_generated() {
        check(
            &levels(1000.0, -6.0, Sample::Pcm16),
            1000.0,
            1000.0,
            -6.0,
            -90.0,
        );
        check(
            &levels(1000.0, 0.0, Sample::Pcm24),
            1000.0,
            1000.0,
            0.0,
            -140.0,
        );
        check(
            &levels(997.0, -20.0, Sample::Float32),
            997.0,
            997.0,
            -20.0,
            -100.0,
        );
        // A device whose clock runs fast by 200 ppm.
        check(
            &levels(1000.2, -6.0, Sample::Pcm24),
            1000.0,
            1000.2,
            -6.0,
            -130.0,
        );
    }

    #[test]
    fn a_lost_frame_breaks_the_phase_and_an_added_tone_the_residual() {
        let mut slipped = levels(1000.0, -6.0, Sample::Pcm24);
        slipped.remove(20_000);
        let tone = measure(&slipped, 48_000, 1000.0).expect("a tone");
        assert!(tone.phase_break > 0.05, "{tone:?}");
        let hum: Vec<f64> = levels(1000.0, -6.0, Sample::Pcm24)
            .iter()
            .zip(levels(3000.0, -66.0, Sample::Pcm24))
            .map(|(tone, hum)| tone + hum)
            .collect();
        let tone = measure(&hum, 48_000, 1000.0).expect("a tone");
        assert!((tone.residual_db + 60.0).abs() < 0.01, "{tone:?}");
    }

    #[test]
    fn silence_and_scraps_are_no_tone() {
        assert_eq!(measure(&[0.0; 48_000], 48_000, 1000.0), None);
        assert_eq!(measure(&[0.1; 100], 48_000, 1000.0), None);
    }
}
