//! Quantities with their units. A number without a unit never crosses a module's border.

use core::num::{NonZeroI64, NonZeroU32, NonZeroU64, NonZeroU128};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// Nothing of it.
            pub const ZERO: Self = Self(0);

            /// The sum, or the nearest value that fits.
            #[must_use]
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// The difference, or the nearest value that fits (0 for quantities without a sign).
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }
    };
}

quantity! {
    /// A number of audio frames, or the index of one. 64 bits last three million years at 192 kHz.
    Frames(u64)
}
quantity! {
    /// A span of time in units of 100 ns, as the WDK calls it.
    Hns(i64)
}
quantity! {
    /// A reading of the performance counter (`KeQueryPerformanceCounter`), in ticks.
    Qpc(i64)
}

quantity! {
    /// A deviation from the nominal rate in parts per billion; above 0 is faster.
    Ppb(i32)
}
quantity! {
    /// A reading of a cable's own clock (see [`DeviceClock`](crate::DeviceClock)), in 1e-9 ticks of the performance counter.
    DeviceTime(i128)
}

/// 100 ns units in a second.
const HNS_PER_SECOND: u64 = 10_000_000;

/// The product of any two 64-bit numbers fits into 128 bits.
fn product(a: u64, b: u64) -> u128 {
    u128::from(a).saturating_mul(u128::from(b))
}

/// `a · b / c`, rounded down, computed in 128 bits; `u64::MAX` when it does not fit.
pub(crate) fn mul_div_floor(a: u64, b: u64, c: NonZeroU64) -> u64 {
    let quotient = product(a, b) / NonZeroU128::from(c);
    u64::try_from(quotient).unwrap_or(u64::MAX)
}

/// `a · b / c`, rounded up, computed in 128 bits; `u64::MAX` when it does not fit.
pub(crate) fn mul_div_ceil(a: u64, b: u64, c: NonZeroU64) -> u64 {
    let quotient = product(a, b).div_ceil(u128::from(c.get()));
    u64::try_from(quotient).unwrap_or(u64::MAX)
}

/// Frames per second; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameRate(NonZeroU32);

impl FrameRate {
    /// The highest rate taken, in hertz: above it no format of Windows lies.
    pub const MAX: u32 = 1_000_000;

    /// A rate in hertz; `None` for 0 and above [`Self::MAX`].
    #[must_use]
    pub const fn new(hertz: u32) -> Option<Self> {
        match NonZeroU32::new(hertz) {
            Some(rate) if hertz <= Self::MAX => Some(Self(rate)),
            _ => None,
        }
    }

    /// Frames per second.
    #[must_use]
    pub const fn hertz(self) -> u32 {
        self.0.get()
    }

    /// How long so many frames last, rounded up.
    #[must_use]
    pub fn time(self, frames: Frames) -> Hns {
        let hns = mul_div_ceil(frames.0, HNS_PER_SECOND, self.divisor());
        Hns(i64::try_from(hns).unwrap_or(i64::MAX))
    }

    pub(crate) fn divisor(self) -> NonZeroU64 {
        self.0.into()
    }
}

/// Ticks of the performance counter per second; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QpcFrequency(NonZeroI64);

impl QpcFrequency {
    /// A frequency in ticks per second; `None` unless it is above 0.
    #[must_use]
    pub const fn new(ticks: i64) -> Option<Self> {
        match NonZeroI64::new(ticks) {
            Some(frequency) if ticks > 0 => Some(Self(frequency)),
            _ => None,
        }
    }

    /// Ticks per second.
    #[must_use]
    pub const fn ticks(self) -> i64 {
        self.0.get()
    }

    pub(crate) fn divisor(self) -> NonZeroU64 {
        self.0.unsigned_abs()
    }
}

impl Qpc {
    /// The time from `earlier` to here in 100 ns, rounded down; 0 when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self, frequency: QpcFrequency) -> Hns {
        let ticks = self.ticks_after(earlier);
        let hns = mul_div_floor(ticks, HNS_PER_SECOND, frequency.divisor());
        Hns(i64::try_from(hns).unwrap_or(i64::MAX))
    }

    /// Ticks from `earlier` to here, 0 when `earlier` is later.
    pub(crate) fn ticks_after(self, earlier: Self) -> u64 {
        if self > earlier {
            self.0.abs_diff(earlier.0)
        } else {
            0
        }
    }
}

impl DeviceTime {
    /// In whole ticks, rounded down and saturating, and what is left in 1e-9 ticks.
    #[must_use]
    pub fn ticks(self) -> (i64, u32) {
        const UNITS: i128 = 1_000_000_000;
        let ticks = self.0.div_euclid(UNITS);
        let most = if ticks < 0 { i64::MIN } else { i64::MAX };
        let rest = self.0.rem_euclid(UNITS);
        (
            i64::try_from(ticks).unwrap_or(most),
            u32::try_from(rest).unwrap_or(0),
        )
    }
}

impl Hns {
    /// The same span in ticks of the performance counter, rounded up; 0 for negative spans.
    #[must_use]
    pub fn to_qpc(self, frequency: QpcFrequency) -> Qpc {
        let hns = u64::try_from(self.0).unwrap_or(0);
        const SECOND: NonZeroU64 = NonZeroU64::new(HNS_PER_SECOND).unwrap();
        let ticks = mul_div_ceil(hns, frequency.divisor().get(), SECOND);
        Qpc(i64::try_from(ticks).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_round_as_documented() {
        let ten_mhz = QpcFrequency::new(10_000_000).unwrap();
        let acpi = QpcFrequency::new(3_579_545).unwrap();
        assert_eq!(Hns(10_000).to_qpc(ten_mhz), Qpc(10_000));
        assert_eq!(Hns(1).to_qpc(acpi), Qpc(1));
        assert_eq!(Hns(-5).to_qpc(ten_mhz), Qpc(0));
        assert_eq!(Qpc(3_579_545).since(Qpc(0), acpi), Hns(10_000_000));
        assert_eq!(Qpc(1).since(Qpc(2), acpi), Hns(0));
    }

    #[test]
    fn device_time_splits_at_the_tick_below() {
        for (units, expect) in [
            (0, (0, 0)),
            (1_999_999_999, (1, 999_999_999)),
            (-1, (-1, 999_999_999)),
            (i128::from(i64::MAX) * 1_000_000_000 + 5, (i64::MAX, 5)),
        ] {
            assert_eq!(DeviceTime(units).ticks(), expect, "{units}");
        }
        assert_eq!(DeviceTime(i128::MIN).ticks().0, i64::MIN);
    }

    #[test]
    fn extremes_saturate() {
        let slow = QpcFrequency::new(1).unwrap();
        assert_eq!(Qpc(i64::MAX).since(Qpc(i64::MIN), slow), Hns(i64::MAX));
        let fast = QpcFrequency::new(i64::MAX).unwrap();
        assert_eq!(Hns(i64::MAX).to_qpc(fast), Qpc(i64::MAX));
        assert_eq!(FrameRate::new(0), None);
        assert_eq!(FrameRate::new(FrameRate::MAX + 1), None);
        assert_eq!(QpcFrequency::new(0), None);
        assert_eq!(QpcFrequency::new(-1), None);
        assert_eq!(Frames(1).saturating_sub(Frames(2)), Frames::ZERO);
    }
}
