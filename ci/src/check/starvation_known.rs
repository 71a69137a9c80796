//! Whether the tap told exactly which frames were missed: in each block, in the totals, and in the history.

use waverig_protocol::Program;
use waverig_protocol::scenario::Disturbance;

use super::{Context, Judgement, Outcome, first_few};
use crate::expected::Expected;
use crate::written::Known;

/// `waverig_interface::BlockFlags::WRITES_KNOWN`.
const KNOWN: u32 = 1 << 5;

/// Runs that the tap remembers.
const HISTORY: usize = 8;

/// A run of silent frames of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: u64,
    frames: u64,
    known: Known,
}

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let (stream, expected) = (context.stream()?, context.expected()?);
    let Some(told) = &stream.starved else {
        // A further client may close its tap while the stream runs, a device that was taken away answers nothing, and in a
        // soak nobody reads the tap.
        let may_lack = |each: &Disturbance| {
            matches!(
                each,
                Disturbance::SurpriseRemoval { .. }
                    | Disturbance::StopDevice { .. }
                    | Disturbance::Restart { .. }
                    | Disturbance::DriverUpdate { .. }
            )
        };
        let disturbances = &context.file.scenario.disturbances;
        return match context.program {
            Program::TapClient(_) => Ok(None),
            _ if context.file.scenario.soak.is_some() => Ok(None),
            _ if disturbances.iter().any(may_lack) => Ok(None),
            _ => Err("the tap was not asked what it counted".into()),
        };
    };
    let frame_bytes = context.file.scenario.format.frame_bytes();
    let mut complaints = Vec::new();
    let clear: Vec<bool> = context
        .buffered()
        .chunks_exact(frame_bytes)
        .map(|frame| frame.iter().all(|byte| *byte == 0))
        .collect();
    let is_missed =
        |frame: u64| clear[frame as usize] && expected.written.known(frame) == Known::Missed;
    for block in &stream.blocks {
        let end = block
            .first_frame
            .saturating_add(block.frames)
            .min(clear.len() as u64);
        let missed = (block.first_frame..end)
            .filter(|frame| is_missed(*frame))
            .count() as u64;
        let place = stream.place(block.first_frame);
        if block.missed != missed {
            complaints.push(format!(
                "the tap says that {} frames were missed in the block at {place}, {missed} were",
                block.missed
            ));
        }
        let known = block.frames > 0
            && expected
                .written
                .known_from
                .is_some_and(|from| from <= block.first_frame);
        if (block.flags & KNOWN != 0) != known {
            let says = if known { "lacks" } else { "has" };
            complaints.push(format!(
                "the block at {place} {says} the flag that its writes are known"
            ));
        }
    }
    let runs = runs(&clear, expected);
    let missed: Vec<&Run> = runs
        .iter()
        .filter(|run| run.known == Known::Missed)
        .collect();
    let clear_runs = clear.chunk_by(|a, b| a == b).filter(|run| run[0]).count() as u64;
    let frames = |runs: &[&Run]| runs.iter().map(|run| run.frames).sum::<u64>();
    for (what, told, due) in [
        (
            "clear frames",
            told.clear_frames,
            clear.iter().filter(|clear| **clear).count() as u64,
        ),
        ("runs of clear frames", told.clear_runs, clear_runs),
        ("missed frames", told.missed_frames, frames(&missed)),
        (
            "runs of missed frames",
            told.missed_runs,
            missed.len() as u64,
        ),
    ] {
        if told != due {
            complaints.push(format!("the tap counted {told} {what}, there were {due}"));
        }
    }
    if told.known_from != expected.written.known_from {
        complaints.push(format!(
            "the tap says that writes are known from {:?} on, they are from {:?}",
            told.known_from, expected.written.known_from
        ));
    }
    let history: Vec<&Run> = runs
        .iter()
        .rev()
        .filter(|run| run.known != Known::Silence)
        .take(HISTORY)
        .collect();
    if told.recent.len() != history.len() {
        complaints.push(format!(
            "the tap remembers {} runs, it should {}",
            told.recent.len(),
            history.len()
        ));
    }
    for (told, due) in told.recent.iter().zip(history) {
        let place = stream.place(due.first);
        if (told.first_frame, told.frames, told.known)
            != (due.first, due.frames, due.known == Known::Missed)
        {
            complaints.push(format!(
                "the tap remembers {told:?}, where {} frames at {place} are due ({:?})",
                due.frames, due.known
            ));
        }
        let at = stream.clock.time_of(due.first).unwrap_or(i64::MAX);
        if stream.clock.nanos(told.qpc.saturating_sub(at)).abs() > context.file.limits.tap_time.0 {
            complaints.push(format!(
                "the tap says that the run at {place} began at {}, it did at {at}",
                told.qpc
            ));
        }
    }
    let limit = match expected.written.known_from {
        None => "nothing known, so nothing missed".to_owned(),
        Some(_) => format!("{} frames missed, each one known", frames(&missed)),
    };
    let observed = format!(
        "{} of {} clear frames missed, in {} runs",
        told.missed_frames, told.clear_frames, told.missed_runs
    );
    Outcome::new(limit, observed, &first_few(complaints))
}

/// The silent frames, in runs of one kind.
fn runs(clear: &[bool], expected: &Expected) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (first, clear) in (0..).zip(clear) {
        if !clear {
            continue;
        }
        let known = expected.written.known(first);
        match runs.last_mut() {
            Some(last) if last.known == known && last.first + last.frames == first => {
                last.frames += 1
            }
            _ => runs.push(Run {
                first,
                frames: 1,
                known,
            }),
        }
    }
    runs
}
