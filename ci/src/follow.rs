//! The way of one frame from the client that plays it to the client of the tap, told from a run's timeline: what people
//! look at who want to see how audio gets through a WaveRT driver.

use std::fmt::Write as _;

use waverig_protocol::scenario::Scenario;

use crate::evidence::Evidence;
use crate::stream::{Stream, Write};

/// One thing that happened on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    /// When, in ticks.
    qpc: i64,
    text: String,
}

/// What happened to a frame of the main program's stream, a line a step; times are milliseconds from the moment at which
/// its turn came.
///
/// # Errors
/// When the timeline has no stream, or the stream never came to that frame: how far it came.
pub fn follow(evidence: &Evidence, scenario: &Scenario, frame: u64) -> Result<String, String> {
    let frequency = evidence.machine.qpc_frequency;
    let stream = Stream::from_timeline(&evidence.timeline, scenario.format.rate, frequency)?;
    tell(&stream, frame)
}

fn tell(stream: &Stream, frame: u64) -> Result<String, String> {
    let due = stream.clock.time_of(frame);
    let total = stream.clock.total();
    let (Some(due), true) = (due, frame < total) else {
        return Err(format!(
            "the stream has no frame {frame}; it played {total} frames, the first is 0"
        ));
    };
    let mut steps = vec![Step {
        qpc: due,
        text: "its turn on the stream's clock".into(),
    }];
    steps.extend(writes(stream, frame));
    steps.extend(taken(stream, frame));
    steps.extend(notified(stream, frame));
    steps.extend(delivered(stream, frame));
    steps.sort_by_key(|step| step.qpc);
    let mut text = format!(
        "{}; the buffer holds {} frames\n",
        stream.place(frame),
        stream.buffer_frames
    );
    for step in steps {
        let micros = stream.clock.nanos(step.qpc - due) / 1_000;
        let sign = if micros < 0 { '-' } else { '+' };
        let micros = micros.unsigned_abs();
        let time = format!("{sign}{}.{:03}", micros / 1_000, micros % 1_000);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{time:>12} ms  {}", step.text);
    }
    Ok(text)
}

/// The client puts it into its place in the buffer; of several writes the last counts.
fn writes(stream: &Stream, frame: u64) -> Vec<Step> {
    let covers =
        |write: &&Write| (write.stream_frame..write.stream_frame + write.frames).contains(&frame);
    let writes = stream.writes.iter().filter(covers);
    let steps: Vec<Step> = writes
        .map(|write| {
            let playing = stream.clock.position(write.qpc);
            let place = frame % stream.buffer_frames.max(1);
            let late = if playing > frame { ", too late" } else { "" };
            let last = write.stream_frame + write.frames - 1;
            Step {
                qpc: write.qpc,
                text: format!(
                    "the client writes frames {} to {last} into the shared buffer, this one at place {place}; \
                     frame {playing} is playing{late}",
                    write.stream_frame
                ),
            }
        })
        .collect();
    if !steps.is_empty() {
        return steps;
    }
    let start = stream.clock.start().unwrap_or_default();
    vec![Step {
        qpc: stream.clock.time_of(frame).unwrap_or(start),
        text: "nobody has written it: the driver found its place empty, and it is silence".into(),
    }]
}

/// The first time that anybody was told of a position behind it; by then the driver has taken it and cleared its place.
fn taken(stream: &Stream, frame: u64) -> Option<Step> {
    let (qpc, position) = stream.positions.iter().find(|(_, told)| *told > frame)?;
    Some(Step {
        qpc: *qpc,
        text: format!(
            "the client asks for the position and is told {position}: the frame was taken before, its place is clear"
        ),
    })
}

/// The notification that ends its packet.
fn notified(stream: &Stream, frame: u64) -> Option<Step> {
    let packet = frame.checked_div(stream.packet_frames)?;
    let end = stream.clock.time_of((packet + 1) * stream.packet_frames)?;
    let qpc = stream.notified.iter().find(|qpc| **qpc >= end)?;
    Some(Step {
        qpc: *qpc,
        text: format!(
            "the driver sets the event: packet {packet} is over, its half may be written again"
        ),
    })
}

/// The tap's client gets it.
fn delivered(stream: &Stream, frame: u64) -> Option<Step> {
    let block = stream
        .blocks
        .iter()
        .find(|block| (block.first_frame..block.first_frame + block.frames).contains(&frame))?;
    let first = stream.clock.time_of(block.first_frame)?;
    let off = stream.clock.nanos(block.first_qpc - first);
    Some(Step {
        qpc: block.qpc,
        text: format!(
            "the tap's client gets frames {} to {} in one block; the block's time is that of its first frame, {off} ns off \
             the clock",
            block.first_frame,
            block.first_frame + block.frames - 1
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    #[track_caller]
    fn check(name: &str, frame: u64, expect: &[&str]) {
        let file = model::scenario(name);
        let evidence = model::perfect(&file);
        let text = follow(&evidence, &file.scenario, frame).unwrap_or_else(|error| error);
        let mut rest = text.as_str();
        for words in expect {
            let at = rest
                .find(words)
                .unwrap_or_else(|| panic!("{words:?} is not in its place in\n{text}"));
            rest = &rest[at + words.len()..];
        }
    }

    #[test]
    fn a_frame_is_written_played_notified_and_delivered() {
        check(
            "counter-24bit-event",
            5_000,
            &[
                "packet 10",
                "the client writes frames 4800 to 5279",
                "this one at place 200; frame 4",
                "+0.000 ms  its turn",
                "the tap's client gets frames 4992 to 5039",
                "0 ns off",
                "the driver sets the event: packet 10 is over",
            ],
        );
    }

    #[test]
    fn a_frame_that_nobody_wrote_is_silence() {
        check(
            "stall-163ms",
            75_000,
            &["its turn", "nobody has written it"],
        );
    }

    #[test]
    fn a_frame_that_never_came_is_told_with_how_far_the_stream_came() {
        check(
            "counter-24bit-event",
            1 << 40,
            &["no frame 1099511627776; it played"],
        );
    }
}
