//! Generates `src/convert/kernel.in`, the table of the resampler's filter:
//! `cargo run -p waverig-engine --example resampler_kernel > driver/engine/src/convert/kernel.in`
//!
//! The filter is a sinc under a Kaiser window, `h(t) = 2·fc·sinc(2·fc·t)·kaiser(t / WING)`, with `t` in frames of the lower of
//! the two rates. It passes up to 0.4 of that rate and stops from 0.5 on, so nothing folds back. By Kaiser's formula a
//! transition of 0.1 over 64 frames attenuates by 14.36 · 0.1 · 64 + 7.95 = 99.9 dB, for β = 0.1102 · (99.9 − 8.7) = 10.05.
//!
//! Row `r` holds `h(k + r / PHASES)` for `k = 0…WING − 1`, scaled so that all samples of `h` together pass a constant unchanged,
//! in units of 2^-30. The last row repeats the first one, one frame on: whoever interpolates finds a neighbour.

// The crate whose test takes this file as a module has no prelude of std's.
use std::println;
use std::vec::Vec;

/// Frames of the lower rate on each side of the centre.
pub(crate) const WING: usize = 32;
/// Rows per frame.
pub(crate) const PHASES: usize = 256;

const CUTOFF: f64 = 0.45;
const BETA: f64 = 10.05;
const ONE: f64 = (1u64 << 30) as f64;

/// The modified Bessel function of the first kind and order 0, as its power series.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..60 {
        term *= (x / 2.0 / f64::from(k)) * (x / 2.0 / f64::from(k));
        sum += term;
    }
    sum
}

fn filter(t: f64) -> f64 {
    let at = t / WING as f64;
    if at >= 1.0 {
        return 0.0;
    }
    let x = 2.0 * CUTOFF * std::f64::consts::PI * t;
    let sinc = if t == 0.0 { 1.0 } else { x.sin() / x };
    2.0 * CUTOFF * sinc * bessel_i0(BETA * (1.0 - at * at).sqrt()) / bessel_i0(BETA)
}

/// The table, row by row.
pub(crate) fn table() -> Vec<[i32; WING]> {
    let sample = |index: usize| filter(index as f64 / PHASES as f64);
    let both_sides: f64 = 2.0 * (1..WING * PHASES).map(sample).sum::<f64>();
    let scale = PHASES as f64 / (both_sides + sample(0)) * ONE;
    (0..=PHASES)
        .map(|row| std::array::from_fn(|k| (sample(k * PHASES + row) * scale).round() as i32))
        .collect()
}

#[allow(dead_code, reason = "the table's test takes this file as a module")]
fn main() {
    println!("// Made by examples/resampler_kernel.rs, which says what it is.\n[");
    for row in table() {
        println!("{row:?},");
    }
    println!("]");
}
