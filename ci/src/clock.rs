//! The stream's clock as the host works it out: position from time and time from position, exact.

use crate::steered::Steered;

/// Stretches during which a stream ran.
///
/// At QPC time `q` the position is `base + floor((d(q) - d(start)) · rate / frequency)` frames, where `d` is the device's
/// own clock ([`Steered`]); PAUSE freezes it. Frame `f` is being played while the position is `f`, and has been played
/// once the position is `f + 1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    rate: u32,
    frequency: i64,
    device: Steered,
    stretches: Vec<Stretch>,
}

/// A run of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// When it began.
    pub(crate) start: i64,
    /// The position then.
    pub(crate) base: u64,
    /// When it ended and at which position.
    pub(crate) end: Option<(i64, u64)>,
}

impl Clock {
    /// A clock that has not run yet.
    ///
    /// # Errors
    /// When rate or frequency are no positive numbers.
    pub fn new(rate: u32, frequency: i64) -> Result<Self, String> {
        Self::of_device(rate, frequency, Steered::new(frequency))
    }

    /// The clock of a stream on a device whose own clock is `device`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_device(rate: u32, frequency: i64, device: Steered) -> Result<Self, String> {
        if rate == 0 || frequency <= 0 {
            return Err(format!(
                "no clock has {rate} frames and {frequency} ticks per second"
            ));
        }
        Ok(Self {
            rate,
            frequency,
            device,
            stretches: Vec::new(),
        })
    }

    /// The stream went to RUN. Nothing happens when it runs already.
    pub fn run(&mut self, qpc: i64) {
        let base = self.total();
        if self.stretches.last().is_none_or(|last| last.end.is_some()) {
            self.stretches.push(Stretch {
                start: qpc,
                base,
                end: None,
            });
        }
    }

    /// The stream left RUN. Nothing happens when it does not run.
    pub fn halt(&mut self, qpc: i64) {
        let position = self.position(qpc);
        if let Some(last) = self.stretches.last_mut() {
            last.end.get_or_insert((qpc, position));
        }
    }

    /// The device's own clock.
    pub fn device(&self) -> &Steered {
        &self.device
    }

    /// The stream's runs, in order.
    pub(crate) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Ticks per second.
    pub(crate) fn frequency(&self) -> i64 {
        self.frequency
    }

    /// When the stream first ran.
    pub fn start(&self) -> Option<i64> {
        self.stretches.first().map(|first| first.start)
    }

    /// When the stream last left RUN; `None` while it runs or when it never ran.
    pub fn end(&self) -> Option<i64> {
        self.stretches.last()?.end.map(|(qpc, _)| qpc)
    }

    /// Frames played when the stream last left RUN; 0 while it has not.
    pub fn total(&self) -> u64 {
        self.stretches
            .iter()
            .rev()
            .find_map(|stretch| stretch.end)
            .map_or(0, |(_, position)| position)
    }

    /// The position at a time.
    pub fn position(&self, qpc: i64) -> u64 {
        let Some(stretch) = self.stretches.iter().rev().find(|each| each.start <= qpc) else {
            return 0;
        };
        match stretch.end {
            Some((end, position)) if qpc >= end => position,
            _ => stretch.base + self.frames(stretch.start, qpc),
        }
    }

    /// The position at a time with its fraction of a frame, for statistics.
    pub fn exact_position(&self, qpc: i64) -> f64 {
        let Some(stretch) = self.stretches.iter().rev().find(|each| each.start <= qpc) else {
            return 0.0;
        };
        match stretch.end {
            Some((end, position)) if qpc >= end => position as f64,
            _ => {
                let ticks = self.device.between(stretch.start, qpc) as f64 / 1e9;
                stretch.base as f64 + ticks * f64::from(self.rate) / self.frequency as f64
            }
        }
    }

    /// The first tick at which the position is at least `frames`: when frame `frames` begins and the one before has
    /// been played. `None` when the stream never got there.
    pub fn time_of(&self, frames: u64) -> Option<i64> {
        self.time_in(frames, |position| position >= frames)
    }

    /// When frame `frame` begins to be played. Unlike [`Self::time_of`] that is the end of a pause for the frame that comes
    /// after it. `None` when the stream never got there.
    pub fn begin_of(&self, frame: u64) -> Option<i64> {
        self.time_in(frame, |position| position > frame)
            .or_else(|| self.time_of(frame))
    }

    /// When the position is first `frames` in the first stretch that has not ended or whose end `fits`.
    fn time_in(&self, frames: u64, fits: impl Fn(u64) -> bool) -> Option<i64> {
        let stretch = self.stretches.iter().find(|each| match each.end {
            Some((_, position)) => fits(position),
            None => true,
        })?;
        let ahead = i128::from(frames.saturating_sub(stretch.base));
        // The clock is nowhere further from nominal than its bound: bracket the tick, then halve.
        let nominal = ahead * i128::from(self.frequency) / i128::from(self.rate);
        let slack = nominal / 900 + 2;
        let (mut early, mut late) = (
            i64::try_from(nominal - slack).ok()?.max(-1) + stretch.start,
            i64::try_from(nominal + slack).ok()? + stretch.start,
        );
        while early + 1 < late {
            let middle = early + (late - early) / 2;
            if i128::from(self.frames(stretch.start, middle)) >= ahead {
                late = middle;
            } else {
                early = middle;
            }
        }
        // Frame 0 of a stretch needs no time at all.
        Some(if ahead == 0 { stretch.start } else { late })
    }

    /// Ticks as nanoseconds, rounded to the nearest.
    pub fn nanos(&self, ticks: i64) -> i64 {
        let scaled = i128::from(ticks) * 1_000_000_000;
        let half = i128::from(self.frequency) / 2;
        // Rounds away from zero on both sides; spans of a run fit an i64.
        let rounded = if ticks < 0 {
            scaled - half
        } else {
            scaled + half
        };
        (rounded / i128::from(self.frequency)) as i64
    }

    /// So many milliseconds in ticks.
    pub fn ticks_of_ms(&self, ms: u32) -> i64 {
        self.ticks(i64::from(ms) * 1_000_000)
    }

    /// Nanoseconds as ticks, rounded down.
    pub fn ticks(&self, nanos: i64) -> i64 {
        let scaled = i128::from(nanos) * i128::from(self.frequency);
        // Spans of a run fit an i64.
        scaled.div_euclid(1_000_000_000) as i64
    }

    /// Frames per second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    fn frames(&self, start: i64, qpc: i64) -> u64 {
        // `qpc` is not before `start`: the caller chose a stretch that had begun.
        let units = self.device.between(start, qpc.max(start));
        let second = i128::from(self.frequency) * 1_000_000_000;
        (units * i128::from(self.rate) / second) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_times_are_inverse() {
        let mut clock = Clock::new(48_000, 10_000_000).expect("a clock");
        clock.run(1_000);
        clock.halt(1_000 + 10_000_000);
        assert_eq!(clock.total(), 48_000);
        for frame in [0, 1, 2, 3, 479, 480, 47_999, 48_000] {
            let at = clock.time_of(frame).expect("the stream got there");
            assert_eq!(clock.position(at), frame);
            assert!(frame == 0 || clock.position(at - 1) == frame - 1);
        }
        assert_eq!(clock.time_of(48_001), None);
        assert_eq!(clock.position(999), 0);
        assert_eq!(clock.position(i64::MAX), 48_000);
    }

    #[test]
    fn a_pause_freezes_the_position() {
        let mut clock = Clock::new(48_000, 10_000_000).expect("a clock");
        clock.run(0);
        clock.halt(10_000_000);
        clock.run(50_000_000);
        clock.run(51_000_000);
        clock.halt(60_000_000);
        assert_eq!(clock.position(30_000_000), 48_000);
        assert_eq!(clock.position(55_000_000), 72_000);
        assert_eq!(clock.total(), 96_000);
        assert_eq!(clock.time_of(72_000), Some(55_000_000));
        assert_eq!(
            (clock.time_of(48_000), clock.begin_of(48_000)),
            (Some(10_000_000), Some(50_000_000))
        );
        assert_eq!(clock.begin_of(96_000), Some(60_000_000));
        assert_eq!((clock.start(), clock.end()), (Some(0), Some(60_000_000)));
        // The frame that was about to begin when the stream paused begins when it goes on.
        assert_eq!(clock.time_of(48_000), Some(10_000_000));
        assert_eq!(clock.begin_of(48_000), Some(50_000_000));
        assert_eq!(clock.begin_of(47_999), clock.time_of(47_999));
    }

    #[test]
    fn a_steered_clock_gains_frames_without_a_jump() {
        let mut device = Steered::new(10_000_000);
        device.steer(10_000_000, 1_000_000);
        let mut clock = Clock::of_device(48_000, 10_000_000, device).expect("a clock");
        clock.run(0);
        // 50 steps of 40 ms up to the bound, then 1 frame in 1000 more.
        let before = clock.position(30_000_000);
        assert_eq!(clock.position(130_000_000) - before, 480_480);
        let mut last = 0;
        for tick in (0..60_000_000).step_by(999) {
            let position = clock.position(tick);
            assert!((last..=last + 5).contains(&position), "a jump at {tick}");
            last = position;
            let at = clock.time_of(position).expect("the stream got there");
            assert!(at <= tick && clock.position(at) == position);
            assert!(position == 0 || clock.position(at - 1) == position - 1);
        }
        clock.halt(60_000_000);
        clock.run(90_000_000);
        assert_eq!(clock.position(90_000_000), clock.total());
    }

    #[test]
    fn a_clock_needs_a_rate() {
        assert!(Clock::new(0, 10_000_000).is_err());
        assert!(Clock::new(48_000, 0).is_err());
    }
}
