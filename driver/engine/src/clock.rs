//! A stream's clock: from device time to frames and back, exactly.
//!
//! `position = base + floor(Δdevice · rate / (frequency · 1e9))`, each time from the start of the run and in 128 bits, so that
//! no error can gather (WDK: `IMiniportWaveRTStream::GetPosition`). Nothing is counted per timer tick. Between the performance
//! counter and device time stands the cable's [`DeviceClock`](crate::DeviceClock).

use core::num::NonZeroU128;

use crate::units::{DeviceTime, FrameRate, Frames, QpcFrequency};

/// The state of a stream, as `KSSTATE` (ks.h) orders it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// No resources are needed; the position is 0.
    #[default]
    Stop,
    /// Resources are there.
    Acquire,
    /// The position stands still.
    Pause,
    /// The position moves.
    Run,
}

impl State {
    /// The state of a `KSSTATE` value 0…3.
    #[must_use]
    pub const fn from_ks(value: u32) -> Option<Self> {
        Some(match value {
            0 => Self::Stop,
            1 => Self::Acquire,
            2 => Self::Pause,
            3 => Self::Run,
            _ => return None,
        })
    }
}

/// The relation between frames and device time during a run: frame `frame` falls due at `at`, later ones at `rate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// The frame that is due at `at`.
    pub frame: Frames,
    /// When `frame` is due.
    pub at: DeviceTime,
    /// Frames per second.
    pub rate: FrameRate,
    /// Ticks per second.
    pub frequency: QpcFrequency,
}

impl Timeline {
    /// Frames that have become due until `at`; never less than at the timeline's start.
    #[must_use]
    pub fn position(&self, at: DeviceTime) -> Frames {
        let units = u128::try_from(at.saturating_sub(self.at).0).unwrap_or(0);
        // Even from one end of the counter to the other this fits: 95 bits and 20.
        let frames = units.saturating_mul(self.rate.hertz().into()) / self.units_per_second();
        let frames = u64::try_from(frames).unwrap_or(u64::MAX);
        self.frame.saturating_add(Frames(frames))
    }

    /// The first device time at which [`Self::position`] is at least `frame`: when `frame` frames have been played, which is
    /// when the frame of that index starts. A frame before the timeline's start is given the start.
    #[must_use]
    pub fn time_of(&self, frame: Frames) -> DeviceTime {
        let frames = u128::from(frame.saturating_sub(self.frame).0);
        // What does not fit here lies behind the counter's end either way.
        let units = frames.saturating_mul(self.units_per_second().get());
        let units = units.div_ceil(self.rate.hertz().into());
        let units = i128::try_from(units).unwrap_or(i128::MAX);
        self.at.saturating_add(DeviceTime(units))
    }

    pub(crate) fn units_per_second(&self) -> NonZeroU128 {
        const PER_TICK: NonZeroU128 = NonZeroU128::new(1_000_000_000).unwrap();
        NonZeroU128::from(self.frequency.divisor()).saturating_mul(PER_TICK)
    }
}

/// A stream's clock.
#[derive(Clone, Debug)]
pub struct Clock {
    rate: FrameRate,
    frequency: QpcFrequency,
    state: State,
    /// The highest position told to anyone; in other states than RUN, the position.
    reported: Frames,
    /// Present exactly while the clock runs.
    running: Option<Timeline>,
}

impl Clock {
    /// A stopped clock at position 0.
    #[must_use]
    pub const fn new(rate: FrameRate, frequency: QpcFrequency) -> Self {
        Self {
            rate,
            frequency,
            state: State::Stop,
            reported: Frames::ZERO,
            running: None,
        }
    }

    /// The state set last.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The timeline of the current run; `None` unless the state is RUN.
    #[must_use]
    pub const fn timeline(&self) -> Option<&Timeline> {
        self.running.as_ref()
    }

    /// Changes the state at time `at`. RUN goes on from where the position stands, ACQUIRE and PAUSE freeze it, STOP
    /// sets it to 0. Every order of states is taken, since a client may skip some.
    pub fn set_state(&mut self, state: State, at: DeviceTime) {
        let position = self.position(at);
        match state {
            State::Run if self.running.is_some() => {}
            State::Run => {
                self.running = Some(Timeline {
                    frame: position,
                    at,
                    rate: self.rate,
                    frequency: self.frequency,
                });
            }
            State::Acquire | State::Pause => self.running = None,
            State::Stop => {
                self.running = None;
                self.reported = Frames::ZERO;
            }
        }
        self.state = state;
    }

    /// Frames played since the stream left STOP. Never goes back while the stream is not stopped, even when `at` does:
    /// two processors may read the counter in one order and take the lock in the other.
    pub fn position(&mut self, at: DeviceTime) -> Frames {
        if let Some(timeline) = &self.running {
            self.reported = self.reported.max(timeline.position(at));
        }
        self.reported
    }

    /// What [`Self::position`] answered last.
    #[must_use]
    pub const fn reported(&self) -> Frames {
        self.reported
    }

    /// The first device time at which the position is at least `frame`; `None` unless the clock runs.
    #[must_use]
    pub fn time_of(&self, frame: Frames) -> Option<DeviceTime> {
        self.running.map(|timeline| timeline.time_of(frame))
    }
}

#[cfg(test)]
mod tests;
