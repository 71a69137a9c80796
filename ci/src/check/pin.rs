//! Whether programs got their pins as they must: of each direction of a cable one at a time, and the others are told that all
//! instances are open.

use waverig_protocol::Program;
use waverig_protocol::scenario::Opening;
use waverig_protocol::timeline::Event;

use super::{Context, Judgement, Outcome, first_few};

/// `STATUS_INSUFFICIENT_RESOURCES` (ntstatus.h): what the public samples answer when all instances of a pin are open.
const ALL_OPEN: u32 = 0xC000_009A;

/// Whether two programs want the same pin.
fn rivals(context: &Context<'_>, other: Program) -> bool {
    let scenario = &context.whole.scenario;
    let records = |program| matches!(program, Program::Recorder(_));
    scenario.cable_of(other) == scenario.cable_of(context.program)
        && records(other) == records(context.program)
        && !matches!(other, Program::TapClient(_))
}

pub(super) fn run(context: &Context<'_>) -> Judgement {
    if context.opening == Opening::AtOnce {
        return Ok(None);
    }
    // Who has the pin; one that goes on with it has it from the one before.
    let mut held: Option<Program> = None;
    let (mut refused, mut opened) = (0_u64, 0_u64);
    let mut complaints = Vec::new();
    let all = context.evidence.timeline.iter();
    for stamped in all.filter(|each| rivals(context, each.program)) {
        let own = stamped.program == context.program;
        match &stamped.event {
            Event::Opened { .. } => {
                if let Some(other) = held.filter(|_| own) {
                    complaints.push(format!("it was given a pin that {other} had"));
                }
                opened += u64::from(own);
                held = Some(stamped.program);
            }
            Event::Closed => held = None,
            Event::Refused { request, status } if own && request == "open-pin" => {
                refused += 1;
                if held.is_none() {
                    complaints.push("it was refused a pin that nobody had".to_owned());
                }
                if *status != ALL_OPEN {
                    complaints.push(format!(
                        "it was refused with {status:#010x} instead of STATUS_INSUFFICIENT_RESOURCES"
                    ));
                }
            }
            _ => {}
        }
    }
    let (limit, due) = match context.opening {
        Opening::Refused => ("refused once, never given", (1, 0)),
        _ => ("refused while another has it, then given", (refused, 1)),
    };
    if (refused, opened) != due && complaints.is_empty() {
        complaints.push(format!("it was refused {refused} and given {opened} times"));
    }
    if complaints.is_empty() && refused == 0 {
        return Err("the pin was free when it was asked for, so nothing was shown".into());
    }
    Outcome::new(
        limit,
        format!("refused {refused} times, given {opened} times"),
        &first_few(complaints),
    )
}
