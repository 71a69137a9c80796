//! This host's monotonic clock, in nanoseconds since some moment: the one in whose time the tap tells when its frames were due. Nothing here
//! ever sets a clock.

/// A moment of the monotonic clock, in nanoseconds.
pub type Local = i64;

pub use here::now;

#[cfg(windows)]
pub use here::of_ticks;

#[cfg(not(windows))]
mod here {
    use std::sync::LazyLock;
    use std::time::Instant;

    use super::Local;

    /// So that a moment shortly before the first one is above 0, too.
    const BEFORE: i64 = 1_000_000_000_000;

    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);

    /// Now.
    #[must_use]
    pub fn now() -> Local {
        BEFORE + i64::try_from(FIRST.elapsed().as_nanos()).unwrap_or(i64::MAX - BEFORE)
    }
}

#[cfg(windows)]
mod here {
    #![allow(unsafe_code, reason = "two calls of Windows, with places of our own")]

    use std::sync::LazyLock;

    use windows::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};

    use super::Local;

    /// Ticks a second; fixed while the machine runs ("QueryPerformanceFrequency").
    static FREQUENCY: LazyLock<i64> = LazyLock::new(|| {
        let mut frequency = 0;
        // SAFETY: the place is this function's. It does not fail since Windows XP, says the same page.
        let _ = unsafe { QueryPerformanceFrequency(&mut frequency) };
        frequency.max(1)
    });

    /// Now.
    #[must_use]
    pub fn now() -> Local {
        let mut ticks = 0;
        // SAFETY: the place is this function's.
        let _ = unsafe { QueryPerformanceCounter(&mut ticks) };
        of_ticks(ticks)
    }

    /// When the performance counter stands there.
    #[must_use]
    pub fn of_ticks(ticks: i64) -> Local {
        let ns = i128::from(ticks) * 1_000_000_000 / i128::from(*FREQUENCY);
        i64::try_from(ns).unwrap_or(i64::MAX)
    }
}
