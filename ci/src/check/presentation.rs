//! Whether every presentation position is the clock's at the time it names, and that time is a recent one.

use super::{Context, Judgement, Outcome};
use crate::units::{Frames, Nanos};

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let stream = context.stream()?;
    if stream.presented.is_empty() {
        return Ok(None);
    }
    let limits = &context.file.limits;
    let (mut worst, mut oldest) = (0, 0);
    let mut complaints = Vec::new();
    for presented in &stream.presented {
        let due = stream.clock.position(presented.at);
        let off = presented.frames.abs_diff(due);
        worst = worst.max(off);
        if off > limits.position.0 {
            complaints.push(format!(
                "frame {} was presented when {due} was due, at {}",
                presented.frames,
                stream.place(due)
            ));
        }
        let age = stream.clock.nanos(presented.qpc - presented.at);
        oldest = oldest.max(age.abs());
        if age < -limits.early.0 || age > limits.presentation_age.0 {
            complaints.push(format!(
                "the presentation position at {} has a time {} before the question",
                stream.place(presented.frames),
                Nanos(age)
            ));
        }
    }
    Outcome::of_time(
        format!(
            "{} from the clock, at most {} old",
            limits.position, limits.presentation_age
        ),
        format!(
            "{} positions, at most {} off and {} old",
            stream.presented.len(),
            Frames(worst),
            Nanos(oldest)
        ),
        Vec::new(),
        complaints,
    )
}
