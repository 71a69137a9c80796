//! Programs that want one pin, and a device that goes under several cables: doctored runs.

use waverig_protocol::Program;
use waverig_protocol::timeline::{Event, Stamped};

use super::Row;
use super::Verdict::{Failed, NotProven};
use crate::evidence::Evidence;

const RACE: &str = "pin-race";
const GONE: &str = "removal-cables";

fn refused(event: &Event) -> bool {
    matches!(event, Event::Refused { .. })
}

fn opened(event: &Event) -> bool {
    matches!(event, Event::Opened { .. })
}

/// Where the first event of a program stands that a pattern picks out.
fn at(evidence: &Evidence, program: Program, picks: fn(&Event) -> bool) -> usize {
    let mut all = evidence.timeline.iter();
    let found = all.position(|each| each.program == program && picks(&each.event));
    found.expect("the program has such an event")
}

/// An event of a program is moved to the time of another.
fn moved(evidence: &mut Evidence, from: usize, to: usize) {
    let mut event = evidence.timeline.remove(from);
    event.qpc = evidence.timeline[to].qpc;
    evidence.timeline.insert(to, event);
}

/// One more event at the end of the run.
fn last(evidence: &mut Evidence, program: Program, event: Event) {
    let qpc = evidence.timeline[evidence.timeline.len() - 1].qpc;
    evidence.timeline.push(Stamped {
        program,
        ..Stamped::new(qpc, event)
    });
}

fn refusal() -> Event {
    Event::Refused {
        request: "open-pin".into(),
        status: 0xC000_009A,
    }
}

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    ("a refusal with another status", RACE, |e, _| { let at = at(e, Program::Player(1), refused); if let Event::Refused { status, .. } = &mut e.timeline[at].event { *status = 0xC000_00BB; } },
        "pin of player-1", Failed, "it was refused with 0xc00000bb instead of STATUS_INSUFFICIENT_RESOURCES"),
    ("a pin that two programs have", RACE, |e, _| { let (from, to) = (at(e, Program::Player(2), opened), at(e, Program::Player(1), refused)); moved(e, from, to); },
        "pin of player-2", Failed, "it was given a pin that main had"),
    ("a refusal while nobody has the pin", RACE, |e, _| last(e, Program::Player(4), refusal()),
        "pin of player-4", Failed, "it was refused a pin that nobody had"),
    ("a program that got a pin it must not have", RACE, |e, _| { let at = at(e, Program::Player(1), refused); e.timeline[at].event = Event::Opened { buffer_frames: 960, packet_frames: 480 }; },
        "pin of player-1", Failed, "it was given a pin that main had"),
    ("a recorder's pin that two have", RACE, |e, _| { let (from, to) = (at(e, Program::Recorder(3), opened), at(e, Program::Recorder(2), refused)); moved(e, from, to); },
        "pin of recorder-3", Failed, "it was given a pin that recorder-1 had"),
    ("a program that need not wait", RACE, |e, _| e.timeline.retain(|s| !(s.program == Program::Player(2) && refused(&s.event))),
        "pin of player-2", NotProven, "the pin was free"),
    ("a tap of another cable whose read is kept", GONE, |e, _| e.timeline.retain(|s| !(s.program == Program::TapClient(2) && refused(&s.event))),
        "device-life", Failed, "no read that tap-client-2 had pended was refused"),
    ("a notification of another cable of a device that is gone", GONE, |e, _| last(e, Program::Player(2), Event::Notified),
        "device-life", Failed, "player-2 was told something"),
    ("a recorder's position that is not steered", "record-steer", |e, _| for s in &mut e.timeline { if let (Program::Recorder(1), Event::Position { frames }) = (s.program, &mut s.event) && *frames > 40_000 { *frames -= 8; } },
        "position-clock of recorder-1", Failed, "the position told was -8 frames off"),
    ("a recorder that counts on through a sleep", "sleep-recorders", |e, _| for s in &mut e.timeline { if let (Program::Recorder(2), Event::Position { frames }) = (s.program, &mut s.event) && *frames > 20_000 { *frames += 220_632; } },
        "position-clock of recorder-2", Failed, "the position told was +220632 frames off"),
    ("a stream that begins at the time of D3", "power-down-idle", |e, _| for s in &mut e.timeline { if let (Program::Player(1), Event::Position { frames }) = (s.program, &mut s.event) { *frames += 2_736; } },
        "position-clock of player-1", Failed, "the position told was +2736 frames off"),
];
