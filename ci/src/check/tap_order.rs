//! Whether the tap's blocks follow each other: one stream, contiguous indices, nothing lost but what its reader slept through,
//! and nothing left out at the beginning or the end.

use super::{Context, Judgement, Outcome, first_few};
use crate::stream::Stream;

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let stream = context.stream()?;
    let Some(first) = stream.blocks.first() else {
        return Err("no tap read completed".into());
    };
    let mut complaints = Vec::new();
    // A client that came while the stream ran gets what was rendered from then on.
    let opened = stream.tap.opened.filter(|_| context.is_tap_client());
    let start = opened.map_or(0, |opened| stream.clock.position(opened));
    let mut next = start;
    let mut lost = 0;
    for block in &stream.blocks {
        let place = stream.place(block.first_frame);
        if block.generation != first.generation {
            complaints.push(format!(
                "the block at {place} belongs to stream {}, the first one to stream {}",
                block.generation, first.generation
            ));
        }
        if block.lost > 0 {
            lost += block.lost;
            complaints.extend(unjustified(
                stream,
                block.qpc,
                block.first_frame,
                block.lost,
            ));
        }
        let due = next + block.lost;
        if block.first_frame > due {
            let gap = block.first_frame - due;
            complaints.push(format!(
                "{gap} frames are left out before {place}, and not reported as lost"
            ));
        } else if block.first_frame < due {
            let back = due - block.first_frame;
            complaints.push(format!("the index goes back by {back} frames at {place}"));
        }
        next = block.first_frame.saturating_add(block.frames);
    }
    complaints.extend(end(context, stream, next));
    let frame_bytes = context.file.scenario.format.frame_bytes() as u64;
    let captured = context.evidence.capture_of(context.program);
    let bytes: u64 = captured.iter().map(|piece| piece.bytes.len() as u64).sum();
    let frames: u64 = stream.blocks.iter().map(|block| block.frames).sum();
    if bytes != frames.saturating_mul(frame_bytes) {
        complaints.push(format!(
            "the blocks hold {frames} frames, the audio has {}",
            bytes / frame_bytes
        ));
    }
    let limit = match stream.tap.slept.len() {
        0 => "one stream, contiguous, 0 frames lost".to_owned(),
        _ => format!(
            "one stream, contiguous, lost only what is older than {} frames after a sleep",
            stream.tap.keeps_frames
        ),
    };
    Outcome::new(
        limit,
        format!(
            "{} blocks, {frames} frames from frame {start}, {lost} lost",
            stream.blocks.len()
        ),
        &first_few(complaints),
    )
}

/// What is wrong with a loss that was reported: only a client that slept may lose frames, and none that are kept for it.
fn unjustified(stream: &Stream, qpc: i64, first_frame: u64, lost: u64) -> Option<String> {
    let place = stream.place(first_frame);
    if stream.tap.asleep(qpc, &stream.clock).is_none() {
        return Some(format!(
            "the tap says that it lost {lost} frames before {place}"
        ));
    }
    let kept = stream.clock.position(qpc).saturating_sub(first_frame);
    let keeps = stream.tap.keeps_frames;
    (kept < keeps).then(|| {
        format!(
            "the tap lost {lost} frames before {place} and kept {kept}; it says that it keeps {keeps}"
        )
    })
}

/// What is wrong with the end of the blocks.
fn end(context: &Context<'_>, stream: &Stream, next: u64) -> Option<String> {
    let total = stream.clock.end().map(|_| stream.clock.total())?;
    let closed = stream.tap.closed.filter(|_| context.is_tap_client());
    let closed = closed.filter(|closed| stream.clock.position(*closed) < total);
    let Some(closed) = closed else {
        return (next != total).then(|| {
            format!(
                "the blocks end at {}, the stream played {total} frames",
                stream.place(next)
            )
        });
    };
    // A client that went before the end was given every whole read, as soon as latency allows.
    let in_time = closed - stream.clock.ticks(context.file.limits.tap_latency.0);
    let awake = stream.tap.asleep(closed, &stream.clock).is_none();
    let least = stream
        .clock
        .position(in_time)
        .saturating_sub(context.portion());
    let most = stream.clock.position(closed);
    (next > most || awake && next < least).then(|| {
        format!(
            "the blocks end at {}; when the client closed the tap, {most} frames were played",
            stream.place(next)
        )
    })
}
