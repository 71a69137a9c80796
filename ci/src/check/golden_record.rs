//! Whether a recorder was given what it was given in the golden run, and whether what a later player on the cable of the main tap
//! played came out as it came out there. Of the same seed: with another one timers expire at other
//! moments, and what is right then is told by the other checks alone.

use waverig_protocol::Program;

use super::{Context, Judgement, Outcome};

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let golden = context.golden.map_err(ToString::to_string)?;
    let (golden, at) = match context.program {
        Program::Recorder(_) => {
            let given = context.whole.scenario.recorders_given().into_iter();
            let at = given.clone().position(|each| each == context.program);
            (&golden.record, at)
        }
        Program::Player(_) => {
            let later = context.main_cable.iter().skip(1);
            let at = later.copied().position(|each| each == context.program);
            (&golden.players, at)
        }
        Program::Main | Program::TapClient(_) => return Ok(None),
    };
    let golden = golden.as_ref().ok_or("it has no such programs")?;
    if context.seed != golden.seed {
        return Ok(None);
    }
    let golden = at
        .and_then(|at| golden.recorders.get(at))
        .ok_or_else(|| format!("the golden has no {}", context.program))?;
    let recorded = context.recorded()?;
    Outcome::new(
        format!("{}, sha256 {}", golden.read.join(", "), golden.sha256),
        format!("{}, sha256 {}", recorded.read.join(", "), recorded.sha256),
        &golden.differences(&recorded),
    )
}
