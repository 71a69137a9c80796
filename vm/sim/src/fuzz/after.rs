//! After a round: the device plays as if nothing had been.

use std::rc::Rc;

use waverig_protocol::Program;
use waverig_protocol::scenario::{Client, Format, Sample, Scenario, Signal};
use waverig_signal::Generator;

use crate::user::journal::{Journal, Kept, differs};
use crate::user::{self, Target};

/// Milliseconds that are played after a round.
const USUAL: u32 = 20;

/// Plays some milliseconds and compares what comes out of the tap.
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
    let format = Format {
        rate: 48_000,
        // However the device is set up, it has one.
        channels: 1,
        sample: Sample::Pcm24,
    };
    let client = Client::EventDriven { packet_frames: 96 };
    let scenario = Scenario::of(Signal::Counter, format, client, duration_ms);
    let kept = Rc::<Kept>::default();
    let journal = Journal::new(Rc::clone(&kept));
    user::play(&scenario, target, None, &journal).map_err(|error| error.to_string())?;
    journal.flush();
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
