//! Faults of the clock, each one that a public driver has had or that steering invites. They know the simulator's counter of
//! 10 MHz.

use waverig_engine::{Ppb, Qpc};

/// Ticks in a millisecond.
const MS: i64 = 10_000;

/// What the stream takes for the time.
///
/// `fault-millisecond-clock`: whole milliseconds. `fault-32-bit-clock`: the counter's lower half. `fault-steer-jump`: a millisecond
/// ahead while the clock is steered.
pub(crate) fn now(now: Qpc, target: Ppb) -> Qpc {
    if cfg!(feature = "fault-millisecond-clock") {
        return Qpc(now.0 / MS * MS);
    }
    if cfg!(feature = "fault-32-bit-clock") {
        return Qpc(now.0 & 0xFFFF_FFFF);
    }
    if cfg!(feature = "fault-steer-jump") && target != Ppb::ZERO {
        return Qpc(now.0.saturating_add(MS));
    }
    now
}

/// `fault-keep-rate`: whether the clock keeps its rate when the handle that steered it is closed.
pub(crate) const fn keeps_rate() -> bool {
    cfg!(feature = "fault-keep-rate")
}
