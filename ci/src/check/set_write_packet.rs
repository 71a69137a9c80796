//! Whether the driver took the packets it must take, and refused the others for the right reason.

use std::collections::BTreeMap;

use super::{Context, Judgement, Outcome, first_few};
use crate::written::What;

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let stream = context.stream()?;
    let is_packet = |what: &What| matches!(what, What::Packet { .. });
    if !stream.said.iter().any(|said| is_packet(&said.what)) {
        return Ok(None);
    }
    let expected = context.expected()?;
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    let mut complaints = Vec::new();
    for (said, due) in stream.said.iter().zip(&expected.answers) {
        let What::Packet {
            number,
            flags,
            last_bytes,
            answer,
        } = &said.what
        else {
            continue;
        };
        *seen.entry(answer).or_default() += 1;
        if answer != due {
            complaints.push(format!(
                "packet {number} with flags {flags:#x} and {last_bytes} bytes was answered with {answer:?} instead of {due:?}, at {}",
                stream.place(stream.clock.position(said.qpc))
            ));
        }
    }
    let seen: Vec<String> = seen
        .iter()
        .map(|(answer, count)| format!("{count} {answer}"))
        .collect();
    Outcome::new(
        "taken if expected, else refused as documented",
        seen.join(", "),
        &first_few(complaints),
    )
}
