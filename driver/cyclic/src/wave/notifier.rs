//! What notifies the port: a timer that fires at every so many frames of the stream, as a sound card's interrupt would.

use super::portcls;
use crate::cable::SharedCable;
use crate::pool::PoolBox;
use crate::timer::Timer;
use core::sync::atomic::{AtomicU32, Ordering};
use waverig_engine::{Frames, Hns, Qpc, State as PlayState};
use waverig_portcls::com::Com;
use waverig_portcls::{IPortWaveCyclic, IServiceGroup, NTSTATUS};
use wdk_sys::{PEX_TIMER, PVOID};

/// A stream's notifications.
pub(super) struct Notifier {
    /// `None` only while this is made. Fields are dropped in their order, and its callback uses the others.
    timer: Option<Timer>,
    cable: SharedCable,
    port: Com<IPortWaveCyclic>,
    /// Whom the port serves.
    group: Com<IServiceGroup>,
    /// Frames between two notifications.
    every: AtomicU32,
}

impl Notifier {
    /// PASSIVE_LEVEL.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`, and what PortCls answers.
    pub(super) fn new(
        cable: SharedCable,
        port: Com<IPortWaveCyclic>,
        every: u32,
    ) -> Result<PoolBox<Self>, NTSTATUS> {
        let mut notifier = PoolBox::new(Self {
            cable,
            port,
            group: portcls::service_group()?,
            every: AtomicU32::new(every.max(1)),
            timer: None,
        })?;
        let context = core::ptr::from_ref::<Self>(&notifier).cast();
        let timer = Timer::new(Some(fired), context)?;
        notifier.timer = Some(timer);
        Ok(notifier)
    }

    /// The service group, with a reference of the caller's.
    pub(super) fn group(&self) -> Com<IServiceGroup> {
        self.group.clone()
    }

    /// So many frames lie between two notifications, from the next one on. Any IRQL.
    pub(super) fn set_every(&self, frames: u32) {
        self.every.store(frames.max(1), Ordering::Relaxed);
    }

    /// Sets the timer for the next notification while the stream runs, else takes it back; whether it runs. IRQL ≤ DISPATCH_LEVEL, no
    /// lock held.
    pub(super) fn arm(&self) -> bool {
        let every = u64::from(self.every.load(Ordering::Relaxed));
        self.cable.at_now(|state, now, _| {
            let next = state.playing.as_ref().and_then(|playing| {
                let stream = playing.stream();
                if stream.state() != PlayState::Run {
                    return None;
                }
                let Frames(position) = stream.position();
                let next = position.checked_div(every)?.saturating_add(1);
                stream.time_of(Frames(next.saturating_mul(every)), &state.clock)
            });
            let Some(timer) = &self.timer else {
                return false;
            };
            match next {
                Some(next) => timer.set(self.until(next, now)),
                None => timer.cancel(),
            }
            next.is_some()
        })
    }

    /// Rounded up: the timer must not come early.
    fn until(&self, next: Qpc, now: Qpc) -> Hns {
        let frequency = self.cable.frequency;
        let after = next.since(now, frequency);
        if after.to_qpc(frequency) == next.saturating_sub(now) {
            after
        } else {
            after.saturating_add(Hns(1))
        }
    }
}

/// What is due is taken out of the buffer, and then the port is told. DISPATCH_LEVEL.
unsafe extern "C" fn fired(_: PEX_TIMER, notifier: PVOID) {
    // SAFETY: the context is the notifier, whose timer waits for this callback before it ends.
    let notifier = unsafe { &*notifier.cast::<Notifier>() };
    if notifier.arm() {
        let port = &notifier.port;
        // SAFETY: the port is alive, and the group is one of PortCls's.
        unsafe {
            (port.vtbl().Notify)(port.this(), notifier.group.this().cast());
        }
    }
}
