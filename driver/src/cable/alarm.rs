//! The cable's timer. One serves both directions and the tap: it is set for the first thing that is to be done, and only while
//! a stream runs. Guarded by the cable lock.

use crate::timer::Timer;
use waverig_engine::{Hns, Qpc, QpcFrequency};

pub(super) struct Alarm {
    timer: Timer,
    /// What the timer is set for.
    set_for: Option<Qpc>,
}

impl Alarm {
    pub(super) const fn new(timer: Timer) -> Self {
        Self {
            timer,
            set_for: None,
        }
    }

    /// The timer has fired.
    pub(super) fn fired(&mut self) {
        self.set_for = None;
    }

    /// Sets the timer for the next moment at which something is to be done, or cancels it when there is none. DISPATCH_LEVEL.
    pub(super) fn set(&mut self, deadline: Option<Qpc>, now: Qpc, frequency: QpcFrequency) {
        match deadline {
            deadline if deadline == self.set_for => {}
            Some(deadline) => {
                // One more, because the span is rounded down and the timer must not come early.
                let after = deadline.since(now, frequency);
                let exact = after.to_qpc(frequency) == deadline.saturating_sub(now);
                self.timer.set(if exact {
                    after
                } else {
                    after.saturating_add(Hns(1))
                });
            }
            None => self.timer.cancel(),
        }
        self.set_for = deadline;
    }
}
