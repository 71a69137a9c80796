//! Whether a block arrives soon after its last frame fell due, and never before it: audio from the future is invented.

use super::{Context, Judgement, Outcome};
use crate::units::Nanos;

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let stream = context.stream()?;
    let limit = context.file.limits.tap_latency;
    let mut worst = 0;
    let early = stream.clock.ticks(context.file.limits.early.0);
    let (mut wrong, mut tardy) = (Vec::new(), Vec::new());
    let mut compared = 0;
    for block in stream.blocks.iter().filter(|block| block.frames > 0) {
        let end = block.first_frame.saturating_add(block.frames);
        let place = stream.place(block.first_frame);
        compared += 1;
        let played = stream.clock.position(block.qpc.saturating_add(early));
        if end > played {
            wrong.push(format!(
                "the block at {place} came {} frames before they were played",
                end - played
            ));
            continue;
        }
        // A read that waits for more frames waits through a pause.
        // A client that wants several blocks at a time waits for the last of them.
        let together = context.portion() - u64::from(context.file.scenario.tap.read_frames);
        let wanted = end.saturating_add(together).min(stream.clock.total());
        let due = stream.clock.begin_of(wanted).unwrap_or(block.qpc);
        // One that slept took it when it woke; tap-order says whether it was still there.
        if stream.tap.asleep(due, &stream.clock).is_some() {
            continue;
        }
        let late = stream.clock.nanos(block.qpc - due);
        worst = worst.max(late);
        if late > limit.0 {
            tardy.push(format!(
                "the block at {place} came {} after its last frame",
                Nanos(late)
            ));
        }
    }
    if compared == 0 {
        return Err("no tap read completed with frames".into());
    }
    Outcome::of_time(
        format!("0 to {limit} after the last frame"),
        format!("{compared} blocks, at most {} late", Nanos(worst)),
        wrong,
        tardy,
    )
}
