//! The limits a scenario is judged by. The defaults are for the simulator, where nothing but the driver's own timer
//! takes time; [`Limits::in_real_time`] is what they are where other things do.

use serde::Deserialize;
use waverig_protocol::noise::Time;
use waverig_protocol::scenario::Scenario;

use crate::units::{Decibels, Frames, Nanos, Ppm};

/// What is still right. A scenario file changes single limits in its `[limits]` table.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How far a reported position may be from the stream's clock.
    pub position: Frames,
    /// How much before it falls due something may seem to come: a program notes what it did when the call has returned.
    #[serde(skip)]
    pub early: Nanos,
    /// How late a notification may be after its packet boundary.
    pub notification_late: Nanos,
    /// How old a presentation position may be when the client is told it.
    pub presentation_age: Nanos,
    /// How far the time of a tap block may be from the clock's time of its first frame.
    pub tap_time: Nanos,
    /// How long after its last frame fell due a tap block may arrive.
    pub tap_latency: Nanos,
    /// How long after something happened the driver may record it.
    #[serde(skip)]
    pub recorded: Nanos,
    /// How far the slope of the position over time may be from the nominal rate.
    pub drift: Ppm,
    /// How far notifications and positions may be from their golden times.
    pub golden_time: Nanos,
    /// How far a sine's level may be from what was played.
    pub tone_level: Decibels,
    /// How far a sine's frequency may be from what was played.
    pub tone_frequency: Ppm,
    /// How far below a sine's level a recording at another rate may be off.
    pub record_error: Decibels,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            position: Frames(0),
            early: Nanos(0),
            notification_late: Nanos(1_000_000),
            presentation_age: Nanos(1_000_000),
            tap_time: Nanos(1_000),
            tap_latency: Nanos(2_000_000),
            recorded: Nanos(1_000_000),
            drift: Ppm(10.0),
            golden_time: Nanos(1_000_000),
            tone_level: Decibels(0.01),
            tone_frequency: Ppm(1.0),
            record_error: Decibels(100.0),
        }
    }
}

/// What a real machine may take of any time beside the driver: how late a program may be told, or note what it was told. A timer of the
/// highest resolution ends within about this after its time ("High-Resolution Timers", learn.microsoft.com/windows-hardware/drivers/kernel).
/// Where a machine's own timers are later, its times say nothing of the driver.
pub(crate) const MACHINE: Nanos = Nanos(1_000_000);

/// How far a position may be from the clock: the Hardware Lab Kit's bias (Device.Audio.Base.SamplePositionAccuracy).
const BIAS: Nanos = Nanos(1_000_000);

impl Limits {
    /// The same for a machine of that time: on a real one, what the driver may take, and [`MACHINE`] on top. What is no time stays.
    #[must_use]
    pub fn on(self, time: Time, scenario: &Scenario) -> Self {
        match time {
            Time::Virtual => self,
            Time::Real => self.in_real_time(scenario),
        }
    }

    fn in_real_time(self, scenario: &Scenario) -> Self {
        let more = |limit: Nanos| Nanos(limit.0.saturating_add(MACHINE.0));
        let off = i128::from(BIAS.0 + MACHINE.0) * i128::from(scenario.format.rate);
        let frames = u64::try_from(off / 1_000_000_000 + 1).unwrap_or(u64::MAX);
        // A position that is told so much off at one end of a stream tilts its line so much.
        let nanos = f64::from(scenario.duration_ms.max(1)) * 1e6;
        Self {
            position: Frames(self.position.0.saturating_add(frames)),
            early: more(self.early),
            notification_late: more(self.notification_late),
            presentation_age: more(self.presentation_age),
            tap_time: more(self.tap_time),
            tap_latency: more(self.tap_latency),
            recorded: more(self.recorded),
            golden_time: more(self.golden_time),
            drift: Ppm(self.drift.0 + MACHINE.0 as f64 / nanos * 1e6),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scenario;

    #[test]
    fn a_real_machine_is_given_what_it_takes_itself_and_virtual_time_nothing() {
        // 2 s at 48 kHz.
        let file = scenario("sine-16bit-event");
        let own = file.limits.on(Time::Virtual, &file.scenario);
        assert_eq!(own, file.limits);
        let real = file.limits.on(Time::Real, &file.scenario);
        let expect = Limits {
            position: Frames(97),
            early: Nanos(1_000_000),
            notification_late: Nanos(2_000_000),
            presentation_age: Nanos(2_000_000),
            tap_time: Nanos(1_001_000),
            tap_latency: Nanos(3_000_000),
            recorded: Nanos(2_000_000),
            golden_time: Nanos(2_000_000),
            drift: Ppm(510.0),
            ..Limits::default()
        };
        assert_eq!(real, expect);
    }
}
