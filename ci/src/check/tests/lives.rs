//! Streams that stop and run again, on the same pin or on a new one: doctored runs.

use waverig_protocol::Program;
use waverig_protocol::timeline::{Event, Stamped};

use super::Row;
use super::Verdict::Failed;
use super::doctor::{FRAME, counted, position, recording};
use crate::evidence::{Evidence, Piece};

const AGAIN: &str = "again-event";
const PACKET: &str = "again-packet";
const RECORDED: &str = "record-again";
const SECOND: Program = Program::Player(1);

/// Edits the first event of a program that a pattern picks out.
fn first(
    evidence: &mut Evidence,
    program: Program,
    picks: fn(&Event) -> bool,
    edit: impl FnOnce(&mut Event),
) {
    let mut all = evidence.timeline.iter_mut();
    let found = all.find(|each| each.program == program && picks(&each.event));
    edit(&mut found.expect("the program has such an event").event);
}

/// What the tap delivered of the second life, as one stretch.
fn heard(evidence: &mut Evidence) -> &mut Vec<u8> {
    let pieces = evidence.captures.get_mut(&SECOND).expect("it played");
    let bytes = pieces.drain(..).flat_map(|piece| piece.bytes).collect();
    pieces.push(Piece {
        first_frame: 0,
        bytes,
    });
    &mut pieces[0].bytes
}

fn block(event: &Event) -> bool {
    matches!(event, Event::Block { first_frame, .. } if *first_frame > 0)
}

fn taken(event: &Event) -> bool {
    matches!(event, Event::Declared { answer, .. } if answer == "taken")
}

fn given(event: &Event) -> bool {
    matches!(event, Event::ReadPacket { answer, .. } if answer == "given")
}

/// The main program asks for the position of its stopped stream.
fn asked_after_stop(evidence: &mut Evidence, frames: u64) {
    let stop = Event::State {
        state: "stop".into(),
    };
    let at = evidence.timeline.iter().position(|each| each.event == stop);
    let at = at.expect("the first life stops");
    let asked = Stamped::new(evidence.timeline[at].qpc, Event::Position { frames });
    evidence.timeline.insert(at + 1, asked);
}

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    ("a stop that keeps the position", AGAIN, |e, _| asked_after_stop(e, 9_840),
        "position-clock", Failed, "9840 frames were told after the stream had been stopped"),
    ("a position that goes on in the next life", AGAIN, |e, _| first(e, SECOND, position, |event| if let Event::Position { frames } = event { *frames += 9_840; }),
        "position-clock of player-1", Failed, "the position told was +9840 frames off"),
    ("audio of the life before", AGAIN, |e, _| heard(e)[..FRAME].copy_from_slice(&[1, 2, 3, 4, 5, 6]),
        "capture-exact of player-1", Failed, "at frame 0"),
    ("other audio than in the golden run", AGAIN, |e, _| heard(e)[4_801 * FRAME] ^= 1,
        "golden-record of player-1", Failed, "differs from the golden from block 1 on"),
    ("a life whose blocks do not begin at 0", AGAIN, |e, _| first(e, SECOND, block, |event| if let Event::Block { first_frame, .. } = event { *first_frame += 9_840; }),
        "tap-order of player-1", Failed, "9840 frames are left out"),
    ("packets that are counted on", PACKET, |e, _| first(e, SECOND, counted, |event| if let Event::PacketCount { count } = event { *count += 10; }),
        "packet-count of player-1", Failed, "10 packets were told when 0 were complete"),
    ("a first packet that is late", PACKET, |e, _| first(e, SECOND, taken, |event| if let Event::Declared { answer, .. } = event { *answer = "late".into(); }),
        "set-write-packet of player-1", Failed, "packet 0 with flags 0x0 and 0 bytes was answered with \"late\" instead of \"taken\""),
    ("misses of the life before", PACKET, |e, _| first(e, SECOND, |event| matches!(event, Event::Starved { .. }), |event| if let Event::Starved { missed_frames, .. } = event { *missed_frames += 1; }),
        "starvation-known of player-1", Failed, "missed frames, there were"),
    ("recorded packets that are counted on", RECORDED, |e, _| first(e, Program::Recorder(6), given, |event| if let Event::ReadPacket { packet, .. } = event { *packet += 15; }),
        "record-packets of recorder-6", Failed, "packet 15 was given"),
    ("a recording that goes on between two lives", "record-player-again-exact", |e, _| recording(e, |audio| audio[9_000 * FRAME] ^= 1),
        "record-exact of recorder-1", Failed, "where silence was due"),
    ("a recording with its channels exchanged", "record-channels", |e, _| recording(e, |audio| audio[1_000 * 6..1_001 * 6].rotate_left(3)),
        "record-exact of recorder-1", Failed, "channel 0 is"),
    ("a recording with a speaker that nobody played to", "record-channels-rate", |e, _| recording(e, |audio| audio[10_000 * 24 + 14] = 1),
        "record-exact of recorder-1", Failed, "channel 4 is"),
    ("a recording of the wrong life", "record-player-again", |e, _| recording(e, |audio| { let one = audio[20_000 * FRAME..21_000 * FRAME].to_vec(); audio[13_000 * FRAME..14_000 * FRAME].copy_from_slice(&one); }),
        "record-exact of recorder-1", Failed, "channel 0 is"),
];
