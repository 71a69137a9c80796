//! After a round: the device plays as if nothing had been.

use std::cell::RefCell;
use std::rc::Rc;

use waverig_protocol::Program;
use waverig_protocol::scenario::{Client, Format, Sample, Scenario, Signal};
use waverig_protocol::timeline::Stamped;
use waverig_signal::Generator;

use crate::user::journal::{Journal, Sink};
use crate::user::{self, Target};

/// Keeps what came out of the tap.
#[derive(Clone, Default)]
struct Kept(Rc<RefCell<Vec<u8>>>);

impl Sink for Kept {
    fn events(&self, _: Vec<Stamped>) {}

    fn capture(&self, _: Program, _: u64, bytes: Vec<u8>) {
        self.0.borrow_mut().extend(bytes);
    }
}

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
    let kept = Kept::default();
    let journal = Journal::new(kept.clone());
    user::play(&scenario, target, None, &journal).map_err(|error| error.to_string())?;
    journal.flush();
    let generator =
        Generator::new(&scenario.signal, scenario.format).map_err(|error| error.to_string())?;
    let expected = generator.bytes(0..scenario.frames());
    let heard = kept.0.take();
    if heard.starts_with(&expected) {
        return Ok(());
    }
    let same = heard
        .iter()
        .zip(&expected)
        .take_while(|(a, b)| a == b)
        .count();
    Err(format!(
        "of {} bytes that were played {} came out of the tap, the first {same} of them right",
        expected.len(),
        heard.len()
    ))
}
