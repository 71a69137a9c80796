//! The table against its generator, and the sums against overflow.

use std::vec;

use super::*;

#[cfg(not(miri))]
#[path = "../../../examples/resampler_kernel.rs"]
mod generator;

/// Nothing but floating point, which takes Miri minutes.
#[cfg(not(miri))]
#[test]
fn the_table_is_what_its_generator_makes() {
    assert_eq!((generator::WING, generator::PHASES), (WING, PHASES));
    let made = generator::table();
    assert_eq!(made.len(), TABLE.len());
    for (row, (made, stored)) in made.iter().zip(&TABLE).enumerate() {
        for (column, (made, stored)) in made.iter().zip(stored).enumerate() {
            // Sines of different libraries may differ in their last bit.
            assert!(made.abs_diff(*stored) <= 1, "row {row}, column {column}");
        }
    }
    let last = &TABLE[PHASES][..WING - 1];
    assert_eq!(
        last,
        &TABLE[0][1..],
        "the last row is the first, one frame on"
    );
}

/// Accumulating 64 bits cannot overflow: with samples of at most 2^31 the coefficients' magnitudes may sum up to 2^32.
#[test]
fn no_signal_overflows_the_sum() {
    // Miri gets a sample.
    let mut coefficients = vec![0; 2 * WING];
    for part in (0..=u32::MAX).step_by(if cfg!(miri) { 1 << 30 } else { 1 << 22 }) {
        unscaled(part, &mut coefficients);
        let sum: u64 = coefficients
            .iter()
            .map(|c| u64::from(c.unsigned_abs()))
            .sum();
        assert!(sum < 1 << 32, "{part}: {sum}");
        let dc: i64 = coefficients.iter().map(|&c| i64::from(c)).sum();
        assert!(
            (dc - (1 << ONE_BITS)).abs() < 20_000,
            "{part}: constant becomes {dc}"
        );
    }
    for scale in [u32::MAX, 0xEB33_3333, 1 << 31, 1 << 30, 0x0AAA_AAAA] {
        let wing = (WING as u64 * (1 << 32)).div_ceil(scale.into()) as usize;
        let mut coefficients = vec![0; 2 * wing];
        for part in (0..=u32::MAX).step_by(if cfg!(miri) { 1 << 31 } else { 1 << 26 }) {
            Stretched::new(scale).coefficients(part, &mut coefficients);
            let sum: u64 = coefficients
                .iter()
                .map(|c| u64::from(c.unsigned_abs()))
                .sum();
            assert!(sum < 1 << 32, "{scale:x} {part}: {sum}");
        }
    }
}

#[test]
fn stretching_by_almost_nothing_changes_almost_nothing() {
    let (mut plain, mut stretched) = ([0; 2 * WING], [0; 2 * WING]);
    for part in [0, 1, 1 << 24, 0x1234_5678, 1 << 31, u32::MAX] {
        unscaled(part, &mut plain);
        Stretched::new(u32::MAX).coefficients(part, &mut stretched);
        for (plain, stretched) in plain.iter().zip(&stretched) {
            assert!(
                plain.abs_diff(*stretched) <= 8,
                "{part:x}: {plain} {stretched}"
            );
        }
    }
}
