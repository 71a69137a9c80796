//! Where frames go on the media clock's time line, on which a stream has a place for every frame, whatever becomes of it.
//!
//! - The first frame of a stream of Windows' goes to the place nearest to the PTP time at which it was due; the others follow it without a gap,
//!   however their times tremble.
//! - Frames that the tap lost are silence of the same length.
//! - When frames and time have come apart by more than [`SLIP_NS`] (the stream paused, PTP time jumped, or nobody steers the device's clock),
//!   the frames go to where their time says: silence fills what is free, and what would come before something that was sent is dropped.
//! - Between streams there is silence, or nothing: that is the sender's to say ([`Timeline::idle`]).

use crate::media::nearest_frame;

/// How far frames and their times may come apart: a millisecond is the shortest link offset that a receiver is sure to have (AES67-2018, 7.4
/// takes 20 ms or 20 packets for granted).
pub const SLIP_NS: i64 = 1_000_000;
/// A longer hole in a stream is not filled: the time stamps say how long it was. Parts of a second.
const MOST_HOLE: i64 = 1;
/// The same between streams, where the sender fills what is to be filled while it lasts.
const MOST_BETWEEN: i64 = 10;

/// A block's way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Where its first frame goes that is sent.
    pub first: i64,
    /// Silent frames to send before it.
    pub silence: u64,
    /// Frames of its front that are not sent: their time is over.
    pub skip: u64,
    /// The time line goes on at `first`; what lies between is neither sent nor silent.
    pub restart: bool,
    /// Frames and times had come apart.
    pub slipped: bool,
    /// How much later, in ns, the frame's time is than its place: what steering brings to 0.
    pub late_ns: i64,
}

/// The time line of one stream.
#[derive(Clone, Debug)]
pub struct Timeline {
    rate: u32,
    /// The Windows stream that goes on, and where its frame 0 lies.
    current: Option<(u32, i64)>,
    /// The first place that is free.
    next: Option<i64>,
}

impl Timeline {
    /// Nothing was sent.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        Self {
            rate,
            current: None,
            next: None,
        }
    }

    /// The first place that is free; `None` while nothing was sent.
    #[must_use]
    pub fn next(&self) -> Option<i64> {
        self.next
    }

    /// Places a block: the stream's generation, index and number of its frames, and the PTP time at which the first one was due.
    pub fn place(&mut self, generation: u32, index: u64, count: u64, ptp_ns: i64) -> Place {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        let by_time = nearest_frame(ptp_ns, self.rate);
        let follows = self.current.filter(|current| current.0 == generation);
        let (mut origin, mut slipped) = match follows {
            Some((_, origin)) => (origin, false),
            None => (by_time.saturating_sub(index), false),
        };
        let mut late_ns = self.late(origin.saturating_add(index), ptp_ns);
        if late_ns.abs() > SLIP_NS {
            origin = by_time.saturating_sub(index);
            late_ns = self.late(by_time, ptp_ns);
            slipped = true;
        }
        self.current = Some((generation, origin));
        let wanted = origin.saturating_add(index);
        let next = self.next.unwrap_or(wanted);
        let ahead = wanted.saturating_sub(next);
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        // A jump backwards is no reason to say nothing for as long as it was.
        let parts = if follows.is_some() {
            MOST_HOLE
        } else {
            MOST_BETWEEN
        };
        let far = ahead.saturating_abs() > i64::from(self.rate) / parts;
        let restart = self.next.is_none() || far;
        let (silence, skip) = match restart {
            true => (0, 0),
            false => (ahead.max(0), ahead.saturating_neg().clamp(0, count)),
        };
        let first = wanted.saturating_add(skip);
        let end = wanted.saturating_add(count);
        self.next = Some(if restart { end } else { end.max(next) });
        Place {
            first,
            silence: silence.unsigned_abs(),
            skip: skip.unsigned_abs(),
            restart,
            slipped,
            late_ns,
        }
    }

    /// Silence up to a place, while there is no stream; how many frames.
    pub fn idle(&mut self, until: i64) -> u64 {
        let Some(next) = self.next else { return 0 };
        let frames = until.saturating_sub(next).max(0);
        self.next = Some(next.saturating_add(frames));
        frames.unsigned_abs()
    }

    /// What was sent ends there, since a packet was filled.
    pub fn filled(&mut self, next: i64) {
        self.next = Some(next);
    }

    /// In ns, of a time and a place.
    fn late(&self, place: i64, ptp_ns: i64) -> i64 {
        let rate = i128::from(self.rate);
        let late = i128::from(ptp_ns) - i128::from(place) * 1_000_000_000 / rate;
        i64::try_from(late).unwrap_or(if late < 0 { i64::MIN + 1 } else { i64::MAX })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::media::time_of;

    const RATE: u32 = 48_000;
    const T0: i64 = 1_790_000_000_000_000_000;

    fn begun() -> (Timeline, i64) {
        let mut line = Timeline::new(RATE);
        let place = line.place(1, 0, 48, T0);
        let first = nearest_frame(T0, RATE);
        assert_eq!(
            (place.first, place.restart, place.silence, place.skip),
            (first, true, 0, 0)
        );
        (line, first)
    }

    fn ms(ms: i64) -> i64 {
        T0 + ms * 1_000_000
    }

    #[test]
    fn frames_follow_each_other_whatever_their_times_tremble() {
        let (mut line, first) = begun();
        for (packet, tremble) in [(1, 300_000), (2, -400_000), (3, 900_000), (4, 0)] {
            let place = line.place(1, 48 * packet as u64, 48, ms(packet) + tremble);
            assert_eq!(
                place,
                Place {
                    first: first + 48 * packet,
                    late_ns: place.late_ns,
                    ..Place::default()
                }
            );
            assert!((place.late_ns - tremble).abs() < 21_000, "{place:?}");
        }
    }

    #[test]
    fn lost_frames_are_silence_of_their_length() {
        let (mut line, first) = begun();
        let place = line.place(1, 480, 48, ms(10));
        assert_eq!(
            (place.first, place.silence, place.skip, place.restart),
            (first + 480, 432, 0, false)
        );
    }

    #[test]
    fn a_pause_moves_the_frames_to_their_time() {
        let (mut line, first) = begun();
        let place = line.place(1, 48, 48, ms(101));
        assert!(place.slipped && !place.restart);
        assert_eq!((place.first, place.silence), (first + 48 * 101, 48 * 100));
        // And on from there.
        let place = line.place(1, 96, 48, ms(102));
        assert_eq!(
            (place.first, place.silence, place.slipped),
            (first + 48 * 102, 0, false)
        );
    }

    #[test]
    fn a_long_pause_is_a_gap() {
        let (mut line, first) = begun();
        let place = line.place(1, 48, 48, ms(5_001));
        assert_eq!(
            (place.first, place.silence, place.restart),
            (first + 48 * 5_001, 0, true)
        );
    }

    #[test]
    fn the_next_stream_begins_at_its_own_time() {
        let (mut line, first) = begun();
        let place = line.place(2, 0, 48, ms(20) + 7_000);
        assert_eq!(
            (place.first, place.silence, place.slipped),
            (first + 960, 912, false)
        );
        // A client that joined in the middle.
        let (mut line, first) = begun();
        let place = line.place(2, 4800, 48, ms(20));
        assert_eq!((place.first, place.silence), (first + 960, 912));
    }

    #[test]
    fn what_would_come_before_something_sent_is_dropped() {
        let (mut line, first) = begun();
        assert_eq!(line.idle(first + 96), 48);
        let place = line.place(2, 0, 60, ms(1));
        assert_eq!(
            (place.first, place.skip, place.silence),
            (first + 96, 48, 0)
        );
        // All of it.
        let place = line.place(3, 0, 30, ms(1));
        assert_eq!((place.skip, line.next()), (30, Some(first + 108)));
        assert_eq!(line.idle(first), 0);
    }

    #[test]
    fn a_jump_back_of_ptp_begins_anew() {
        let (mut line, first) = begun();
        let place = line.place(1, 48, 48, ms(1) - 3_000_000_000);
        assert!(place.restart && place.slipped && place.skip == 0);
        assert_eq!(place.first, first + 48 - 3 * 48_000);
        assert_eq!(line.next(), Some(place.first + 48));
    }

    proptest! {
        /// Whatever comes: nothing is sent twice, places only grow but for a restart, and each frame is within the limit of its time.
        #[test]
        fn the_line_has_no_hole_and_no_overlap(blocks in prop::collection::vec((1u32..3, 0u64..10_000, 0u64..500, -60_000i64..60_000), 1..40)) {
            let mut line = Timeline::new(RATE);
            let mut free = None;
            for (generation, index, count, at) in blocks {
                let frame = nearest_frame(T0, RATE) + at;
                let place = line.place(generation, index, count, time_of(frame, RATE));
                match free {
                    Some(free) if !place.restart => {
                        // Of a block of which nothing is sent it does not matter where that would have gone.
                        let sends = place.skip < count || place.silence > 0;
                        prop_assert!(!sends || place.first - place.silence as i64 == free);
                    }
                    _ => prop_assert!(place.restart),
                }
                prop_assert!(place.late_ns.abs() <= SLIP_NS);
                let sent = place.first + (count - place.skip) as i64;
                free = line.next();
                prop_assert!(place.skip == count || free >= Some(sent));
                if place.skip < count {
                    prop_assert_eq!(free, Some(sent));
                }
            }
        }

        /// No numbers break it.
        #[test]
        fn no_numbers_break_it(blocks in prop::collection::vec((any::<u32>(), any::<u64>(), any::<u64>(), any::<i64>()), 1..10)) {
            let mut line = Timeline::new(96_000);
            for (generation, index, count, ptp) in blocks {
                line.place(generation, index, count, ptp);
            }
        }
    }
}
