//! Whether the stream was starved only where the client stalled, and whether the tap counted the same frames as clear.

use waverig_protocol::scenario::Disturbance;

use super::{Context, Judgement, Outcome};
use crate::expected::Run;
use crate::verdict::Verdict;

/// `waverig_interface::BlockFlags::SILENT`, the bit that says that no frame of a block was found written.
const SILENT: u32 = 1 << 2;

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let (stream, expected) = (context.stream()?, context.expected()?);
    if stream.blocks.is_empty() {
        return Err("no tap read completed".into());
    }
    let count = |kind: fn(&Disturbance) -> bool| {
        let all = context.file.scenario.disturbances.iter();
        all.filter(|each| kind(each)).count()
    };
    let stalls = count(|each| {
        matches!(
            each,
            Disturbance::ClientStall { .. } | Disturbance::LatePacket { .. }
        )
    });
    // A client that is not told in time may starve the stream, or may have written enough ahead.
    let held = count(|each| matches!(each, Disturbance::TimerStall { .. }));
    let starved: Vec<Run> = expected.starved().collect();
    // A program that the machine itself kept from writing in time starves its stream, too.
    let (mut complaints, mut late) = (Vec::new(), Vec::new());
    if starved.len() > stalls + held {
        late.extend(starved.iter().map(|run| {
            format!(
                "the client had not written {} frames in time, from {}, although {}",
                run.frames,
                stream.place(run.first),
                match stalls + held {
                    0 => "nothing stalled it".to_owned(),
                    all => format!("it was stalled only {all} time(s)"),
                }
            )
        }));
    }
    let frame_bytes = context.file.scenario.format.frame_bytes();
    for block in &stream.blocks {
        let bytes = |frame: u64| {
            (frame as usize)
                .saturating_mul(frame_bytes)
                .min(context.buffered().len())
        };
        let end = block.first_frame.saturating_add(block.frames);
        // A frame that was written as zeros cannot be told from one that nobody wrote.
        let clear = context.buffered()[bytes(block.first_frame)..bytes(end)]
            .chunks_exact(frame_bytes)
            .filter(|frame| frame.iter().all(|byte| *byte == 0))
            .count() as u64;
        let place = stream.place(block.first_frame);
        if block.clear != clear {
            complaints.push(format!(
                "the tap says that {} frames were clear in the block at {place}, {clear} were",
                block.clear
            ));
        }
        let silent = block.flags & SILENT != 0;
        if block.frames > 0 && silent != (clear == block.frames) {
            let says = if silent { "has" } else { "lacks" };
            complaints.push(format!(
                "the block at {place} {says} the flag SILENT, with {clear} of {} frames clear",
                block.frames
            ));
        }
    }
    let frames: u64 = starved.iter().map(|run| run.frames).sum();
    let observed = match starved.first() {
        None => "0 frames starved".to_owned(),
        Some(first) => format!(
            "{frames} frames starved ({:.1} ms), from {}",
            frames as f64 * 1000.0 / f64::from(stream.clock.rate()),
            stream.place(first.first)
        ),
    };
    let limit = match held {
        0 => format!("{stalls} starved stretches, each frame counted by the tap"),
        _ => format!(
            "{stalls} to {} starved stretches, each frame counted by the tap",
            stalls + held
        ),
    };
    if complaints.is_empty() && late.is_empty() && starved.len() < stalls {
        return Ok(Some(Outcome {
            verdict: Verdict::NotProven,
            limit,
            observed,
            explanation:
                "the client's stall was too short to starve the stream, so nothing was shown".into(),
            late: false,
        }));
    }
    if !complaints.is_empty() {
        // What starved the stream is told first.
        complaints.splice(..0, std::mem::take(&mut late));
    }
    Outcome::of_time(limit, observed, complaints, late)
}
