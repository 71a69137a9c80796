//! Whether notifications and positions came when they came in the golden run.

use waverig_protocol::noise::Time;

use super::{Context, Judgement, Outcome, first_few};
use crate::golden::TimingGolden;
use crate::units::Nanos;

pub(super) fn run(context: &Context<'_>) -> Judgement {
    // What the golden tells, it tells in virtual time; what must be so on any machine, other checks look at.
    if context.evidence.machine.time == Time::Real {
        return Ok(None);
    }
    let golden = &context.golden.map_err(ToString::to_string)?.timing;
    let stream = context.stream()?;
    let timing = TimingGolden::of(stream)?;
    let limit = context.file.limits.golden_time;
    let mut complaints = Vec::new();
    let mut worst = 0;
    let counts = [
        (
            "notifications",
            timing.notified.len(),
            golden.notified.len(),
        ),
        ("positions", timing.positions.len(), golden.positions.len()),
    ];
    for (what, have, want) in counts {
        if have != want {
            complaints.push(format!("{have} {what}, the golden run had {want}"));
        }
    }
    let mut moved = |what: &str, index: usize, have: i64, want: i64| {
        let by = Nanos((have - want).saturating_abs().saturating_mul(100));
        worst = worst.max(by.0);
        if by > limit {
            let direction = if have < want { "before" } else { "after" };
            complaints.push(format!(
                "{what} {} came {by} {direction} its golden time of {}",
                index + 1,
                Nanos(want.saturating_mul(100))
            ));
        }
    };
    for (index, (have, want)) in timing.notified.iter().zip(&golden.notified).enumerate() {
        moved("notification", index, *have, *want);
    }
    for (index, (have, want)) in timing.positions.iter().zip(&golden.positions).enumerate() {
        moved("position", index, have.0, want.0);
    }
    // A position may differ by as much as its time does, and by one frame for the rounding of both.
    let rate = u128::from(stream.clock.rate());
    for (index, (have, want)) in timing.positions.iter().zip(&golden.positions).enumerate() {
        let slack = u128::from(have.0.abs_diff(want.0)) * rate / 10_000_000 + 1;
        if u128::from(have.1.abs_diff(want.1)) > slack {
            complaints.push(format!(
                "position {} was {} frames, the golden run told {}",
                index + 1,
                have.1,
                want.1
            ));
        }
    }
    Outcome::new(
        format!(
            "{} notifications, {} positions, each within {limit}",
            golden.notified.len(),
            golden.positions.len()
        ),
        format!(
            "{} notifications, {} positions, at most {} away",
            timing.notified.len(),
            timing.positions.len(),
            Nanos(worst)
        ),
        &first_few(complaints),
    )
}
