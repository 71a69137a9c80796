//! Whether protected content stayed out of the tap: muted and flagged frame for frame, and nothing else is.

use std::ops::Range;

use waverig_protocol::scenario::Disturbance;

use super::{Context, Judgement, Outcome, first_few};

/// `waverig_interface::BlockFlags::PROTECTED`.
const PROTECTED: u32 = 1 << 3;

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let stream = context.stream()?;
    let muted = stream.muted();
    let flagged = |flags: u32| flags & PROTECTED != 0;
    let wanted = context.file.scenario.disturbances.iter();
    let wanted = wanted
        .filter(|each| matches!(each, Disturbance::Protect { .. }))
        .count();
    let flags = stream.blocks.iter().any(|block| flagged(block.flags));
    if wanted == 0 && muted.is_empty() && !flags {
        return Ok(None);
    }
    if muted.len() < wanted && !flags {
        return Err(format!(
            "the content was protected {} time(s) of {wanted}",
            muted.len()
        ));
    }
    let mut complaints = Vec::new();
    let mut frames = 0;
    for block in &stream.blocks {
        let own = block.first_frame..block.first_frame.saturating_add(block.frames);
        let inside: u64 = muted.iter().map(|muted| common(muted, &own)).sum();
        let place = stream.place(block.first_frame);
        frames += inside;
        if 0 < inside && inside < block.frames {
            complaints.push(format!(
                "the block at {place} has {inside} protected frames and {} others",
                block.frames - inside
            ));
        } else if flagged(block.flags) != (inside > 0) {
            let (what, says) = match inside {
                0 => ("is free", "has"),
                _ => ("is protected", "lacks"),
            };
            complaints.push(format!(
                "the block at {place} {what} and {says} the flag PROTECTED"
            ));
        }
    }
    let frame_bytes = context.file.scenario.format.frame_bytes();
    let mut leaked: Vec<u64> = Vec::new();
    for piece in &context.pieces {
        let audio = piece.bytes.chunks_exact(frame_bytes);
        leaked.extend(
            (piece.first_frame..)
                .zip(audio)
                .filter(|(frame, audio)| {
                    muted.iter().any(|muted| muted.contains(frame))
                        && audio.iter().any(|byte| *byte != 0)
                })
                .map(|(frame, _)| frame),
        );
    }
    if let Some(first) = leaked.first() {
        complaints.push(format!(
            "{} frames of protected content came out of the tap, the first at {}",
            leaked.len(),
            stream.place(*first)
        ));
    }
    Outcome::new(
        format!(
            "{} stretches muted and flagged, frame for frame",
            muted.len()
        ),
        format!("{frames} protected frames"),
        &first_few(complaints),
    )
}

/// Frames that both have.
fn common(one: &Range<u64>, other: &Range<u64>) -> u64 {
    let end = one.end.min(other.end);
    end.saturating_sub(one.start.max(other.start))
}
