//! Whether every packet count that the client was told is the clock's position in whole packets.

use super::{Context, Judgement, Outcome, first_few};

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let stream = context.stream()?;
    if stream.counts.is_empty() {
        return Ok(None);
    }
    let mut complaints = Vec::new();
    for &(qpc, told) in &stream.counts {
        let position = stream.clock.position(qpc);
        let Some(due) = position.checked_div(stream.packet_frames) else {
            return Err("the stream has no packets, and yet the client was told a count".into());
        };
        // Clients see 32 bits.
        if told != due as u32 {
            complaints.push(format!(
                "{told} packets were told when {due} were complete, at {}",
                stream.place(position)
            ));
        }
    }
    Outcome::new(
        "floor(position / packet), always",
        format!("{} counts, {} wrong", stream.counts.len(), complaints.len()),
        &first_few(complaints),
    )
}
