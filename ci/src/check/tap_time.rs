//! Whether the time a block carries is the clock's time of its first frame.

use super::{Context, Judgement, Outcome};
use crate::units::Nanos;

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let stream = context.stream()?;
    let limit = context.file.limits.tap_time;
    let mut worst = 0;
    let mut compared = 0;
    let mut complaints = Vec::new();
    // A block without frames has no first one.
    for block in stream.blocks.iter().filter(|block| block.frames > 0) {
        let Some(due) = stream.clock.begin_of(block.first_frame) else {
            continue;
        };
        compared += 1;
        let off = stream.clock.nanos(block.first_qpc.saturating_sub(due));
        worst = worst.max(off.saturating_abs());
        if off.saturating_abs() > limit.0 {
            let direction = if off < 0 { "before" } else { "after" };
            complaints.push(format!(
                "the block's time is {} {direction} the clock's for {}",
                Nanos(off.saturating_abs()),
                stream.place(block.first_frame)
            ));
        }
    }
    if compared == 0 {
        return Err("no tap read of a frame that was played completed".into());
    }
    Outcome::of_time(
        format!("{limit} from the clock"),
        format!("{compared} blocks, at most {} off", Nanos(worst)),
        Vec::new(),
        complaints,
    )
}
