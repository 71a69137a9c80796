//! Whether a recorder was given what was played in the same instant, and silence elsewhere: bit for bit in the format that is
//! played, and within a bound of a reference in any other.

use super::{Context, Judgement, Outcome, capture_exact, recorded_other};

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let Some(recording) = &context.recording else {
        return Ok(None);
    };
    let recording = recording.as_ref().map_err(Clone::clone)?;
    if recording.lost_unexcused > 0 {
        let complaint = format!(
            "{} frames were never read, although nothing held the recorder up",
            recording.lost_unexcused
        );
        return Outcome::new("every frame is read", "frames are missing", &[complaint]);
    }
    if recording.is_in(context.file.scenario.format) {
        return capture_exact::run(context);
    }
    recorded_other::run(context, recording)
}
