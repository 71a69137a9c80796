//! Whether the tap's blocks follow each other: one stream, contiguous indices, no loss, nothing left out at the end.

use super::{Context, Judgement, Outcome, first_few};

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let stream = context.stream()?;
    let Some(first) = stream.blocks.first() else {
        return Err("no tap read completed".into());
    };
    let mut complaints = Vec::new();
    let mut next = 0;
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
            complaints.push(format!(
                "the tap says that it lost {} frames before {place}",
                block.lost
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
    if let Some(total) = stream.clock.end().map(|_| stream.clock.total())
        && next != total
    {
        complaints.push(format!(
            "the blocks end at {}, the stream played {total} frames",
            stream.place(next)
        ));
    }
    let frame_bytes = context.file.scenario.format.frame_bytes() as u64;
    let bytes: u64 = context
        .evidence
        .capture_of(context.program)
        .iter()
        .map(|piece| piece.bytes.len() as u64)
        .sum();
    let frames: u64 = stream.blocks.iter().map(|block| block.frames).sum();
    if bytes != frames.saturating_mul(frame_bytes) {
        complaints.push(format!(
            "the blocks hold {frames} frames, the audio has {}",
            bytes / frame_bytes
        ));
    }
    Outcome::new(
        "one stream, contiguous, 0 frames lost",
        format!(
            "{} blocks, {frames} frames, {lost} lost",
            stream.blocks.len()
        ),
        &first_few(complaints),
    )
}
