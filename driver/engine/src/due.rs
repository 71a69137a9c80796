//! Which frames have fallen due since the last look, and which of them the buffer can hold.

use crate::units::Frames;

/// What is to be consumed, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The first frame that is due.
    pub first: Frames,
    /// Frames to take out of the buffer, at most one lap.
    pub held: u64,
    /// Frames due after those. The buffer cannot hold them, so they are silence.
    pub beyond: u64,
}

/// Remembers up to where frames have been consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consumed {
    taken: Frames,
}

impl Consumed {
    /// Everything before this frame has been consumed.
    #[must_use]
    pub const fn taken(&self) -> Frames {
        self.taken
    }

    /// What is due at `position` with a buffer of `lap` frames (0: no buffer); afterwards it counts as consumed.
    ///
    /// After a stall of more than a lap it is the *oldest* lap that the buffer holds: the writer knows no further
    /// position than the one consumed last, so what it wrote belongs to the lap that follows it.
    pub fn due(&mut self, position: Frames, lap: u64) -> Due {
        let all = position.saturating_sub(self.taken).0;
        let held = all.min(lap);
        let due = Due {
            first: self.taken,
            held,
            beyond: all.saturating_sub(held),
        };
        self.taken = self.taken.max(position);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stalls_of_any_length_are_split_at_one_lap() {
        // 48 frames a millisecond, a buffer of 20 ms.
        let lap = 960;
        for (from, to, held, beyond) in [
            (0, 0, 0, 0),
            (0, 48, 48, 0),
            (48, 48 + 20 * 48, 960, 0),
            (48, 49 + 20 * 48, 960, 1),
            (7, 7 + 163 * 48, 960, 143 * 48),
            (7, 7 + 895 * 48, 960, 875 * 48),
            (500, 400, 0, 0),
        ] {
            let mut consumed = Consumed {
                taken: Frames(from),
            };
            let due = consumed.due(Frames(to), lap);
            assert_eq!(
                due,
                Due {
                    first: Frames(from),
                    held,
                    beyond
                },
                "{from} to {to}"
            );
            assert_eq!(consumed.taken(), Frames(from.max(to)));
            assert_eq!(consumed.due(Frames(to), lap).held, 0, "consumed twice");
        }
    }

    #[test]
    fn without_a_buffer_everything_is_silence() {
        let mut consumed = Consumed::default();
        let expect = Due {
            first: Frames(0),
            held: 0,
            beyond: 100,
        };
        assert_eq!(consumed.due(Frames(100), 0), expect);
    }
}
