//! Runs with a clock that is not what it was steered to, or with a pause that is none.

use waverig_protocol::Program;
use waverig_protocol::timeline::{Event, Stamped};

use super::Row;
use super::doctor::*;
use crate::evidence::Evidence;
use crate::model::perfect;
use crate::scenario::ScenarioFile;
use crate::verdict::Verdict::{Failed, NotProven};

const STEER: &str = "steer";
const PAUSE: &str = "pause";
/// Ticks in a millisecond of the model.
const MS: i64 = 10_000;

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    ("a jump where the clock is steered", STEER, |e, _| from(e, 503 * MS, |event| if let Event::Position { frames } = event { *frames += 2; }),
        "position-clock", Failed, "the position told was +2 frames off at frame 24"),
    ("a steered clock that nobody feels", STEER, unsteered, "position-clock", Failed, "frames off"),
    ("block times at the nominal rate", STEER, unsteered, "tap-time", Failed, "the clock's for frame"),
    ("notifications at the nominal rate", STEER, unsteered, "notifications", Failed, "was early"),
    ("a rate that stays when its owner is gone", STEER, kept, "position-clock", Failed, "frames off"),
    ("a slope that stays when its owner is gone", STEER, kept, "steering", Failed, "the slope at 4848765.5 us was -1000000 ppb, -980000 ppb is right"),
    ("a slope at once", STEER, |e, _| clocks(e, |slope, target, _| *slope = *target), "steering", Failed, "the slope at"),
    ("device time that jumps", STEER, |e, _| nth(e, 30, clock, |s| if let Event::Clock { device_ticks, .. } = &mut s.event { *device_ticks += 1; }),
        "steering", Failed, "device time was +1000000000e-9 ticks off"),
    ("a second owner", STEER, |e, _| nth(e, 2, steer, |s| if let Event::Steer { answer, .. } = &mut s.event { *answer = 0; }),
        "steering", Failed, "tap-client-2 asked to let go of the clock at 999765.5 us: answered 0x00000000, 0xc0000043 is right"),
    ("an owner nobody names", STEER, |e, _| clocks(e, |_, _, steering| *steering = 0), "steering", Failed, "who steers was told as 0 at"),
    ("a position told with the clock", STEER, |e, _| nth(e, 90, clock, |s| if let Event::Clock { position, .. } = &mut s.event { *position += 1; }),
        "steering", Failed, "the position told with the clock was"),
    ("a clock nobody looks at", STEER, |e, _| e.timeline.retain(|s| !clock(&s.event)), "steering", NotProven, "nobody asked what the clock does"),
    ("a position that moves in a pause", PAUSE, |e, _| in_pause(e, |frames| *frames += 48 * 166), "position-clock", Failed, "the position told was +7968 frames off at frame 24240"),
    ("a position that jumps after a pause", PAUSE, |e, _| from(e, 841 * MS, |event| if let Event::Position { frames } = event { *frames += 48 * 333; }),
        "position-clock", Failed, "+15984 frames off"),
    ("a notification in a pause", PAUSE, |e, _| e.timeline.insert(position_in_pause(e), Stamped::new(e.timeline[position_in_pause(e)].qpc, Event::Notified)),
        "notifications", Failed, "was early"),
    ("block times that know no pause", PAUSE, |e, file| { let mut file = file.clone(); file.scenario.disturbances.clear(); blocks_of(e, &file); },
        "tap-time", Failed, "before the clock's for frame"),
];

fn clock(event: &Event) -> bool {
    matches!(event, Event::Clock { .. })
}

fn steer(event: &Event) -> bool {
    matches!(event, Event::Steer { .. })
}

/// Edits what was observed from a time on.
fn from(evidence: &mut Evidence, qpc: i64, edit: fn(&mut Event)) {
    let later = evidence.timeline.iter_mut().filter(|each| each.qpc >= qpc);
    later.for_each(|each| edit(&mut each.event));
}

/// Edits slope, target and owner of everything that was told of the clock.
fn clocks(evidence: &mut Evidence, edit: fn(&mut i32, &mut i32, &mut u32)) {
    for each in &mut evidence.timeline {
        if let Event::Clock {
            slope_ppb,
            target_ppb,
            steering,
            ..
        } = &mut each.event
        {
            edit(slope_ppb, target_ppb, steering);
        }
    }
}

/// The run of a machine that answers commands and does nothing about them.
fn unsteered(evidence: &mut Evidence, file: &ScenarioFile) {
    let commands = |each: &Stamped| matches!(each.program, Program::TapClient(_));
    let kept: Vec<_> = evidence
        .timeline
        .iter()
        .filter(|each| commands(each))
        .cloned()
        .collect();
    let mut plain = file.clone();
    plain
        .scenario
        .tap_clients
        .iter_mut()
        .for_each(|client| client.steer.clear());
    *evidence = perfect(&plain);
    evidence.timeline.retain(|each| !commands(each));
    evidence.timeline.extend(kept);
    evidence.timeline.sort_by_key(|each| each.qpc);
}

/// The run of a machine that goes on with the rate of a client that is gone.
fn kept(evidence: &mut Evidence, file: &ScenarioFile) {
    let mut open = file.clone();
    open.scenario.tap_clients[0].close_ms = Some(6_951);
    *evidence = perfect(&open);
    let closed = |each: &Stamped| {
        each.program == Program::TapClient(1) && matches!(each.event, Event::TapClosed { .. })
    };
    for each in evidence.timeline.iter_mut().filter(|each| closed(each)) {
        each.qpc = 4_801 * MS;
    }
    evidence
        .timeline
        .retain(|each| each.program != Program::TapClient(1) || each.qpc <= 4_801 * MS);
    evidence.timeline.sort_by_key(|each| each.qpc);
}

/// Index of the position that was told in the middle of the first pause.
fn position_in_pause(evidence: &Evidence) -> usize {
    let paused = evidence
        .timeline
        .iter()
        .position(|each| matches!(&each.event, Event::State { state } if state == "pause"));
    let paused = paused.expect("a pause");
    let positions =
        (paused..evidence.timeline.len()).filter(|at| position(&evidence.timeline[*at].event));
    positions.take(2).last().expect("positions in it")
}

fn in_pause(evidence: &mut Evidence, edit: fn(&mut u64)) {
    let at = position_in_pause(evidence);
    if let Event::Position { frames } = &mut evidence.timeline[at].event {
        edit(frames);
    }
}

/// Gives the blocks the times that they have in another scenario.
fn blocks_of(evidence: &mut Evidence, file: &ScenarioFile) {
    let other = perfect(file);
    let mut times = other.timeline.iter().filter_map(|each| match each.event {
        Event::Block { first_qpc, .. } => Some(first_qpc),
        _ => None,
    });
    for each in &mut evidence.timeline {
        if let Event::Block { first_qpc, .. } = &mut each.event {
            *first_qpc = times.next().unwrap_or(*first_qpc);
        }
    }
}
