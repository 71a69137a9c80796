//! Steers a device's clock so that its frames come at the network's rate: a proportional and integral controller over how late frames are.
//!
//! A frame is late when its time lies behind its place on the media clock's line ([`Place::late_ns`](crate::timeline::Place::late_ns)): then the
//! device is to run faster. The proportional part brings half of that away in a second, the integral part learns the rate that is
//! needed all the time; together they settle without swinging over (the damping is 1). The driver moves its rate in steps of its own, so that
//! nothing jumps whatever is asked.

use crate::clock::Local;

/// Parts per billion for each nanosecond of lateness: 1 ns in 2 s.
const PROPORTIONAL: f64 = 0.5;
/// The same for each ns that lasts a second: a quarter of the square of the other, for a damping of 1.
const INTEGRAL: f64 = PROPORTIONAL * PROPORTIONAL / 4.0;
/// How often the rate is looked at: the driver moves it every 40 ms.
pub const PERIOD_NS: i64 = 40_000_000;

/// The controller.
#[derive(Clone, Debug)]
pub struct Steer {
    /// Furthest from 0 that is asked for, in ppb.
    bound: f64,
    /// The rate that is needed all the time, in ppb.
    learnt: f64,
    /// Of the lateness since the last look.
    sum: f64,
    count: u32,
    last: Option<Local>,
    /// What was asked for last.
    asked: i32,
}

impl Steer {
    /// For a device that is steered so far at most, in ppb (`bound_ppb` of the tap's clock); it is at its nominal rate.
    #[must_use]
    pub fn new(bound_ppb: u32) -> Self {
        Self {
            bound: f64::from(bound_ppb.min(i32::MAX as u32)),
            learnt: 0.0,
            sum: 0.0,
            count: 0,
            last: None,
            asked: 0,
        }
    }

    /// A frame was so late, in ns. Gives the rate to ask for, in ppb, when it is another one than before.
    pub fn late(&mut self, now: Local, late_ns: i64) -> Option<i32> {
        self.sum += late_ns as f64;
        self.count += 1;
        let last = *self.last.get_or_insert(now);
        let period = now.saturating_sub(last);
        if period < PERIOD_NS {
            return None;
        }
        // Over a pause nothing is learnt.
        let seconds = period.min(4 * PERIOD_NS) as f64 / 1e9;
        let late = self.sum / f64::from(self.count);
        (self.sum, self.count, self.last) = (0.0, 0, Some(now));
        let learnt = self.learnt + INTEGRAL * late * seconds;
        let wanted = PROPORTIONAL * late + learnt;
        // At the bound the integral part waits, else it would hold the rate there long after.
        if wanted.abs() <= self.bound || wanted * late < 0.0 {
            self.learnt = learnt.clamp(-self.bound, self.bound);
        }
        let wanted = wanted.clamp(-self.bound, self.bound).round() as i32;
        let changed = wanted != self.asked;
        self.asked = wanted;
        changed.then_some(wanted)
    }

    /// Frames were moved: lateness begins anew. What was learnt of the rate stays.
    pub fn moved(&mut self) {
        (self.sum, self.count, self.last) = (0.0, 0, None);
    }

    /// What was asked for last, in ppb.
    #[must_use]
    pub fn asked(&self) -> i32 {
        self.asked
    }
}

#[cfg(test)]
mod tests;
