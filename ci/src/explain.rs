//! Compares a capture with what was expected and says how it differs in the words of the field: lost, repeated, a stale
//! lap, altered, silenced.
//!
//! The capture is walked frame by frame with a displacement: how many frames ahead of its index the audio is. At a
//! difference the explanations are tried from the most telling to the least: silence in place of the signal; the audio
//! of another moment, first of one buffer length ago; altered samples.

use std::cell::Cell;

use waverig_protocol::scenario::Format;
use waverig_signal::compare::first_difference;

use crate::evidence::Piece;
use crate::stream::Stream;

/// What kind of difference it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Frames never came out, and everything after them comes early.
    Lost,
    /// Frames came out again, and everything after them comes late.
    Repeated,
    /// Silence was inserted, and everything after it comes late.
    Inserted,
    /// Audio of one or more buffer lengths ago.
    StaleLap,
    /// Audio of another moment in place of the right one, without displacing what follows.
    Misplaced,
    /// Samples with other bits.
    Altered,
    /// Silence where the signal was due.
    Silenced,
    /// Something where silence was due.
    NotSilent,
    /// No audio was delivered for these frames.
    Missing,
    /// Audio was delivered for frames that were never played.
    Beyond,
    /// Audio was delivered twice for the same frames.
    Twice,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What kind.
    pub kind: Kind,
    /// First frame it shows in, as an index into the stream.
    pub frame: u64,
    /// How many frames are lost, repeated, altered ….
    pub frames: u64,
    /// What happened and where, in a sentence without its full stop.
    pub text: String,
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The differences, at most [`MOST_DIFFERENCES`], in order.
    pub differences: Vec<Difference>,
    /// Whether there are more differences than those.
    pub more: bool,
    /// Frames that were compared.
    pub compared: u64,
    /// How many frames ahead of its index the audio is at the end of the capture.
    pub displacement: i64,
}

/// Differences that are explained; after that one knows.
pub const MOST_DIFFERENCES: usize = 10;

/// Frames that must agree before audio counts as recognised, fewer only at the end of a capture.
const WINDOW: usize = 32;
const SMALLEST_WINDOW: usize = 8;

/// Searches for audio of another moment in one comparison: a capture of noise must not take seconds to explain.
const MOST_SEARCHES: u32 = 64;

/// Compares captured pieces with the expected audio from frame 0 on; both in `format`.
pub fn compare(expected: &[u8], pieces: &[Piece], format: Format, stream: &Stream) -> Comparison {
    compare_given(expected, pieces, format, stream, true)
}

/// As [`compare`]; unless `whole`, what is not among the pieces is not asked for.
pub fn compare_given(
    expected: &[u8],
    pieces: &[Piece],
    format: Format,
    stream: &Stream,
    whole: bool,
) -> Comparison {
    let frame_bytes = format.frame_bytes();
    let total = (expected.len() / frame_bytes) as u64;
    let mut walk = Walk {
        expected,
        frame_bytes,
        format,
        stream,
        shift: 0,
        searches: Cell::new(MOST_SEARCHES),
        found: Comparison::default(),
    };
    let mut end = 0;
    for piece in pieces {
        let frames = (piece.bytes.len() / frame_bytes) as u64;
        if whole && piece.first_frame > end {
            walk.missing(end, piece.first_frame.min(total.max(end)));
        }
        if piece.first_frame < end {
            let twice = (end - piece.first_frame).min(frames);
            walk.report(Kind::Twice, piece.first_frame, twice, || {
                format!("{twice} frames were delivered twice, from")
            });
        }
        walk.piece(piece);
        end = end.max(piece.first_frame + frames);
    }
    if whole {
        walk.missing(end, total);
    }
    walk.found.displacement = walk.shift;
    walk.found
}

struct Walk<'a> {
    expected: &'a [u8],
    frame_bytes: usize,
    format: Format,
    stream: &'a Stream,
    /// The audio captured for frame `f` is that of frame `f + shift`.
    shift: i64,
    /// Searches that are left.
    searches: Cell<u32>,
    found: Comparison,
}

impl<'a> Walk<'a> {
    fn missing(&mut self, from: u64, to: u64) {
        if from < to {
            let frames = to - from;
            self.report(Kind::Missing, from, frames, || {
                format!("{frames} frames are missing from the capture, from")
            });
        }
    }

    /// Reports a difference whose text ends with its place.
    fn report(&mut self, kind: Kind, frame: u64, frames: u64, text: impl FnOnce() -> String) {
        let text = format!("{} {}", text(), self.stream.place(frame));
        self.push(Difference {
            kind,
            frame,
            frames,
            text,
        });
    }

    fn push(&mut self, difference: Difference) {
        if self.found.differences.len() < MOST_DIFFERENCES {
            self.found.differences.push(difference);
        } else {
            self.found.more = true;
        }
    }

    fn piece(&mut self, piece: &Piece) {
        let frames = piece.bytes.len() / self.frame_bytes;
        let mut at = 0;
        while at < frames && !self.found.more {
            let captured = &piece.bytes[at * self.frame_bytes..frames * self.frame_bytes];
            let index = piece.first_frame + at as u64;
            let Some(expected) = self.expected_from(index, self.shift) else {
                self.beyond(index, captured);
                break;
            };
            let same = self.common(captured, expected);
            at += same;
            if same > 0 || at == frames {
                continue;
            }
            at += self.difference(index, captured);
        }
        self.found.compared += frames as u64;
    }

    /// Audio for frames after the last one that was played.
    fn beyond(&mut self, index: u64, captured: &[u8]) {
        let frames = (captured.len() / self.frame_bytes) as u64;
        // After lost frames everything is early, and silence may fill the end.
        if self.shift == 0 || !silent(captured) {
            self.report(Kind::Beyond, index, frames, || {
                format!("{frames} frames more than the stream played were captured, from")
            });
        }
    }

    /// Explains the difference at the first captured frame and says how many captured frames are explained by it.
    fn difference(&mut self, index: u64, captured: &[u8]) -> usize {
        let expected = self.expected_from(index, self.shift).unwrap_or(&[]);
        let captured_silent = self.run(captured, silent);
        if captured_silent > 0 {
            let frames = captured_silent.min(self.run(expected, |frame| !silent(frame)));
            self.report(Kind::Silenced, index, frames as u64, || {
                format!("{frames} frames of silence where the signal was due, from")
            });
            return frames;
        }
        let expected_silent = self.run(expected, silent);
        if let Some(by) = self.displaced(index, captured) {
            return self.elsewhere(index, captured, by, expected_silent);
        }
        if expected_silent > 0 {
            let frames = expected_silent.min(self.run(captured, |frame| !silent(frame)));
            self.report(Kind::NotSilent, index, frames as u64, || {
                format!("{frames} frames of unknown audio where silence was due, from")
            });
            return frames;
        }
        self.altered(index, captured, expected)
    }

    /// The audio is that of another moment, `by` frames away.
    fn elsewhere(&mut self, index: u64, captured: &[u8], by: i64, silent: usize) -> usize {
        let there = self.expected_from(index, self.shift + by).unwrap_or(&[]);
        let mut frames = self.common(captured, there);
        let buffer = self.stream.buffer_frames as i64;
        let returns = self.recognised(index, captured, frames, self.shift, 1);
        if by < 0 && silent > 0 {
            frames = frames.min(silent);
        }
        let (count, distance) = (frames as u64, by.unsigned_abs());
        if by < 0 && (silent > 0 || returns) && by % buffer == 0 {
            let laps = distance / self.stream.buffer_frames;
            let due = if silent > 0 {
                "silence was"
            } else {
                "new audio was"
            };
            self.report(Kind::StaleLap, index, count, || {
                format!(
                    "stale lap: {count} frames are those of {laps} buffer length(s) of {buffer} frames before, where \
                     {due} due, from"
                )
            });
            return frames;
        }
        if returns || (by < 0 && silent > 0) {
            let direction = if by < 0 { "before" } else { "after" };
            self.report(Kind::Misplaced, index, count, || {
                format!("{count} frames are those due {distance} frames {direction}, from")
            });
            return frames;
        }
        self.shift += by;
        let packets = match distance.checked_rem(self.stream.packet_frames) {
            Some(0) => format!(" ({} packet(s))", distance / self.stream.packet_frames),
            _ => String::new(),
        };
        if by > 0 {
            let place = self.stream.place(index);
            self.push(Difference {
                kind: Kind::Lost,
                frame: index,
                frames: distance,
                text: format!(
                    "lost {distance} frames{packets} at {place}; from there on everything comes {distance} frames early"
                ),
            });
        } else {
            self.late(index, distance, &packets);
        }
        0
    }

    /// Everything from `index` on comes `distance` frames late.
    fn late(&mut self, index: u64, distance: u64, packets: &str) {
        let (kind, frame, what) = match self.found.differences.last() {
            Some(last)
                if last.kind == Kind::Silenced
                    && last.frames == distance
                    && last.frame + last.frames == index =>
            {
                let frame = last.frame;
                self.found.differences.pop();
                (Kind::Inserted, frame, "inserted silence of")
            }
            _ => (Kind::Repeated, index, "repeated"),
        };
        let place = self.stream.place(frame);
        self.push(Difference {
            kind,
            frame,
            frames: distance,
            text: format!(
                "{what} {distance} frames{packets} at {place}; from there on everything comes {distance} frames late"
            ),
        });
    }

    /// Samples with other bits, up to where the audio is recognised again.
    fn altered(&mut self, index: u64, captured: &[u8], expected: &[u8]) -> usize {
        let most = (captured.len() / self.frame_bytes).min(expected.len() / self.frame_bytes);
        let frames = (1..most)
            .find(|skip| {
                self.recognised(index, captured, *skip, self.shift, 1)
                    || (*skip % WINDOW == 0
                        && self
                            .displaced(index + *skip as u64, &captured[skip * self.frame_bytes..])
                            .is_some())
            })
            .unwrap_or(most);
        let detail = first_difference(expected, captured, self.format)
            .map(|first| {
                format!(
                    " (channel {}: expected {}, captured {}{})",
                    first.channel,
                    hex(&first.expected),
                    hex(&first.got),
                    bits(&first.expected, &first.got)
                )
            })
            .unwrap_or_default();
        let place = self.stream.place(index);
        self.push(Difference {
            kind: Kind::Altered,
            frame: index,
            frames: frames as u64,
            text: format!("altered {frames} frame(s) at {place}{detail}"),
        });
        frames
    }

    /// How far away the audio of these captured frames is expected, if anywhere within a second.
    fn displaced(&self, index: u64, captured: &[u8]) -> Option<i64> {
        self.searches.set(self.searches.get().checked_sub(1)?);
        let buffer = self.stream.buffer_frames as i64;
        let most = i64::from(self.format.rate).max(4 * buffer);
        let near = (1..=most).flat_map(|by| [by, -by]);
        [-buffer]
            .into_iter()
            .chain(near)
            .find(|by| self.recognised(index, captured, 0, self.shift + by, SMALLEST_WINDOW))
    }

    /// Whether the captured frames after the first `skip` are the expected ones at a displacement; at the end of the
    /// audio `least` frames must do.
    fn recognised(
        &self,
        index: u64,
        captured: &[u8],
        skip: usize,
        shift: i64,
        least: usize,
    ) -> bool {
        let captured = &captured[skip * self.frame_bytes..];
        let Some(expected) = self.expected_from(index + skip as u64, shift) else {
            return false;
        };
        let window = WINDOW * self.frame_bytes;
        let length = window.min(captured.len()).min(expected.len());
        length >= least * self.frame_bytes && captured[..length] == expected[..length]
    }

    /// The expected audio from a frame on; `None` outside of what was played.
    fn expected_from(&self, index: u64, shift: i64) -> Option<&'a [u8]> {
        let frame = usize::try_from(index.checked_add_signed(shift)?).ok()?;
        self.expected
            .get(frame.checked_mul(self.frame_bytes)?..)
            .filter(|rest| !rest.is_empty())
    }

    /// Frames at the start that agree.
    fn common(&self, a: &[u8], b: &[u8]) -> usize {
        let length = a.len().min(b.len());
        if a[..length] == b[..length] {
            return length / self.frame_bytes;
        }
        a.iter().zip(b).take_while(|(a, b)| a == b).count() / self.frame_bytes
    }

    /// Frames at the start for which something holds.
    fn run(&self, audio: &[u8], holds: impl Fn(&[u8]) -> bool) -> usize {
        audio
            .chunks_exact(self.frame_bytes)
            .take_while(|frame| holds(frame))
            .count()
    }
}

fn silent(audio: &[u8]) -> bool {
    audio.iter().all(|byte| *byte == 0)
}

/// A little-endian sample as people write it.
fn hex(sample: &[u8]) -> String {
    let digits: String = sample
        .iter()
        .rev()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("0x{digits}")
}

/// Which bits differ, when they are few.
fn bits(expected: &[u8], got: &[u8]) -> String {
    let bits: Vec<String> = (0..expected.len().min(got.len()) * 8)
        .filter(|bit| (expected[bit / 8] ^ got[bit / 8]) >> (bit % 8) & 1 == 1)
        .map(|bit| bit.to_string())
        .collect();
    match bits.len() {
        1 => format!(", bit {} differs", bits[0]),
        2..=4 => format!(", bits {} differ", bits.join(", ")),
        _ => String::new(),
    }
}
