//! From offsets in a cyclic buffer to frames since the start.

use crate::time::{Hns, QPC_FREQUENCY, Qpc};

/// Unrolls offsets with the help of the time that passed: after a long silence a client cannot know otherwise how often
/// the buffer went round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unroll {
    buffer: u64,
    rate: u64,
    frames: u64,
    at: Qpc,
    held: bool,
}

impl Unroll {
    /// A stream that starts at frame 0 at the moment `at`.
    pub(super) fn new(buffer: u64, rate: u32, at: Qpc) -> Self {
        Self {
            buffer,
            rate: u64::from(rate),
            frames: 0,
            at,
            held: false,
        }
    }

    /// The stream stands still from now on.
    pub(super) fn hold(&mut self) {
        self.held = true;
    }

    /// The stream goes on at `now`.
    pub(super) fn go_on(&mut self, now: Qpc) {
        (self.held, self.at) = (false, now);
    }

    /// The position in frames for an offset in frames that was read at `now`: of all that fit the offset, the one
    /// nearest to what the elapsed time gives, and never behind the position before.
    pub(super) fn frames(&mut self, offset: u64, now: Qpc) -> u64 {
        let Hns(elapsed) = if self.held { Hns(0) } else { now - self.at };
        let expected = self.frames + elapsed * self.rate / QPC_FREQUENCY;
        let half = self.buffer / 2;
        let lowest = (expected + half)
            .saturating_sub(self.buffer.saturating_sub(1))
            .max(self.frames);
        // The smallest value from `lowest` on that is congruent to the offset.
        let frames = lowest + (offset + self.buffer - lowest % self.buffer) % self.buffer;
        (self.frames, self.at) = (frames, now);
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs of milliseconds since the start and true frame; offsets are taken from the true frame.
    fn check(steps: &[(u64, u64)]) {
        let start = Qpc(10_000_000);
        let mut unroll = Unroll::new(960, 48_000, start);
        for (millis, frame) in steps {
            let got = unroll.frames(frame % 960, start + Hns::from_millis(*millis));
            assert_eq!(got, *frame, "after {millis} ms");
        }
    }

    #[test]
    fn laps_are_counted() {
        check(&[(0, 0), (10, 480), (20, 960), (30, 1440), (40, 1920)]);
    }

    #[test]
    fn laps_missed_in_a_stall_are_counted() {
        check(&[(10, 480), (173, 8304), (180, 8640)]);
    }

    #[test]
    fn a_position_a_little_off_the_clock_stays_in_its_lap() {
        check(&[(20, 959), (40, 1919), (60, 2890)]);
    }

    #[test]
    fn the_position_never_goes_back() {
        check(&[(10, 480), (10, 480), (10, 481)]);
    }
}
