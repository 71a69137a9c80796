//! Starvation: what the driver does, and counts, when a frame falls due and nobody wrote it.
//!
//! **Policy** (what WaveCyclic's port driver did, carried over to WaveRT). A stream starts at once with whatever is in the
//! buffer. A frame that is due is taken out of the buffer and its place set to zero before anyone is told that the position
//! has passed it. So a place that is not written again reads as silence a lap later, never as the previous lap; and a
//! late frame is still played if it is written before it is due.
//!
//! **What can be known.** A frame that is found all zero is called *clear*. A clear frame was either not written in time or
//! written as digital silence: without packet numbers nothing tells the two apart, so clear frames are counted as what they
//! are. A frame that is not all zero was certainly written since its place was taken last. A frame that was written partly
//! when it fell due counts as written and is passed on as found. Frames further behind than the buffer is long (a stalled
//! timer) cannot have been written, since the writer was not told that their places were free; they are clear.
//!
//! With packet numbers (`SetWritePacket`) or a write position the client declares what it has written
//! ([`Written`]); then a clear frame that nobody declared in time is *missed*, exactly and per frame, and one that was declared
//! is the client's own silence. A packet that is declared late is played from the first frame that is not due yet; what lies
//! in the places before that is cleared, so that it is not heard a lap later. Nothing is missed after the end of the stream.

use core::ops::Range;

use crate::units::{Frames, Qpc};
use crate::written::{Clear, Written};

/// Runs of frames remembered.
pub const HISTORY: usize = 8;

/// Counts runs of consecutive frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// Frames so far.
    pub frames: u64,
    /// Runs so far.
    pub runs: u64,
    /// Index of the first frame of the latest run; 0 when there was none.
    pub last_first: u64,
    /// Frames in the latest run; 0 when there was none.
    pub last_frames: u64,
}

impl Runs {
    /// Notes frames, which come in order; a run that goes on where the latest one ended is the same run.
    fn note(&mut self, frames: &Range<u64>) {
        let count = frames.end.saturating_sub(frames.start);
        if count == 0 {
            return;
        }
        self.frames = self.frames.saturating_add(count);
        let goes_on =
            self.runs > 0 && self.last_first.checked_add(self.last_frames) == Some(frames.start);
        if goes_on {
            self.last_frames = self.last_frames.saturating_add(count);
        } else {
            self.runs = self.runs.saturating_add(1);
            self.last_first = frames.start;
            self.last_frames = count;
        }
    }
}

/// A run in the history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StarvedRun {
    /// Index of the first frame.
    pub first: Frames,
    /// How many.
    pub frames: u64,
    /// When the first frame was due.
    pub qpc: Qpc,
    /// Missed; otherwise clear, and nobody knows why.
    pub known: bool,
}

/// Counts the clear and the missed frames of a stream since it left STOP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Starvation {
    /// Clear frames, whatever is known about them.
    pub clear: Runs,
    /// Missed frames: those of the clear ones that are known not to have been written in time.
    pub missed: Runs,
    /// From this frame on it is known of every clear frame whether it was missed; `None`: of none.
    pub known_from: Option<Frames>,
    /// The latest runs of frames that are missed or unknown. Run `n` lies at `n` modulo [`HISTORY`].
    history: [StarvedRun; HISTORY],
    /// Runs ever put into the history.
    noted: u64,
    /// How many of those have their time.
    dated: u64,
    /// What the client has declared in this life.
    pub(crate) written: Written,
}

impl Starvation {
    /// A life of the stream begins: nothing is counted yet, and what was declared before it stands.
    pub(crate) fn begin(&mut self) {
        *self = Self {
            known_from: self.written.known_from(),
            written: core::mem::take(&mut self.written),
            ..Self::default()
        };
    }

    /// It ends: what was counted stands, and nothing is declared for the next one.
    pub(crate) fn end(&mut self) {
        self.written = Written::default();
    }

    /// The client declares frames; see [`Written::declare`].
    pub(crate) fn declare(&mut self, frames: Range<u64>, due: Frames) {
        self.written.declare(frames, due);
        self.known_from = self.written.known_from();
    }

    /// Notes that `count` frames from `first` were clear, in order, and calls `missed` for each stretch of them that the client
    /// is known not to have written in time.
    pub(crate) fn note(&mut self, first: Frames, count: u64, mut missed: impl FnMut(Range<u64>)) {
        self.clear.note(&(first.0..first.0.saturating_add(count)));
        let written = core::mem::take(&mut self.written);
        written.split(first, count, |clear, frames| match clear {
            Clear::Silence => {}
            Clear::Unknown => self.remember(&frames, false),
            Clear::Missed => {
                self.missed.note(&frames);
                self.remember(&frames, true);
                missed(frames);
            }
        });
        self.written = written;
    }

    fn remember(&mut self, frames: &Range<u64>, known: bool) {
        let count = frames.end.saturating_sub(frames.start);
        if let Some(last) = self.noted.checked_sub(1)
            && let Some(last) = self.history.get_mut(place(last))
            && last.known == known
            && last.first.0.checked_add(last.frames) == Some(frames.start)
        {
            last.frames = last.frames.saturating_add(count);
            return;
        }
        if let Some(next) = self.history.get_mut(place(self.noted)) {
            *next = StarvedRun {
                first: Frames(frames.start),
                frames: count,
                qpc: Qpc::ZERO,
                known,
            };
        }
        self.noted = self.noted.saturating_add(1);
    }

    /// Gives the runs noted since the last call their times. A time costs a division, so it is not worked out for runs that
    /// the history has lost already: at most [`HISTORY`] for each call.
    pub(crate) fn date(&mut self, time_of: impl Fn(Frames) -> Option<Qpc>) {
        let oldest = self.noted.saturating_sub(HISTORY as u64);
        for number in self.dated.max(oldest)..self.noted {
            if let Some(run) = self.history.get_mut(place(number)) {
                run.qpc = time_of(run.first).unwrap_or(run.qpc);
            }
        }
        self.dated = self.noted;
    }

    /// The latest runs of frames that are missed or unknown, the latest first.
    pub fn recent(&self) -> impl Iterator<Item = StarvedRun> + '_ {
        let oldest = self.noted.saturating_sub(HISTORY as u64);
        (oldest..self.noted)
            .rev()
            .filter_map(|number| self.history.get(place(number)).copied())
    }
}

const fn place(number: u64) -> usize {
    const { assert!(HISTORY.is_power_of_two()) };
    number as usize & HISTORY.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn noted(declared: Range<u64>, clear: &[(u64, u64)]) -> Starvation {
        let mut counted = Starvation::default();
        if !declared.is_empty() {
            counted.declare(declared, Frames::ZERO);
        }
        for &(first, count) in clear {
            counted.note(Frames(first), count, |_| {});
            counted.date(|frame| Some(Qpc(frame.0 as i64 * 10)));
        }
        counted
    }

    #[test]
    fn adjacent_runs_are_one() {
        let counted = noted(0..0, &[(0, 3), (3, 2), (5, 0), (10, 4), (14, 1)]);
        let expect = Runs {
            frames: 10,
            runs: 2,
            last_first: 10,
            last_frames: 5,
        };
        assert_eq!((counted.clear, counted.missed), (expect, Runs::default()));
        let recent: Vec<_> = counted.recent().collect();
        let run = |first, frames| StarvedRun {
            first: Frames(first),
            frames,
            qpc: Qpc(first as i64 * 10),
            known: false,
        };
        assert_eq!(recent, [run(10, 5), run(0, 5)]);
    }

    #[test]
    fn only_what_nobody_declared_is_missed() {
        let counted = noted(10..20, &[(5, 30)]);
        assert_eq!((counted.clear.frames, counted.missed.frames), (30, 15));
        assert_eq!(
            (counted.missed.last_first, counted.missed.last_frames),
            (20, 15)
        );
        assert_eq!(counted.known_from, Some(Frames(10)));
        let recent: Vec<_> = counted
            .recent()
            .map(|run| (run.first.0, run.frames, run.known))
            .collect();
        assert_eq!(recent, [(20, 15, true), (5, 5, false)]);
    }

    #[test]
    fn the_history_keeps_the_latest_runs() {
        let runs: Vec<_> = (0..20).map(|n| (n * 10, 1)).collect();
        let counted = noted(0..0, &runs);
        let recent: Vec<_> = counted
            .recent()
            .map(|run| (run.first.0, run.qpc.0))
            .collect();
        let expect: Vec<_> = (12..20).rev().map(|n| (n * 10, n as i64 * 100)).collect();
        assert_eq!(recent, expect);
    }
}
