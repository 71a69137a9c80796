//! IEEE 754 single precision to fixed point and back with integer instructions only: nothing at `DISPATCH_LEVEL` may depend on
//! the state of a floating point unit.

/// Bits of the mantissa that are stored.
const MANTISSA_BITS: u32 = 23;
/// The exponent field of 1.0.
const BIAS: u32 = 127;
/// The exponent field of infinities and NaN.
const SPECIAL: u32 = 0xFF;
/// The bit of the mantissa that is not stored.
const IMPLICIT: u32 = 1 << MANTISSA_BITS;

/// The number with these bits in units of 2^-31: rounded to the nearest, ties to even, and clamped to ±1. NaN is 0; so is
/// whatever is smaller than half a unit, denormals among it.
pub(super) fn to_fixed(bits: u32) -> i32 {
    let exponent = bits >> MANTISSA_BITS & SPECIAL;
    let mantissa = bits & IMPLICIT.wrapping_sub(1);
    let negative = bits >> 31 != 0;
    if exponent == SPECIAL && mantissa != 0 {
        return 0;
    }
    if exponent >= BIAS {
        return if negative { i32::MIN } else { i32::MAX };
    }
    // mantissa · 2^(exponent − 127 − 23) in units of 2^-31: · 2^(exponent − 119). Below 1 this fits into 31 bits.
    let whole = mantissa | IMPLICIT;
    let magnitude = match exponent.checked_sub(119) {
        Some(up) => whole.unbounded_shl(up),
        None => round_shr(whole, 119u32.wrapping_sub(exponent)),
    };
    let magnitude = magnitude.cast_signed();
    if negative {
        magnitude.wrapping_neg()
    } else {
        magnitude
    }
}

/// The nearest number to `value` · 2^-31, ties to even. Values of 25 significant bits and less are exact.
pub(super) fn from_fixed(value: i32) -> u32 {
    let magnitude = value.unsigned_abs();
    if magnitude == 0 {
        return 0;
    }
    let sign = value.cast_unsigned() & 1 << 31;
    let zeros = magnitude.leading_zeros();
    // With the highest bit at 31 the value is 1.x · 2^(−zeros); 8 bits below the mantissa are rounded away.
    let mantissa = round_shr(magnitude.unbounded_shl(zeros), 8);
    // A carry out of the mantissa raises the exponent, which is what adding does.
    let exponent = BIAS.wrapping_sub(1).wrapping_sub(zeros);
    sign | (exponent << MANTISSA_BITS).wrapping_add(mantissa)
}

/// `value / 2^by` to the nearest, ties to even.
fn round_shr(value: u32, by: u32) -> u32 {
    if by > 32 {
        return 0;
    }
    let value = u64::from(value);
    let odd = value.unbounded_shr(by) & 1;
    let half = 1u64.unbounded_shl(by).wrapping_shr(1);
    // by = 0: nothing to round.
    let bias = half.saturating_sub(1).wrapping_add(odd & u64::from(by > 0));
    value.wrapping_add(bias).unbounded_shr(by) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stream::tests::config;

    const ONE: f64 = (1u64 << 31) as f64;
    /// One step of a fixed number; a power would not be exact on every machine, and is not under Miri.
    const STEP: f32 = 1.0 / (1u32 << 31) as f32;

    /// What [`to_fixed`] must give, in floating point.
    fn reference(number: f32) -> i32 {
        if number.is_nan() {
            return 0;
        }
        let scaled = (f64::from(number) * ONE).round_ties_even();
        scaled.clamp(f64::from(i32::MIN), f64::from(i32::MAX)) as i32
    }

    fn check(number: f32) {
        assert_eq!(
            to_fixed(number.to_bits()),
            reference(number),
            "{number:e} {:08x}",
            number.to_bits()
        );
    }

    #[test]
    fn special_numbers_are_what_is_documented() {
        for (number, expect) in [
            (0.0, 0),
            (-0.0, 0),
            (1.0, i32::MAX),
            (-1.0, i32::MIN),
            (1.5, i32::MAX),
            (-1e30, i32::MIN),
            (0.5, 1 << 30),
            (f32::INFINITY, i32::MAX),
            (f32::NEG_INFINITY, i32::MIN),
            (f32::NAN, 0),
            (-f32::NAN, 0),
            (f32::MIN_POSITIVE, 0),
            (f32::from_bits(1), 0),
            (STEP, 1),
            (STEP / 2.0, 0),
            (1.5 * STEP, 2),
            (-2.5 * STEP, -2),
        ] {
            assert_eq!(to_fixed(number.to_bits()), expect, "{number:e}");
            check(number);
        }
        assert_eq!(from_fixed(i32::MIN), (-1f32).to_bits());
        assert_eq!(from_fixed(i32::MAX), 1f32.to_bits());
        assert_eq!(from_fixed(0), 0);
    }

    #[test]
    fn every_exponent_rounds_like_floating_point() {
        for exponent in 0..=SPECIAL {
            for mantissa in [0, 1, 2, 3, 0x3F_FFFF, 0x40_0000, 0x55_5555, 0x7F_FFFF] {
                for sign in [0, 1 << 31] {
                    check(f32::from_bits(sign | exponent << MANTISSA_BITS | mantissa));
                }
            }
        }
    }

    proptest! {
        #![proptest_config(config(5_000))]
        #[test]
        fn any_bits_become_the_nearest_value(bits: u32, near_one in 90u32..128) {
            check(f32::from_bits(bits));
            check(f32::from_bits(bits & 0x807F_FFFF | near_one << MANTISSA_BITS));
        }

        #[test]
        fn any_value_becomes_the_nearest_number(value: i32, less in 0u32..32) {
            let value = value >> less;
            let number = f32::from_bits(from_fixed(value));
            // An integer converts to float in IEEE's way, and the division by a power of two is exact.
            prop_assert_eq!(number, value as f32 / ONE as f32);
            if value.unsigned_abs() < 1 << 24 {
                prop_assert_eq!(to_fixed(number.to_bits()), value);
            }
        }
    }
}
