//! How far a render stream is: what was played, copied and filled with silence. Arithmetic alone; the stream does what it says.
//!
//! The policy is that of "WaveCyclic Latency": the write position is kept 40 ms ahead of the play position, as far as there is data;
//! when it is less than 30 ms ahead, silence follows the last valid data, and later data goes over that silence.
//!
//! Two counts of bytes: the device's, which goes on whatever it plays, and the stream's, of data alone. They differ by the gaps.

use std::collections::VecDeque;

/// How far ahead of the play position data is copied, and below what silence is written ("WaveCyclic Latency").
const LEAD_MS: u64 = 40;
const LOW_MS: u64 = 30;

/// A client's data, and what it belongs to.
pub(super) struct Piece<T> {
    /// The stream's count behind its last byte.
    end: u64,
    pub(super) data: T,
    bytes: u64,
}

/// Bytes to copy: from an offset in a piece to an offset in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    /// Which piece, counted from the first that is not finished.
    pub(super) piece: usize,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) bytes: u64,
}

/// The state of a stream's data.
pub(super) struct Flow<T> {
    frame: u64,
    size: u64,
    lead: u64,
    low: u64,
    /// The device's count of what it has played.
    played: u64,
    /// The device's count behind the last data, and behind the last silence.
    valid: u64,
    silent: u64,
    /// Bytes that the device played without data.
    gaps: u64,
    pieces: VecDeque<Piece<T>>,
    /// The stream's count behind the last piece.
    given: u64,
}

impl<T> Flow<T> {
    /// Of frames of `frame` bytes at `rate`, in a buffer of `size` bytes, a whole number of frames. A buffer of less than 40 ms is
    /// filled up (inferred).
    pub(super) fn new(frame: u64, rate: u64, size: u64) -> Self {
        let of = |ms: u64| (rate * ms / 1000 * frame).min(size);
        Self {
            frame,
            size,
            lead: of(LEAD_MS),
            low: of(LOW_MS),
            played: 0,
            valid: 0,
            silent: 0,
            gaps: 0,
            pieces: VecDeque::new(),
            given: 0,
        }
    }

    /// The device is at an offset in the buffer; gives how far it went since it was last asked.
    pub(super) fn advance(&mut self, offset: u64) -> u64 {
        let went = (offset + self.size - self.played % self.size) % self.size;
        self.played += went;
        went
    }

    /// The client hands over more.
    pub(super) fn give(&mut self, bytes: u64, data: T) {
        self.given += bytes;
        self.pieces.push_back(Piece {
            end: self.given,
            data,
            bytes,
        });
    }

    /// The stream's count of what was copied.
    pub(super) fn copied(&self) -> u64 {
        self.valid - self.gaps
    }

    /// The stream's count of what was played.
    pub(super) fn heard(&self) -> u64 {
        self.played.saturating_sub(self.gaps).min(self.copied())
    }

    /// What to copy next. What comes too late begins where the device is now (inferred: no page says where).
    pub(super) fn copy(&mut self) -> Option<Copy> {
        let copied = self.copied();
        let piece = self.pieces.iter().position(|piece| piece.end > copied)?;
        if self.played > self.valid {
            let now = self.played.next_multiple_of(self.frame);
            self.gaps += now - self.valid;
            self.valid = now;
        }
        let ahead = self.valid.saturating_sub(self.played);
        let Piece { end, bytes, .. } = &self.pieces[piece];
        let (left, from) = (end - copied, bytes - (end - copied));
        let to = self.valid % self.size;
        let bytes = left
            .min(self.lead.saturating_sub(ahead))
            .min(self.size - to);
        if bytes == 0 {
            return None;
        }
        self.valid += bytes;
        Some(Copy {
            piece,
            from,
            to,
            bytes,
        })
    }

    /// Where to write silence next, and how much: up to 40 ms ahead ("The amount of silence … is kept fairly small"; how much is
    /// inferred).
    pub(super) fn silence(&mut self) -> Option<(u64, u64)> {
        if self.valid >= self.played + self.low {
            return None;
        }
        let from = self.valid.max(self.silent).max(self.played);
        let bytes = (self.played + self.lead).checked_sub(from)?;
        let at = from % self.size;
        let bytes = bytes.min(self.size - at);
        self.silent = from + bytes;
        (bytes > 0).then_some((at, bytes))
    }

    /// A piece by the number that [`Flow::copy`] gave.
    pub(super) fn piece(&self, index: usize) -> &T {
        &self.pieces[index].data
    }

    /// A piece that was played to its end.
    pub(super) fn finished(&mut self) -> Option<Piece<T>> {
        let heard = self.heard();
        self.pieces.pop_front_if(|piece| piece.end <= heard)
    }

    /// The stream stops: everything begins anew; what was not played comes back.
    pub(super) fn stop(&mut self) -> impl Iterator<Item = Piece<T>> + use<T> {
        (self.played, self.valid, self.silent) = (0, 0, 0);
        (self.gaps, self.given) = (0, 0);
        std::mem::take(&mut self.pieces).into_iter()
    }

    /// What was not finished comes back: its client has gone. What of it was copied is played all the same.
    pub(super) fn abandon(&mut self) -> impl Iterator<Item = Piece<T>> + use<T> {
        self.given = self.copied();
        std::mem::take(&mut self.pieces).into_iter()
    }

    /// Takes out what a predicate picks, wherever it stands, if none of it was copied.
    pub(super) fn take(&mut self, pick: impl Fn(&T) -> bool) -> Option<T> {
        let copied = self.copied();
        let index = self.pieces.iter().position(|piece| pick(&piece.data))?;
        let piece = &self.pieces[index];
        if piece.end - piece.bytes < copied {
            return None;
        }
        let gone = self.pieces.remove(index)?;
        for later in self.pieces.range_mut(index..) {
            later.end -= gone.bytes;
        }
        self.given -= gone.bytes;
        Some(gone.data)
    }
}

impl<T> Piece<T> {
    /// Its bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One step: what is asked, and what it must give.
    enum Step {
        Give(u64),
        At(u64),
        Copies(&'static [(usize, u64, u64, u64)]),
        Silences(&'static [(u64, u64)]),
        Finished(&'static [u64]),
        /// Heard and copied.
        Is(u64, u64),
    }
    use Step::{At, Copies, Finished, Give, Is, Silences};

    /// Frames of one byte at 1000 Hz: a byte is a millisecond.
    fn check(size: u64, steps: &[Step]) {
        let mut flow = Flow::new(1, 1000, size);
        for (number, step) in steps.iter().enumerate() {
            match *step {
                Give(bytes) => flow.give(bytes, bytes),
                At(offset) => _ = flow.advance(offset),
                Copies(expect) => {
                    let copies = std::iter::from_fn(|| flow.copy())
                        .map(|one| (one.piece, one.from, one.to, one.bytes));
                    assert_eq!(copies.collect::<Vec<_>>(), expect, "step {number}");
                }
                Silences(expect) => {
                    let all: Vec<_> = std::iter::from_fn(|| flow.silence()).collect();
                    assert_eq!(all, expect, "step {number}");
                }
                Finished(expect) => {
                    let all = std::iter::from_fn(|| flow.finished()).map(|piece| piece.data);
                    assert_eq!(all.collect::<Vec<_>>(), expect, "step {number}");
                }
                Is(heard, copied) => {
                    assert_eq!((flow.heard(), flow.copied()), (heard, copied), "{number}");
                }
            }
        }
    }

    #[test]
    fn data_is_copied_40_ms_ahead_and_no_further() {
        check(
            100,
            &[
                Give(25),
                Give(25),
                Copies(&[(0, 0, 0, 25), (1, 0, 25, 15)]),
                Silences(&[]),
                At(10),
                Finished(&[]),
                Copies(&[(1, 15, 40, 10)]),
                At(26),
                Finished(&[25]),
                Is(26, 50),
            ],
        );
    }

    #[test]
    fn a_stream_starts_with_what_there_is_and_silence_behind_it() {
        check(
            100,
            &[
                Give(10),
                Copies(&[(0, 0, 0, 10)]),
                Silences(&[(10, 30)]),
                At(5),
                Silences(&[(40, 5)]),
                // In time: over the silence, without a gap.
                Give(10),
                Copies(&[(1, 0, 10, 10)]),
                At(20),
                Is(20, 20),
                Finished(&[10, 10]),
            ],
        );
    }

    #[test]
    fn what_comes_too_late_begins_where_the_device_is() {
        check(
            100,
            &[
                Give(10),
                Copies(&[(0, 0, 0, 10)]),
                At(30),
                Is(10, 10),
                Give(20),
                Finished(&[10]),
                Copies(&[(0, 0, 30, 20)]),
                Is(10, 30),
                At(45),
                Is(25, 30),
                At(90),
                Silences(&[(90, 10), (0, 30)]),
                Finished(&[20]),
            ],
        );
    }

    #[test]
    fn a_copy_ends_at_the_end_of_the_buffer_and_goes_on_at_its_start() {
        check(
            30,
            &[
                Give(50),
                Copies(&[(0, 0, 0, 30)]),
                At(20),
                Copies(&[(0, 30, 0, 20)]),
                At(5),
                Is(35, 50),
            ],
        );
    }

    #[test]
    fn a_piece_of_which_nothing_was_copied_can_be_taken_back() {
        let mut flow = Flow::new(1, 1000, 100);
        for bytes in [30, 20, 5] {
            flow.give(bytes, bytes);
        }
        while flow.copy().is_some() {}
        assert_eq!(flow.take(|bytes| *bytes == 20), None);
        assert_eq!(flow.take(|bytes| *bytes == 5), Some(5));
        flow.give(7, 7);
        flow.advance(45);
        while flow.copy().is_some() {}
        assert_eq!(flow.copied(), 57);
        assert_eq!(flow.abandon().map(|piece| piece.bytes()).sum::<u64>(), 57);
        assert!(flow.copy().is_none() && flow.finished().is_none());
        flow.give(4, 4);
        assert_eq!(flow.copy().map(|copy| (copy.from, copy.to)), Some((0, 62)));
        assert_eq!(flow.stop().map(|piece| piece.bytes()).sum::<u64>(), 4);
        assert_eq!((flow.heard(), flow.copied()), (0, 0));
    }
}
