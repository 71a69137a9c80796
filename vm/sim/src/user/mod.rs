//! The programs of the simulated machine: audio clients that play, and the client that reads the tap.
//!
//! Each speaks to the driver as a Windows program would: through handles, KS properties and I/O controls.

mod client;
mod event_driven;
mod feed;
pub(crate) mod format;
pub(crate) mod journal;
pub(crate) mod ks;
mod pin;
mod polling;
mod processor;
pub(crate) mod record;
mod tap;
#[cfg(test)]
pub(crate) mod tests;
mod unroll;

use std::fmt;

use waverig_protocol::scenario::{Client, Scenario};
use waverig_signal::Generator;

use client::Playing;
use journal::Journal;

/// Why a program could not go on: what it did, and what the driver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserError(pub(crate) String);

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UserError {}

/// Where the programs find the device.
#[derive(Debug, Clone)]
pub struct Target {
    /// Symbolic link of the wave filter's interface.
    pub wave: String,
    /// The pin that is played to.
    pub pin: u32,
    /// Symbolic link of the tap's interface.
    pub tap: String,
}

/// Plays `scenario` to its end: opens the tap, plays, drains, stops, closes, and waits for the tap's last block.
///
/// # Errors
/// A sentence for people when a program cannot go on; everything that was seen until then is in the journal.
pub fn play(scenario: &Scenario, target: &Target, journal: &Journal) -> Result<(), UserError> {
    let generator = Generator::new(&scenario.signal, scenario.format)
        .map_err(|error| UserError(error.to_string()))?;
    let tap = tap::Tap::open(&target.tap, scenario, journal.clone())?;
    let playing = Playing::open(scenario, target, generator, journal.clone())?;
    let played = match scenario.client {
        Client::EventDriven { .. } => event_driven::run(playing),
        Client::Polling { interval_ms, .. } => polling::run(playing, interval_ms),
    };
    // The tap's client is stopped in order even when the audio client could not go on.
    let tapped = tap.finish(played.is_ok());
    played.and(tapped)
}
