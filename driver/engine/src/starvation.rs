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
//! With packet numbers (`SetWritePacket`) the driver knows which packets were written in time; then the marks in the tap
//! can be exact, and only what is fed to [`Starvation::clear`] changes.

use crate::units::Frames;

/// Counts the clear frames of a stream since it left STOP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Starvation {
    /// Clear frames so far.
    pub frames: u64,
    /// Runs of consecutive clear frames so far.
    pub runs: u64,
    /// Index of the first frame of the latest run; 0 when there was none.
    pub last_first: u64,
    /// Frames in the latest run; 0 when there was none.
    pub last_frames: u64,
}

impl Starvation {
    /// Notes that `count` frames from `first` were clear. Frames are noted in order; a run that goes on where the latest
    /// one ended is the same run.
    pub fn clear(&mut self, first: Frames, count: u64) {
        if count == 0 {
            return;
        }
        self.frames = self.frames.saturating_add(count);
        let goes_on =
            self.runs > 0 && self.last_first.checked_add(self.last_frames) == Some(first.0);
        if goes_on {
            self.last_frames = self.last_frames.saturating_add(count);
        } else {
            self.runs = self.runs.saturating_add(1);
            self.last_first = first.0;
            self.last_frames = count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjacent_runs_are_one() {
        let mut counted = Starvation::default();
        for (first, count) in [(0, 3), (3, 2), (5, 0), (10, 4), (14, 1)] {
            counted.clear(Frames(first), count);
        }
        assert_eq!(
            counted,
            Starvation {
                frames: 10,
                runs: 2,
                last_first: 10,
                last_frames: 5
            }
        );
    }
}
