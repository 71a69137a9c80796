//! Whether every position the client was told is the clock's: `base + floor((now - start) · rate / frequency)`.

use super::{Context, Judgement, Outcome};
use crate::units::Frames;

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let stream = context.stream()?;
    if stream.clock.start().is_none() || stream.positions.is_empty() {
        return Err("the client never asked a running stream for its position".into());
    }
    let limit = context.file.limits.position;
    let mut worst = 0;
    let (mut wrong, mut off_time) = (Vec::new(), Vec::new());
    for &(qpc, told) in &stream.positions {
        let due = stream.clock.position(qpc);
        worst = worst.max(told.abs_diff(due));
        if told.abs_diff(due) > limit.0 {
            let off = i128::from(told) - i128::from(due);
            off_time.push(format!(
                "the position told was {off:+} frames off at {}",
                stream.place(due)
            ));
        }
    }
    for told in stream.positions_stopped.iter().filter(|told| **told != 0) {
        wrong.push(format!(
            "{told} frames were told after the stream had been stopped, which sets the position to 0"
        ));
    }
    Outcome::of_time(
        format!("{limit} from the clock"),
        format!(
            "{} positions, at most {} off",
            stream.positions.len(),
            Frames(worst)
        ),
        wrong,
        off_time,
    )
}
