//! Whether a recorder that asks for packets was told what `IMiniportWaveRTInputStream::GetReadPacket` promises: the oldest packet that
//! it has not read and that is still whole, the time at which that began, whether there is another; and nothing else when no
//! new packet is complete.

use std::collections::BTreeMap;

use super::{Context, Judgement, Outcome, first_few};
use crate::stream::Stream;
use crate::units::Nanos;
use waverig_protocol::scenario::Client;

/// The oldest packet that is whole at `position`: the one in progress is recorded over the one a lap before it.
pub(super) fn oldest(stream: &Stream, position: u64) -> u64 {
    let packet = stream.packet_frames.max(1);
    let others = (stream.buffer_frames / packet).saturating_sub(1).max(1);
    (position / packet).saturating_sub(others)
}

pub(super) fn run(context: &Context<'_>) -> Judgement {
    if context.recording.is_none() || !matches!(context.file.scenario.client, Client::Packet { .. })
    {
        return Ok(None);
    }
    let stream = context.stream()?;
    if stream.packets_read.is_empty() {
        return Err("the recorder never asked for a packet".into());
    }
    let limit = context.file.limits.tap_time;
    let packet = stream.packet_frames.max(1);
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut next, mut worst) = (0, 0);
    let mut complaints = Vec::new();
    for read in &stream.packets_read {
        *seen.entry(&read.answer).or_default() += 1;
        let position = stream.clock.position(read.qpc);
        let complete = position / packet;
        let number: u64 = oldest(stream, position).max(next);
        let place = || stream.place(position);
        let due = if number < complete {
            "given"
        } else {
            "not-ready"
        };
        if read.answer != due {
            complaints.push(format!(
                "the question for packet {number} was answered with {:?} instead of {due:?}, at {}",
                read.answer,
                place()
            ));
            continue;
        }
        if number >= complete {
            continue;
        }
        next = number + 1;
        if read.packet != number as u32 || read.more != (next < complete) {
            complaints.push(format!(
                "packet {} was given, and {}, when it was the turn of packet {number} of {complete}, at {}",
                read.packet,
                if read.more { "more announced" } else { "no more announced" },
                place()
            ));
        }
        let Some(began) = stream.clock.begin_of(number * packet) else {
            complaints.push(format!("packet {number} was given, and never began"));
            continue;
        };
        let off = stream.clock.nanos(read.at.saturating_sub(began));
        worst = worst.max(off.saturating_abs());
        if off.saturating_abs() > limit.0 {
            let direction = if off < 0 { "before" } else { "after" };
            complaints.push(format!(
                "the time of packet {number} is {} {direction} the clock's for {}",
                Nanos(off.saturating_abs()),
                stream.place(number * packet)
            ));
        }
    }
    let seen: Vec<String> = seen
        .iter()
        .map(|(answer, count)| format!("{count} {answer}"))
        .collect();
    Outcome::new(
        format!("the oldest whole packet, with its time to {limit}"),
        format!("{}, at most {} off", seen.join(", "), Nanos(worst)),
        &first_few(complaints),
    )
}
