//! Whether anything crashed.

use super::{Context, Judgement, Outcome};

pub(super) fn run(context: &Context<'_>) -> Judgement {
    match (&context.evidence.fault, context.unfinished()) {
        (Some(fault), _) => {
            Outcome::new("0 crashes", "1 crash", std::slice::from_ref(&fault.summary))
        }
        // What was cut short might have crashed later.
        (None, Some(reason)) => Err(reason),
        (None, None) => Outcome::new("0 crashes", "0 crashes", &[]),
    }
}
