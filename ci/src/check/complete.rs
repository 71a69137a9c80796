//! Whether the run came to its end: without one, nothing else is worth much.

use super::{Context, Judgement, Outcome};

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let reason = context.unfinished();
    let observed = match (&reason, context.stream()) {
        (None, Ok(stream)) => format!("{} frames played", stream.clock.total()),
        _ => "the run has no end".into(),
    };
    let complaints: Vec<String> = reason.into_iter().collect();
    Outcome::new(
        "the stream is opened, run and closed",
        observed,
        &complaints,
    )
}
