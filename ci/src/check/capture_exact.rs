//! Whether the tap delivered exactly what was written in time, bit for bit, and silence elsewhere.

use waverig_protocol::hash::sha256;

use super::{Context, Judgement, Outcome};
use crate::verdict::Verdict;

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let comparison = context.comparison()?;
    let expected = context.expected()?;
    let mut complaints: Vec<String> = comparison
        .differences
        .iter()
        .map(|difference| difference.text.clone())
        .collect();
    if comparison.more {
        complaints.push("and more".into());
    }
    let limit = format!("{} frames, bit for bit", expected.total);
    let observed = match complaints.len() {
        0 => {
            let bytes: Vec<&[u8]> = context
                .pieces
                .iter()
                .map(|piece| &piece.bytes[..])
                .collect();
            format!(
                "{} frames, all equal, sha256 {}",
                comparison.compared,
                sha256(&bytes.concat())
            )
        }
        differences => format!(
            "{} frames, {differences} difference(s)",
            comparison.compared
        ),
    };
    if complaints.is_empty() && (expected.stale > 0 || expected.torn > 0) {
        return Ok(Some(Outcome {
            verdict: Verdict::Inconclusive,
            limit,
            observed,
            explanation: format!(
                "the client wrote {} frames too late and {} too early, so what was heard there is its own doing and \
                 says nothing about the driver",
                expected.stale, expected.torn
            ),
            late: false,
        }));
    }
    Outcome::new(limit, observed, &complaints)
}
