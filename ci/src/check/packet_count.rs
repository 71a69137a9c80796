//! Whether every packet count that the client was told is the clock's position in whole packets.

use super::{Context, Judgement, Outcome};

pub(super) fn run(context: &Context<'_>) -> Judgement {
    let stream = context.stream()?;
    if stream.counts.is_empty() {
        return Ok(None);
    }
    let slack = context.file.limits.position.0;
    let mut complaints = Vec::new();
    for &(qpc, told) in &stream.counts {
        let position = stream.clock.position(qpc);
        let of = |position: u64| position.checked_div(stream.packet_frames);
        let (Some(due), Some(least), Some(most)) = (
            of(position),
            of(position.saturating_sub(slack)),
            of(position.saturating_add(slack)),
        ) else {
            return Err("the stream has no packets, and yet the client was told a count".into());
        };
        // Clients see 32 bits.
        if (least..=most).all(|count| told != count as u32) {
            complaints.push(format!(
                "{told} packets were told when {due} were complete, at {}",
                stream.place(position)
            ));
        }
    }
    Outcome::of_time(
        "floor(position / packet), always",
        format!("{} counts, {} wrong", stream.counts.len(), complaints.len()),
        Vec::new(),
        complaints,
    )
}
