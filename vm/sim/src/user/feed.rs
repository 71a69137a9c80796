//! Which frames of the signal go where in the stream: the rule that clients and checks share.
//!
//! A client asks for the position right before it writes, and never writes a frame that the position has passed. What
//! could not be written in time is not skipped: the signal goes on at the first place that can still be made.

/// Frames to write: the first of them is frame `stream` of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Write {
    /// First frame of the stream.
    pub(super) stream: u64,
    /// First frame of the signal that goes there.
    pub(super) signal: u64,
    /// How many frames of signal.
    pub(super) frames: u64,
    /// Frames of silence behind them.
    pub(super) silence: u64,
}

/// How far a client has come with its signal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Feed {
    total: u64,
    signal: u64,
    stream: u64,
    end: Option<u64>,
}

impl Feed {
    /// A feed of `total` frames of signal.
    pub(super) fn new(total: u64) -> Self {
        Self {
            total,
            signal: 0,
            stream: 0,
            end: (total == 0).then_some(0),
        }
    }

    /// What to write when everything before `earliest` is too late and everything from `limit` on is too early.
    pub(super) fn next(&mut self, earliest: u64, limit: u64) -> Option<Write> {
        let start = self.stream.max(earliest);
        if start >= limit {
            return None;
        }
        let room = limit - start;
        let frames = room.min(self.total - self.signal);
        let write = Write {
            stream: start,
            signal: self.signal,
            frames,
            silence: room - frames,
        };
        self.signal += frames;
        self.stream = limit;
        if self.signal == self.total && self.end.is_none() {
            self.end = Some(start + frames);
        }
        Some(write)
    }

    /// The frame of the stream behind the last frame of signal, once that is written.
    pub(super) fn end(&self) -> Option<u64> {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames to play; then pairs of earliest and limit with the writes they give as (stream, signal, frames, silence).
    type Step = (u64, u64, Option<(u64, u64, u64, u64)>);

    fn check(total: u64, steps: &[Step], end: Option<u64>) {
        let mut feed = Feed::new(total);
        for (earliest, limit, expect) in steps {
            let expect = expect.map(|(stream, signal, frames, silence)| Write {
                stream,
                signal,
                frames,
                silence,
            });
            assert_eq!(
                feed.next(*earliest, *limit),
                expect,
                "{earliest}..{limit} of {feed:?}"
            );
        }
        assert_eq!(feed.end(), end);
    }

    #[test]
    fn in_time_the_signal_is_written_without_a_gap() {
        check(
            25,
            &[
                (0, 20, Some((0, 0, 20, 0))),
                (20, 30, Some((20, 20, 5, 5))),
                (30, 40, Some((30, 25, 0, 10))),
            ],
            Some(25),
        );
    }

    #[test]
    fn after_a_stall_the_signal_goes_on_at_the_first_place_in_time() {
        check(
            40,
            &[
                (0, 20, Some((0, 0, 20, 0))),
                (60, 70, Some((60, 20, 10, 0))),
                (70, 80, Some((70, 30, 10, 0))),
            ],
            Some(80),
        );
    }

    #[test]
    fn what_is_written_is_not_written_again() {
        check(
            100,
            &[(0, 20, Some((0, 0, 20, 0))), (10, 20, None), (0, 5, None)],
            None,
        );
    }
}
