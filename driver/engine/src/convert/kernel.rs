//! The resampler's filter: coefficients for any distance from its centre, out of a table with interpolation.
//!
//! `examples/resampler_kernel.rs` says what the filter is and makes the table; a test makes it anew and compares.

/// Frames of the lower rate on each side of the centre: the filter's length is twice that.
pub(super) const WING: usize = 32;
/// Rows of the table per frame: 2^8.
const PHASES: usize = 1 << PHASE_BITS;
const PHASE_BITS: u32 = 8;
/// Bits of a fraction between two rows.
const FRACTION_BITS: u32 = 24;
const FRACTION: i64 = 1 << FRACTION_BITS;

/// Row `r`, column `k`: the filter at `k + r / PHASES` frames from its centre, in units of 2^-30.
#[rustfmt::skip]
static TABLE: [[i32; WING]; PHASES + 1] = include!("kernel.in");

/// What a coefficient of 1 is.
pub(super) const ONE_BITS: u32 = 30;

/// Coefficients for an output frame that lies `part` · 2^-32 of an input frame behind the middle one: the first of `out` is
/// for the input frame `WING - 1` before the middle, the last one for `WING` behind it. For equal or higher output rates.
pub(super) fn unscaled(part: u32, out: &mut [i32]) {
    let row = (part >> FRACTION_BITS) as usize;
    let fraction = i64::from(part) & FRACTION.wrapping_sub(1);
    let mirrored = PHASES.saturating_sub(1).saturating_sub(row);
    let Some((before, behind)) = out.split_at_mut_checked(WING) else {
        return;
    };
    between(row, fraction, before.iter_mut().rev());
    between(mirrored, FRACTION.wrapping_sub(fraction), behind.iter_mut());
}

/// Row `row` + `fraction`, column by column.
fn between<'a>(row: usize, fraction: i64, out: impl Iterator<Item = &'a mut i32>) {
    let Some([low, high]) = TABLE.get(row..).and_then(<[_]>::first_chunk::<2>) else {
        return;
    };
    for (out, (low, high)) in out.zip(low.iter().zip(high)) {
        *out = interpolate(*low, *high, fraction);
    }
}

fn interpolate(low: i32, high: i32, fraction: i64) -> i32 {
    let (low, high) = (i64::from(low), i64::from(high));
    let step = high.wrapping_sub(low).wrapping_mul(fraction);
    // Between the two of them, so it fits.
    low.wrapping_add(step >> FRACTION_BITS) as i32
}

/// A filter stretched for an output rate below the input's: `scale` · 2^-32 output frames lie in an input frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretched {
    scale: u32,
}

impl Stretched {
    /// `scale` is below 1 (2^32).
    pub(super) fn new(scale: u32) -> Self {
        Self { scale }
    }

    /// As [`unscaled`]; `out` has twice as many places as the filter's wing has input frames.
    pub(super) fn coefficients(self, part: u32, out: &mut [i32]) {
        let wing = (out.len() / 2).saturating_sub(1) as i64;
        // Distances in rows of the table, 2^-32 of them.
        let scale = i64::from(self.scale);
        let step = scale << PHASE_BITS;
        let ahead = u64::from(self.scale).wrapping_mul(part.into()) >> (32 - PHASE_BITS);
        let mut at = step.wrapping_mul(wing).wrapping_add_unsigned(ahead);
        for out in out {
            let distance = at.unsigned_abs();
            let row = (distance >> 32) as usize;
            let (column, row) = (row >> PHASE_BITS, row & PHASES.saturating_sub(1));
            let fraction = (distance >> 8) as i64 & FRACTION.wrapping_sub(1);
            let value = |row: usize| {
                let row = TABLE.get(row);
                row.and_then(|row| row.get(column)).copied().unwrap_or(0)
            };
            let whole = interpolate(value(row), value(row.saturating_add(1)), fraction);
            *out = (i64::from(whole).wrapping_mul(scale) >> 32) as i32;
            at = at.wrapping_sub(step);
        }
    }
}

#[cfg(test)]
mod tests;
