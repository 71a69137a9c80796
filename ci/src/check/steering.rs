//! Whether the clock does what it was told, and nothing else: the slope goes to the wanted rate in its steps and back when who
//! steered lets go or is gone, device time runs with that slope and never jumps, one program at a time may steer, and a rate
//! out of bound is refused.

use super::{Context, Judgement, Outcome, first_few};
use crate::steering::Steering;
use crate::units::Nanos;

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let scenario = &context.file.scenario;
    let clients = &scenario.tap_clients;
    let steered = clients
        .iter()
        .any(|client| client.cable == 1 && !client.steer.is_empty());
    if !steered && scenario.soak.is_none() {
        return Ok(None);
    }
    let stream = context.stream()?;
    let frequency = context.evidence.machine.qpc_frequency;
    let steering = Steering::of(&context.evidence.timeline, scenario, 1, frequency);
    let (Some(first), Some(last)) = (steering.told.first(), steering.told.last()) else {
        return Err("nobody asked what the clock does".into());
    };
    let start = stream.clock.start().ok_or("the stream never ran")?;
    let at = |qpc: i64| Nanos(stream.clock.nanos(qpc - start));
    let mut complaints = Vec::new();
    for answer in steering
        .answers
        .iter()
        .filter(|each| each.given != each.due)
    {
        let what = match answer.ppb {
            Some(ppb) => format!("to steer to {ppb} ppb"),
            None => "to let go of the clock".to_owned(),
        };
        complaints.push(format!(
            "{} asked {what} at {}: answered {:#010x}, {:#010x} is right",
            answer.program,
            at(answer.qpc),
            answer.given,
            answer.due
        ));
    }
    let (mut lowest, mut highest) = (0, 0);
    for told in &steering.told {
        let when = at(told.qpc);
        let due = steering.device.slope(told.qpc);
        (lowest, highest) = (told.slope.min(lowest), told.slope.max(highest));
        if told.slope != due {
            complaints.push(format!(
                "the slope at {when} was {} ppb, {due} ppb is right",
                told.slope
            ));
        }
        if told.target.0 != told.target.1 {
            complaints.push(format!(
                "the slope went to {} ppb at {when}, {} ppb was wanted",
                told.target.0, told.target.1
            ));
        }
        if told.steering.0 != told.steering.1 {
            complaints.push(format!(
                "who steers was told as {} at {when}, {} is right",
                told.steering.0, told.steering.1
            ));
        }
        let off = told.device - first.device - steering.device.between(first.qpc, told.qpc);
        if off != 0 {
            complaints.push(format!("device time was {off:+}e-9 ticks off at {when}"));
        }
        let running = told.qpc >= start && stream.clock.end().is_none_or(|end| told.qpc <= end);
        let position = stream.clock.position(told.qpc);
        if running && told.position != position {
            complaints.push(format!(
                "the position told with the clock was {} at {when}, {position} is right",
                told.position
            ));
        }
    }
    let accepted = steering.answers.iter().filter(|each| each.due == 0).count();
    if accepted > 0 && lowest == 0 && highest == 0 && complaints.is_empty() {
        return Err("nobody was told of a clock that is steered".into());
    }
    Outcome::new(
        format!("{accepted} commands carried out, the slope as its steps say, device time exact"),
        format!(
            "{} commands answered, {} looks at the clock: {lowest} to {highest} ppb, {} ppb at the end",
            steering.answers.len(),
            steering.told.len(),
            last.slope
        ),
        &first_few(complaints),
    )
}
