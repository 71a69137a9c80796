//! The limits a scenario is judged by. The defaults are for the simulator, where nothing but the driver's own timer
//! takes time.

use serde::Deserialize;

use crate::units::{Decibels, Frames, Nanos, Ppm};

/// What is still right. A scenario file changes single limits in its `[limits]` table.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How far a reported position may be from the stream's clock.
    pub position: Frames,
    /// How late a notification may be after its packet boundary.
    pub notification_late: Nanos,
    /// How old a presentation position may be when the client is told it.
    pub presentation_age: Nanos,
    /// How far the time of a tap block may be from the clock's time of its first frame.
    pub tap_time: Nanos,
    /// How long after its last frame fell due a tap block may arrive.
    pub tap_latency: Nanos,
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
            notification_late: Nanos(1_000_000),
            presentation_age: Nanos(1_000_000),
            tap_time: Nanos(1_000),
            tap_latency: Nanos(2_000_000),
            drift: Ppm(10.0),
            golden_time: Nanos(1_000_000),
            tone_level: Decibels(0.01),
            tone_frequency: Ppm(1.0),
            record_error: Decibels(100.0),
        }
    }
}
