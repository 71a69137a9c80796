//! Faults of the clock, each one that a public driver has had or that steering invites. They know the simulator's counter of
//! 10 MHz.

use super::{Deliberate, is};
use waverig_engine::{Ppb, Qpc};

/// Ticks in a millisecond.
const MS: i64 = 10_000;

/// What the stream takes for the time.
///
/// `millisecond-clock`: whole milliseconds. `32-bit-clock`: the counter's lower half. `steer-jump`: a millisecond
/// ahead while the clock is steered.
pub(crate) fn now(now: Qpc, target: Ppb) -> Qpc {
    if is(Deliberate::MillisecondClock) {
        return Qpc(now.0 / MS * MS);
    }
    if is(Deliberate::ClockOf32Bits) {
        return Qpc(now.0 & 0xFFFF_FFFF);
    }
    if is(Deliberate::SteerJump) && target != Ppb::ZERO {
        return Qpc(now.0.saturating_add(MS));
    }
    now
}
