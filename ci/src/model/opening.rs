//! Programs that have to wait for their pins, or get none: what they are told, and when those start that are patient. A perfect
//! machine closes a pin in the millisecond in which its program stops.

use waverig_protocol::Program;
use waverig_protocol::scenario::Opening;
use waverig_protocol::timeline::{Event, Stamped};

use super::moment;
use crate::scenario::ScenarioFile;

/// `STATUS_INSUFFICIENT_RESOURCES` (ntstatus.h).
const ALL_OPEN: u32 = 0xC000_009A;

fn refusal(program: Program, ms: u32) -> Stamped {
    let event = Event::Refused {
        request: "open-pin".into(),
        status: ALL_OPEN,
    };
    Stamped {
        program,
        ..Stamped::new(moment(ms), event)
    }
}

/// The scenario with the times at which its programs get their pins, and what those were told that asked in vain.
pub(super) fn resolved(file: &ScenarioFile) -> (ScenarioFile, Vec<Stamped>) {
    let mut file = file.clone();
    let mut refusals = Vec::new();
    let scenario = &mut file.scenario;
    // When the one before stops: a scenario says so of those for whom somebody waits.
    let mut free = scenario.stop_ms.unwrap_or(0) + 1;
    for (number, player) in (1..).zip(&mut scenario.players) {
        let program = Program::Player(number);
        match player.open {
            Opening::Refused => refusals.push(refusal(program, player.start_ms)),
            Opening::Patient => {
                refusals.extend((player.start_ms..free).map(|ms| refusal(program, ms)));
                player.start_ms = player.start_ms.max(free);
            }
            Opening::AtOnce => {}
        }
        if let Some(stop) = player.stop_ms {
            free = stop + 1;
        }
    }
    free = 0;
    for (number, recorder) in (1..).zip(&mut scenario.recorders) {
        let program = Program::Recorder(number);
        match recorder.open {
            Opening::Refused => {
                refusals.push(refusal(program, recorder.start_ms));
                continue;
            }
            Opening::Patient => {
                refusals.extend((recorder.start_ms..free).map(|ms| refusal(program, ms)));
                recorder.start_ms = recorder.start_ms.max(free);
            }
            Opening::AtOnce => {}
        }
        free = recorder.stop_ms + 1;
    }
    (file, refusals)
}
