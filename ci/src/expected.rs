//! What must come out of the tap, worked out from what the client wrote and when.
//!
//! The rule, with its edge. Frame `f` has been played once the stream's position is `f + 1`; the driver takes it out of
//! the buffer and clears its place no later than when anybody learns of a position above `f`. The client asks for the
//! position immediately before it writes, so at the time of a write the driver has taken exactly the frames below
//! `position(write)`. A write of stream frame `f` is therefore in time if and only if `position(write) ≤ f`, and then
//! it decides what frame `f` sounds like, unless a later write that is still in time replaces it. A frame that no write
//! reached in time is silence.
//!
//! A write that is too late for its frame does not vanish: its bytes lie in the buffer at `f modulo buffer` and will be
//! played one or more laps later, unless they are replaced before. That is the client's doing and the driver cannot
//! know better, so it is expected, but it is reported ([`Expected::stale`]), as is a write so early that it replaces a
//! frame of the lap before ([`Expected::torn`]). A client that says what it writes is known better: see
//! [`written`](crate::written).

use crate::stream::Stream;
use crate::written::{Sizes, Written};

/// A stretch of frames with one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First frame in the stream.
    pub first: u64,
    /// How many, at least one.
    pub frames: u64,
    /// Where its audio comes from.
    pub source: Source,
}

/// Where the audio of a stretch comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody wrote in time.
    Silence,
    /// The signal, from this frame on.
    Signal(u64),
}

/// What must come out of the tap, frame by frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Stretches without gaps, from frame 0; neighbours differ in source.
    pub runs: Vec<Run>,
    /// What lay in the buffer when it was taken out: the same, but for protected content, which comes out as silence.
    pub buffered: Vec<Run>,
    /// Frames the stream played.
    pub total: u64,
    /// Frames that sound wrong because the client wrote them too late for the lap they were meant for.
    pub stale: u64,
    /// Frames that sound wrong because the client wrote the next lap over them before they were played.
    pub torn: u64,
    /// What the client said that it has written.
    pub written: Written,
    /// What the driver must have answered to each thing it said.
    pub answers: Vec<&'static str>,
}

/// The signal frame of a frame that nobody wrote.
const SILENCE: u64 = u64::MAX;

/// Longest stream that is worked out frame by frame: an hour at 192 kHz.
const MOST_FRAMES: u64 = 3600 * 192_000;

impl Expected {
    /// Works out a stream.
    ///
    /// # Errors
    /// When the stream never ran or is too long to be worked out.
    pub fn of(stream: &Stream, frame_bytes: usize) -> Result<Self, String> {
        let total = stream.clock.total();
        if stream.clock.end().is_none() {
            return Err("the timeline has no stream that ran and left RUN again".into());
        }
        if total > MOST_FRAMES {
            return Err(format!(
                "the stream played {total} frames; at most {MOST_FRAMES} can be checked"
            ));
        }
        let mut played = vec![SILENCE; total as usize];
        // Which frame of the stream the client meant to be heard there.
        let mut meant: Vec<u64> = (0..total).collect();
        let buffer = stream.buffer_frames;
        let sizes = Sizes {
            buffer,
            packet: stream.packet_frames,
            frame_bytes: frame_bytes as u64,
        };
        let mut written = Written::new(total);
        let mut answers = Vec::new();
        let mut said = stream.said.iter().peekable();
        // Everything the client said before the write that comes next, or at all.
        let mut listen = |before: usize, played: &mut [u64], meant: &mut [u64]| {
            while let Some(one) = said.next_if(|one| one.after_writes <= before) {
                let due = stream.clock.position(one.qpc);
                answers.push(written.take(one, due, sizes, |frame| {
                    if frame < total {
                        played[frame as usize] = SILENCE;
                        meant[frame as usize] = frame;
                    }
                }));
            }
        };
        for (index, write) in stream.writes.iter().enumerate() {
            listen(index, &mut played, &mut meant);
            let position = stream.clock.position(write.qpc);
            for offset in 0..write.frames {
                let frame = write.stream_frame + offset;
                // The place is played next at the first frame at or after the position that shares it.
                let lands = position + (frame + buffer - position % buffer) % buffer;
                if lands < total {
                    played[lands as usize] = write.signal_frame + offset;
                    meant[lands as usize] = frame;
                }
            }
        }
        listen(usize::MAX, &mut played, &mut meant);
        let wrong = |wrong: fn(u64, u64) -> bool| {
            (0..)
                .zip(&meant)
                .filter(|(frame, meant)| wrong(**meant, *frame))
                .count() as u64
        };
        let buffered = runs(&played);
        for muted in stream.muted() {
            let end = muted.end.min(total);
            played[muted.start.min(end) as usize..end as usize].fill(SILENCE);
        }
        Ok(Self {
            runs: runs(&played),
            buffered,
            total,
            stale: wrong(|meant, frame| meant < frame),
            torn: wrong(|meant, frame| meant > frame),
            written,
            answers,
        })
    }

    /// The stretches up to the end of the signal, after which there is only silence.
    pub fn signal_runs(&self) -> &[Run] {
        signal(&self.runs)
    }

    /// The silent stretches before the signal ends: where the stream was starved.
    pub fn starved(&self) -> impl Iterator<Item = Run> {
        signal(&self.buffered)
            .iter()
            .copied()
            .filter(|run| run.source == Source::Silence)
    }
}

fn signal(runs: &[Run]) -> &[Run] {
    let last = runs.iter().rposition(|run| run.source != Source::Silence);
    &runs[..last.map_or(0, |last| last + 1)]
}

/// Joins frames of the signal (`u64::MAX`: silence) into runs.
pub(crate) fn runs(played: &[u64]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (first, &signal) in (0..).zip(played) {
        if let Some(last) = runs.last_mut() {
            let continues = match last.source {
                Source::Silence => signal == SILENCE,
                Source::Signal(start) => signal != SILENCE && signal == start + last.frames,
            };
            if continues {
                last.frames += 1;
                continue;
            }
        }
        runs.push(Run {
            first,
            frames: 1,
            source: if signal == SILENCE {
                Source::Silence
            } else {
                Source::Signal(signal)
            },
        });
    }
    runs
}

#[cfg(test)]
mod tests {
    use waverig_protocol::timeline::{Event, Stamped};

    use super::*;

    /// 1000 frames and ticks per second: frame and tick are the same number. A buffer of 20 frames; RUN at tick 100,
    /// stop at the given frame. Writes are (tick after RUN, stream frame, signal frame, frames).
    fn check(stop: i64, writes: &[(i64, u64, u64, u64)], expect: &str) {
        let mut timeline = vec![Stamped::new(
            0,
            Event::Opened {
                buffer_frames: 20,
                packet_frames: 10,
            },
        )];
        let state = |qpc, state: &str| {
            let state = state.into();
            Stamped::new(qpc, Event::State { state })
        };
        timeline.push(state(100, "run"));
        timeline.extend(
            writes
                .iter()
                .map(|&(at, stream_frame, signal_frame, frames)| {
                    let wrote = Event::Wrote {
                        stream_frame,
                        signal_frame,
                        frames,
                    };
                    Stamped::new(100 + at, wrote)
                }),
        );
        timeline.push(state(100 + stop, "pause"));
        timeline.sort_by_key(|each| each.qpc);
        let stream = Stream::from_timeline(&timeline, 1000, 1000).expect("a timeline");
        let expected = Expected::of(&stream, 4).expect("a stream");
        let mut text: Vec<String> = expected
            .runs
            .iter()
            .map(|run| match run.source {
                Source::Silence => format!("{}+{} silent", run.first, run.frames),
                Source::Signal(signal) => format!("{}+{} from {signal}", run.first, run.frames),
            })
            .collect();
        for (count, what) in [(expected.stale, "stale"), (expected.torn, "torn")] {
            if count > 0 {
                text.push(format!("{count} {what}"));
            }
        }
        assert_eq!(text.join(", "), expect);
    }

    #[test]
    fn writes_in_time_are_heard() {
        check(10, &[], "0+10 silent");
        check(30, &[(-5, 0, 0, 20), (10, 20, 20, 10)], "0+30 from 0");
        check(25, &[(0, 0, 500, 10)], "0+10 from 500, 10+15 silent");
        check(
            12,
            &[(0, 0, 0, 20), (3, 10, 50, 2)],
            "0+10 from 0, 10+2 from 50",
        );
    }

    #[test]
    fn the_edge_is_the_frame_being_played() {
        // At position 7 frame 7 is still to be taken, frame 6 has been.
        check(10, &[(7, 7, 7, 3)], "0+7 silent, 7+3 from 7");
        check(10, &[(7, 6, 6, 4)], "0+7 silent, 7+3 from 7");
    }

    #[test]
    fn a_late_write_is_heard_a_lap_later_and_called_stale() {
        check(
            30,
            &[(7, 0, 0, 10)],
            "0+7 silent, 7+3 from 7, 10+10 silent, 20+7 from 0, 27+3 silent, 7 stale",
        );
        check(
            30,
            &[(7, 0, 0, 10), (19, 20, 20, 10)],
            "0+7 silent, 7+3 from 7, 10+10 silent, 20+10 from 20",
        );
    }

    #[test]
    fn an_early_write_tears_the_lap_before() {
        check(
            20,
            &[(0, 0, 0, 20), (5, 20, 20, 10)],
            "0+5 from 0, 5+5 from 25, 10+10 from 10, 5 torn",
        );
    }
}
