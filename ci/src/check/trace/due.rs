//! What the driver must have recorded, from what the programs did and were told.

use std::collections::BTreeMap;

use waverig_protocol::Program;
use waverig_protocol::scenario::{Format, Sample, Scenario};
use waverig_protocol::timeline::{DeviceChange, Event};

use super::super::{Context, device};
use super::{Due, Place};
use crate::stream::Stream;

/// Refused requests of a handle that are recorded.
pub(super) const NOTED_REFUSALS: u32 = 8;
/// A starved stretch is recorded from this part of a second on.
const NOTED_PER_SECOND: u64 = 1_000;

const STOP: u64 = 0;
const PAUSE: u64 = 2;
const RUN: u64 = 3;

type All = BTreeMap<Place, Vec<Due>>;

/// All of it.
pub(super) fn all(context: &Context<'_>) -> Result<All, String> {
    let mut all = All::new();
    for program in context.whole.scenario.programs() {
        if !matches!(program, Program::TapClient(_)) && !continues(context, program) {
            stream(context, program, &mut all);
        }
    }
    taps(context, &mut all);
    starved(context, &mut all)?;
    for list in all.values_mut() {
        list.sort_by_key(|due| due.qpc);
    }
    Ok(all)
}

/// Node and cable of one of the scenario's cables.
pub(super) fn place(context: &Context<'_>, cable: u8) -> (u64, u64) {
    place_in(&context.whole.scenario, cable)
}

/// The same of any scenario.
pub(in super::super) fn place_in(scenario: &Scenario, cable: u8) -> (u64, u64) {
    let per_node = u64::from(device::cables_of(&scenario.device)).max(1);
    let at = u64::from(cable).saturating_sub(1);
    (at / per_node + 1, at % per_node + 1)
}

/// Whether the program goes on with the pin of another.
fn continues(context: &Context<'_>, program: Program) -> bool {
    let all = context.whole.scenario.programs();
    all.into_iter()
        .any(|other| context.whole.scenario.goes_on(other) == Some(program))
}

fn shape(format: &Format) -> [Option<u64>; 3] {
    let sample = match format.sample {
        Sample::Pcm16 => 1,
        Sample::Pcm24 => 2,
        Sample::Pcm24In32 => 3,
        Sample::Pcm32 => 4,
        Sample::Float32 => 5,
    };
    let shape = u64::from(format.channels) | sample << 16;
    [Some(format.rate.into()), Some(shape), None]
}

/// What becomes of a pin, from the program that opens it to the one that closes it.
fn stream(context: &Context<'_>, opener: Program, all: &mut All) {
    let scenario = &context.whole.scenario;
    let (Some(cable), Some(format)) = (scenario.cable_of(opener), scenario.format_of(opener))
    else {
        return;
    };
    let direction = u64::from(matches!(opener, Program::Recorder(_)));
    let (node, cable) = place(context, cable);
    let mut note = |kind, qpc, values| {
        let list = all.entry((node, cable, kind, direction)).or_default();
        list.push(Due { qpc, values });
    };
    // How far the main player's stream is; others are not looked at here.
    let clock = context.stream.as_ref().ok().filter(|_| opener.is_main());
    let position = |qpc, program: Program| {
        let clock = clock.filter(|_| program.is_main());
        clock.map(|stream| stream.clock.position(qpc))
    };
    let mut program = opener;
    let (mut state, mut wanted, mut open) = (STOP, STOP, false);
    // PortCls takes a stream from state to state in steps, and to PAUSE at most while the device sleeps.
    let steps = |qpc, of, state: &mut u64, target: u64, note: &mut dyn FnMut(_, _, _)| {
        while *state != target {
            let next = if *state < target {
                *state + 1
            } else {
                *state - 1
            };
            note("state", qpc, [Some(next), Some(*state), position(qpc, of)]);
            *state = next;
        }
    };
    let mut asleep = false;
    for stamped in &context.evidence.timeline {
        let qpc = stamped.qpc;
        if scenario.goes_on(program) == Some(stamped.program) {
            program = stamped.program;
        }
        let own = stamped.program == program;
        match &stamped.event {
            Event::Opened { .. } if own && !open => {
                open = true;
                note("stream-opened", qpc, shape(&format));
            }
            Event::State { state: name } if own => {
                wanted = match name.as_str() {
                    "stop" => STOP,
                    "acquire" => 1,
                    "pause" => PAUSE,
                    _ => RUN,
                };
                let most = if asleep { PAUSE } else { RUN };
                steps(qpc, program, &mut state, wanted.min(most), &mut note);
            }
            Event::Protected { protected } if own => {
                // What lies in the buffer when content becomes free counts as protected.
                let buffer = match (protected, clock) {
                    (false, Some(stream)) => stream.buffer_frames,
                    _ => 0,
                };
                let since = position(qpc, program).map(|frame| frame + buffer);
                note("protected", qpc, [Some((*protected).into()), since, None]);
            }
            Event::Closed if own => {
                steps(qpc, program, &mut state, STOP, &mut note);
                if open {
                    let generation = if direction == 1 { Some(0) } else { None };
                    note("stream-closed", qpc, [generation, None, None]);
                }
                return;
            }
            Event::Device { change } if open => match change {
                DeviceChange::Asleep => {
                    asleep = true;
                    let held = state.min(PAUSE);
                    steps(qpc, program, &mut state, held, &mut note);
                }
                DeviceChange::Awake => {
                    asleep = false;
                    steps(qpc, program, &mut state, wanted, &mut note);
                }
                _ => {}
            },
            _ => {}
        }
    }
}

/// Who had taps open and steered, and what became of the device.
fn taps(context: &Context<'_>, all: &mut All) {
    let frames = |program: Program, until: i64| -> u64 {
        let timeline = context.evidence.timeline.iter();
        let own = timeline.filter(|stamped| stamped.program == program && stamped.qpc <= until);
        own.map(|stamped| match stamped.event {
            Event::Block { lost, .. } => lost,
            _ => 0,
        })
        .sum()
    };
    let nodes = u64::from(context.whole.scenario.device.nodes);
    let mut owner: Option<Program> = None;
    for stamped in &context.evidence.timeline {
        let (qpc, program) = (stamped.qpc, stamped.program);
        let (node, cable) = place(
            context,
            context.whole.scenario.cable_of(program).unwrap_or(1),
        );
        let mut note = |kind, values| {
            let list = all.entry((node, cable, kind, 0)).or_default();
            list.push(Due { qpc, values });
        };
        match &stamped.event {
            Event::TapOpened { .. } => note("client-opened", [None; 3]),
            Event::TapClosed { refused, .. } => {
                let shares = match program {
                    Program::TapClient(number) => {
                        let client = context.whole.scenario.tap_client(number);
                        client.is_some_and(|client| client.share.is_some())
                    }
                    _ => false,
                };
                // What is lost in shared memory its reader knows, not the tap.
                let lost = if shares { 0 } else { frames(program, qpc) };
                note("client-closed", [None, Some(lost), Some((*refused).into())]);
                if owner == Some(program) {
                    owner = None;
                    note("steered", [Some(0), None, None]);
                }
            }
            Event::TapProbed { handles, .. } => {
                for _ in 0..*handles {
                    note("client-opened", [None; 3]);
                    note("client-closed", [None, Some(0), None]);
                }
            }
            // Who lets go of what he does not hold changes nothing.
            Event::Steer { ppb, answer: 0 } if ppb.is_some() || owner == Some(program) => {
                let wanted = i64::from(ppb.unwrap_or(0)).cast_unsigned();
                note("steered", [Some(wanted), None, None]);
                owner = ppb.map(|_| program);
            }
            Event::Device { change } => {
                // DEVICE_POWER_STATE (wdm.h).
                let state = match change {
                    DeviceChange::Asleep => 4,
                    DeviceChange::Awake => 1,
                    _ => continue,
                };
                for node in 1..=nodes {
                    let list = all.entry((node, 0, "power", 0)).or_default();
                    list.push(Due {
                        qpc,
                        values: [Some(state), None, None],
                    });
                }
            }
            _ => {}
        }
    }
}

/// The tap's number for the main player's stream.
pub(super) fn generation(context: &Context<'_>) -> Option<u64> {
    let blocks = &context.stream.as_ref().ok()?.blocks;
    blocks.first().map(|block| block.generation.into())
}

/// Where the main player's stream was starved for long enough to be recorded.
fn starved(context: &Context<'_>, all: &mut All) -> Result<(), String> {
    if context.whole.scenario.soak.is_some() {
        return Ok(());
    }
    let (stream, expected) = (context.stream()?, context.expected()?);
    let frame_bytes = context.file.scenario.format.frame_bytes();
    let known = expected.written.known_from.is_some();
    let silent: Vec<bool> = (0..)
        .zip(context.buffered().chunks_exact(frame_bytes))
        .map(|(frame, bytes)| {
            let missed = expected.written.known(frame) == crate::written::Known::Missed;
            bytes.iter().all(|byte| *byte == 0) && (missed || !known)
        })
        .collect();
    let (node, cable) = place(context, 1);
    let mut at = 0;
    for run in silent.chunk_by(|one, other| one == other) {
        let (first, frames) = (at, run.len() as u64);
        at += frames;
        if run[0] && frames >= u64::from(stream.clock.rate()) / NOTED_PER_SECOND {
            let qpc = ends(stream, first + frames);
            let values = [generation(context), Some(first), Some(frames)];
            let list = all.entry((node, cable, "starved", 0)).or_default();
            list.push(Due { qpc, values });
        }
    }
    Ok(())
}

/// When the driver can know that a stretch is over.
fn ends(stream: &Stream, frame: u64) -> i64 {
    stream.clock.begin_of(frame).unwrap_or_default()
}
