//! After a round: the device plays as if nothing had been.

use std::rc::Rc;

use waverig_protocol::Program;
use waverig_protocol::scenario::{Scenario, Signal};
use waverig_signal::Generator;

use crate::user::journal::{Journal, Kept, differs};
use crate::user::{self, Target};

/// Milliseconds that are played after a round.
const USUAL: u32 = 20;

/// Plays some milliseconds and compares what comes out of the tap, if there is one.
///
/// # Errors
/// In words for people, when the device no longer does what it should.
pub(crate) fn plays(target: &Target) -> Result<(), String> {
    plays_for(target, USUAL)
}

/// As [`plays`], for so many milliseconds.
///
/// # Errors
/// As there.
pub(crate) fn plays_for(target: &Target, duration_ms: u32) -> Result<(), String> {
    let renders = target
        .cables
        .get(&1)
        .is_some_and(|one| one.render.is_some());
    if !renders {
        // A device that only records.
        return Ok(());
    }
    let usual = &target.usual;
    let client = usual.client();
    let scenario = Scenario::of(Signal::Counter, usual.format, client, duration_ms);
    let kept = Rc::<Kept>::default();
    let journal = Journal::new(Rc::clone(&kept));
    user::play(&scenario, target, None, &journal).map_err(|error| error.to_string())?;
    journal.flush();
    if !target.has_taps() {
        return Ok(());
    }
    let generator =
        Generator::new(&scenario.signal, scenario.format).map_err(|error| error.to_string())?;
    let expected = generator.bytes(0..scenario.frames());
    let heard = kept
        .captured
        .take()
        .remove(&Program::Main)
        .unwrap_or_default();
    match differs(&expected, &heard, "the tap gave") {
        Some(wrong) => Err(wrong),
        None => Ok(()),
    }
}
