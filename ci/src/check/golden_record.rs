//! Whether a recorder was given what it was given in the golden run. Of the same seed: with another one timers expire at other
//! moments, and what is right then is told by the other checks alone.

use waverig_protocol::Program;

use super::{Context, Judgement, Outcome};

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let Program::Recorder(number) = context.program else {
        return Ok(None);
    };
    let golden = context.golden.map_err(ToString::to_string)?;
    let golden = golden.record.as_ref().ok_or("it has no recorders")?;
    if context.seed != golden.seed {
        return Ok(None);
    }
    let golden = usize::from(number)
        .checked_sub(1)
        .and_then(|at| golden.recorders.get(at))
        .ok_or("the golden has no such recorder")?;
    let recorded = context.recorded()?;
    Outcome::new(
        format!("{}, sha256 {}", golden.read.join(", "), golden.sha256),
        format!("{}, sha256 {}", recorded.read.join(", "), recorded.sha256),
        &golden.differences(&recorded),
    )
}
