//! Disturbances: a processor that somebody else holds.

use std::cell::Cell;
use std::collections::VecDeque;

use waverig_protocol::scenario::Disturbance;

use crate::kernel::kernel;
use crate::sched;
use crate::time::{Hns, Qpc};

thread_local! {
    static HELD_UNTIL: Cell<Qpc> = const { Cell::new(Qpc(0)) };
}

/// Until when somebody else last held the processor.
pub(crate) fn held_until() -> Qpc {
    HELD_UNTIL.get()
}

/// Arranges the timer stalls among `disturbances` of the main player, whose stream starts at `start`: time passes, and
/// nothing on the one processor runs; what fell due meanwhile runs late.
pub(super) fn arrange_stalls(disturbances: &[Disturbance], start: Qpc) {
    for disturbance in disturbances {
        if let Disturbance::TimerStall { at_ms, for_ms } = *disturbance {
            sched::at(
                start + Hns::from_millis(at_ms.into()),
                "the processor is held",
                move || {
                    let now = kernel().now();
                    kernel()
                        .clock
                        .advance_to(now + Hns::from_millis(for_ms.into()));
                    HELD_UNTIL.set(kernel().now());
                },
            );
        }
    }
}

/// How much longer a wait may take because of them.
pub(super) fn allowance(disturbances: &[Disturbance]) -> Hns {
    let held = disturbances.iter().map(|disturbance| match *disturbance {
        Disturbance::TimerStall { for_ms, .. }
        | Disturbance::Sleep { for_ms, .. }
        | Disturbance::PowerDown { for_ms, .. } => u64::from(for_ms),
        _ => 0,
    });
    Hns::from_millis(held.sum())
}

/// The client's own stalls, in the order they are due.
pub(super) struct ClientStalls {
    due: Vec<(Qpc, u32)>,
}

impl ClientStalls {
    /// Those among `disturbances` of a stream that starts at `start`.
    pub(super) fn new(disturbances: &[Disturbance], start: Qpc) -> Self {
        let mut due: Vec<(Qpc, u32)> = disturbances
            .iter()
            .filter_map(|disturbance| match *disturbance {
                Disturbance::ClientStall { at_ms, for_ms } => {
                    Some((start + Hns::from_millis(at_ms.into()), for_ms))
                }
                _ => None,
            })
            .collect();
        due.sort();
        Self { due }
    }

    /// The stall that begins now, in milliseconds.
    pub(super) fn take(&mut self) -> Option<u32> {
        let (at, for_ms) = *self.due.first()?;
        if kernel().now() < at {
            return None;
        }
        self.due.remove(0);
        Some(for_ms)
    }
}

/// The client's pauses, in the order they are due.
pub(super) struct Pauses {
    due: VecDeque<(Qpc, Hns)>,
}

impl Pauses {
    /// Those among `disturbances` of a stream that starts at `start`.
    pub(super) fn new(disturbances: &[Disturbance], start: Qpc) -> Self {
        let mut due: Vec<(Qpc, Hns)> = disturbances
            .iter()
            .filter_map(|disturbance| match *disturbance {
                Disturbance::Pause { at_ms, for_ms } => Some((
                    start + Hns::from_millis(at_ms.into()),
                    Hns::from_millis(for_ms.into()),
                )),
                _ => None,
            })
            .collect();
        due.sort();
        Self { due: due.into() }
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Qpc {
        self.due.front().map_or(Qpc(u64::MAX), |(at, _)| *at)
    }

    /// The pause that begins now: how long it lasts.
    pub(super) fn take(&mut self) -> Option<Hns> {
        let now = kernel().now();
        let due = self.due.pop_front_if(|(at, _)| *at <= now);
        due.map(|(_, length)| length)
    }
}

/// What a packet client does wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lapse {
    /// See [`Disturbance::LatePacket`].
    Late,
    /// See [`Disturbance::WrongPackets`].
    Wrong,
}

/// The client's lapses, in the order they are due.
pub(super) struct Lapses {
    due: Vec<(Qpc, Lapse)>,
}

impl Lapses {
    /// Those among `disturbances` of a stream that starts at `start`.
    pub(super) fn new(disturbances: &[Disturbance], start: Qpc) -> Self {
        let mut due: Vec<(Qpc, Lapse)> = disturbances
            .iter()
            .filter_map(|disturbance| match *disturbance {
                Disturbance::LatePacket { at_ms } => Some((at_ms, Lapse::Late)),
                Disturbance::WrongPackets { at_ms } => Some((at_ms, Lapse::Wrong)),
                _ => None,
            })
            .map(|(at_ms, lapse)| (start + Hns::from_millis(at_ms.into()), lapse))
            .collect();
        due.sort();
        Self { due }
    }

    /// The one that is due now.
    pub(super) fn take(&mut self) -> Option<Lapse> {
        let (at, lapse) = *self.due.first()?;
        if kernel().now() < at {
            return None;
        }
        self.due.remove(0);
        Some(lapse)
    }
}
