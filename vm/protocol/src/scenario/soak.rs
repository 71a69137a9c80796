//! A soak: a stream that runs for days, looked at now and then.

use serde::{Deserialize, Serialize};

/// Instead of playing, the main client starts its stream and asks for positions at instants spread over days.
///
/// Up to each instant the processor is held, so that the time in between costs nothing; then the machine runs freely for a
/// while. Nothing is written and nobody reads the tap; a tap handle is open to be told the whole position, which an offset in
/// the buffer is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Soak {
    /// How long the stream runs.
    pub days: u32,
    /// How often it is looked at, each time before and after the machine has run freely.
    pub looks: u32,
    /// How long the machine runs freely at each, in milliseconds.
    pub run_ms: u32,
    /// To which rates the clock is steered, in parts per billion: the first one at the first look, and so on, again and again;
    /// at the end it is let go. Empty: not at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steer: Vec<i32>,
}

impl Soak {
    /// Ticks from the start to a look, counted from 1, of a counter with `frequency` ticks per second. The distances are
    /// odd, so that no look falls on a round number of anything.
    pub fn look(&self, number: u32, frequency: u64) -> u64 {
        let ticks = u64::from(self.days) * 86_400 * frequency;
        let even = ticks / u64::from(self.looks.max(1)) * u64::from(number);
        even + u64::from(number).pow(2) * 7_919 % 1_000_003
    }
}
