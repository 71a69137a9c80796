//! Virtual time: one clock, in ticks of 100 ns, that moves only when nothing is runnable.

use std::cell::Cell;
use std::fmt;
use std::ops::{Add, Sub};

/// Ticks of the performance counter per second. Windows 10 and later report 10 MHz on machines with an invariant
/// time-stamp counter ("Acquiring high-resolution time stamps", Microsoft Learn).
pub const QPC_FREQUENCY: u64 = 10_000_000;

/// 1601-01-01 to the simulated boot, in 100 ns: 2026-01-01T00:00:00Z, so that file times look alive.
pub const SYSTEM_TIME_AT_BOOT: u64 = 134_116_992_000_000_000;

/// A moment: ticks of 100 ns since the simulated boot. Performance counter and interrupt time show the same number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Qpc(pub u64);

/// A length of time in units of 100 ns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hns(pub u64);

impl Hns {
    /// A length from milliseconds.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds * 10_000)
    }

    /// A length from microseconds.
    #[must_use]
    pub const fn from_micros(microseconds: u64) -> Self {
        Self(microseconds * 10)
    }

    /// A length from seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * QPC_FREQUENCY)
    }
}

impl Add<Hns> for Qpc {
    type Output = Qpc;
    fn add(self, length: Hns) -> Qpc {
        Qpc(self.0.saturating_add(length.0))
    }
}

impl Add for Hns {
    type Output = Hns;
    fn add(self, other: Hns) -> Hns {
        Hns(self.0.saturating_add(other.0))
    }
}

impl Sub for Qpc {
    type Output = Hns;
    /// The length between two moments; zero when the right one is later.
    fn sub(self, earlier: Qpc) -> Hns {
        Hns(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Qpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:07} s",
            self.0 / QPC_FREQUENCY,
            self.0 % QPC_FREQUENCY
        )
    }
}

impl fmt::Display for Qpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Debug for Hns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04} ms", self.0 / 10_000, self.0 % 10_000)
    }
}

impl fmt::Display for Hns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The clock of the machine.
#[derive(Debug)]
pub struct Clock {
    now: Cell<Qpc>,
}

impl Clock {
    /// A clock that shows one second after boot, so that code that subtracts from "now" has room.
    #[must_use]
    pub fn new() -> Self {
        Self {
            now: Cell::new(Qpc(QPC_FREQUENCY)),
        }
    }

    /// The present moment.
    #[inline]
    pub fn now(&self) -> Qpc {
        self.now.get()
    }

    /// The system time: 100 ns since 1601-01-01, UTC.
    pub fn system_time(&self) -> u64 {
        SYSTEM_TIME_AT_BOOT + self.now.get().0
    }

    /// Moves the clock forward to `moment`; a moment in the past leaves it alone.
    pub(crate) fn advance_to(&self, moment: Qpc) {
        self.now.set(self.now.get().max(moment));
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
