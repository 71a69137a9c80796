//! A PTP port that listens (IEEE 1588-2008 over UDP, annex D; end-to-end delay), without sockets: messages and times go in, messages to send
//! come out. The protocol is statime's; of its measurements an [`Estimator`] makes a line.
//!
//! Intervals are those of the default profile and of AES67's media profile alike: masters announce themselves every 2 s or more often; one is
//! taken after its second announcement, and is gone after 6 to 12 s of silence; it is asked for the delay four times a second at the mean.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use statime::config::{
    AcceptAnyMaster, ClockIdentity as Identity, DelayMechanism, InstanceConfig, PortConfig,
    PtpMinorVersion, TimePropertiesDS, TimeSource,
};
use statime::filters::{Filter, FilterEstimate, FilterUpdate};
use statime::port::{Measurement, PortAction, PortActionIterator, Running, TimestampContext};
use statime::time::{Duration as Span, Interval, Time};
use statime::{Clock, PtpInstance};

use super::estimate::Estimator;
use super::{Known, State};
use crate::clock::Local;
use crate::sdp::ClockIdentity;

/// What both sides of statime hold: its filter fills it, the port reads it.
type Shared = Arc<Mutex<Estimator>>;

fn lock(shared: &Shared) -> MutexGuard<'_, Estimator> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Instead of a filter: hands measurements on.
pub struct Collect(Shared);

impl Filter for Collect {
    type Config = Shared;

    fn new(config: Shared) -> Self {
        Self(config)
    }

    fn measurement<C: Clock>(&mut self, measured: Measurement, _: &mut C) -> FilterUpdate {
        let ns = |span: Span| i64::try_from(span.nanos_rounded()).ok();
        let at = i64::try_from(measured.event_time.nanos().to_num::<u128>()).unwrap_or(i64::MAX);
        if let Some(offset) = measured.raw_sync_offset.and_then(ns) {
            lock(&self.0).sync(at, offset);
        }
        if let Some(offset) = measured.raw_delay_offset.and_then(ns) {
            lock(&self.0).delay(at, offset);
        }
        FilterUpdate {
            next_update: None,
            mean_delay: measured.delay,
        }
    }

    fn update<C: Clock>(&mut self, _: &mut C) -> FilterUpdate {
        FilterUpdate::default()
    }

    fn demobilize<C: Clock>(self, _: &mut C) {
        lock(&self.0).restart();
    }

    fn current_estimates(&self) -> FilterEstimate {
        FilterEstimate {
            offset_from_master: Span::ZERO,
            mean_delay: Span::ZERO,
        }
    }
}

/// No clock is set: [`Collect`] asks for nothing.
pub struct Untouched;

impl Clock for Untouched {
    type Error = Infallible;

    fn now(&self) -> Time {
        time(crate::clock::now())
    }

    fn step_clock(&mut self, _: Span) -> Result<Time, Infallible> {
        Ok(self.now())
    }

    fn set_frequency(&mut self, _: f64) -> Result<Time, Infallible> {
        Ok(self.now())
    }

    fn set_properties(&mut self, _: &TimePropertiesDS) -> Result<(), Infallible> {
        Ok(())
    }
}

fn time(local: Local) -> Time {
    Time::from_nanos(u64::try_from(local).unwrap_or(0))
}

/// What statime calls an instance: one clock on the network.
pub type Instance = PtpInstance<Collect>;

/// An instance that never becomes a master.
#[must_use]
pub fn instance(identity: ClockIdentity, domain: u8) -> Instance {
    PtpInstance::new(
        InstanceConfig {
            clock_identity: Identity(identity.0),
            priority_1: 255,
            priority_2: 255,
            domain_number: domain,
            slave_only: true,
            sdo_id: Default::default(),
            path_trace: false,
        },
        TimePropertiesDS::new_arbitrary_time(false, false, TimeSource::InternalOscillator),
    )
}

/// A message to send.
#[derive(Debug)]
pub struct Out {
    /// Its bytes.
    pub data: Vec<u8>,
    /// For the event port: when it left is to be told with this ([`Port::sent`]). `None`: for the general port.
    pub context: Option<TimestampContext>,
}

/// When something is to be done.
#[derive(Debug, Default)]
struct Timers {
    best: Local,
    request: Option<Local>,
    silence: Option<Local>,
}

type Port1<'a> = statime::port::Port<'a, Running, AcceptAnyMaster, StdRng, Untouched, Collect>;

/// The port.
pub struct Port<'a> {
    instance: &'a Instance,
    /// Away only while statime looks for the best master.
    port: Option<Port1<'a>>,
    timers: Timers,
    out: Vec<Out>,
    estimator: Shared,
}

impl<'a> Port<'a> {
    /// The only port of an instance.
    pub fn new(instance: &'a Instance, rng: StdRng, now: Local) -> Self {
        let estimator = Shared::default();
        let config = PortConfig {
            acceptable_master_list: AcceptAnyMaster,
            delay_mechanism: DelayMechanism::E2E {
                interval: Interval::from_log_2(-2),
            },
            announce_interval: Interval::from_log_2(1),
            announce_receipt_timeout: 3,
            sync_interval: Interval::from_log_2(-3),
            master_only: false,
            delay_asymmetry: Span::ZERO,
            minor_ptp_version: PtpMinorVersion::Zero,
        };
        let port = instance.add_port(config, estimator.clone(), Untouched, rng);
        let (port, actions) = port.end_bmca();
        let (mut timers, mut out) = (Timers::default(), Vec::new());
        absorb(actions, now, &mut timers, &mut out);
        timers.best = now;
        Self {
            instance,
            port: Some(port),
            timers,
            out,
            estimator,
        }
    }

    /// A message came to the event port at that moment.
    pub fn event(&mut self, data: &[u8], at: Local) {
        if let Some(port) = &mut self.port {
            let actions = port.handle_event_receive(data, time(at));
            absorb(actions, at, &mut self.timers, &mut self.out);
        }
    }

    /// A message came to the general port.
    pub fn general(&mut self, data: &[u8], now: Local) {
        if let Some(port) = &mut self.port {
            let actions = port.handle_general_receive(data);
            absorb(actions, now, &mut self.timers, &mut self.out);
        }
    }

    /// A message that [`Self::take`] gave has left.
    pub fn sent(&mut self, context: TimestampContext, at: Local) {
        if let Some(port) = &mut self.port {
            let actions = port.handle_send_timestamp(context, time(at));
            absorb(actions, at, &mut self.timers, &mut self.out);
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Local) {
        let due = |timer: &mut Option<Local>| timer.take_if(|at| *at <= now).is_some();
        if self.timers.best <= now {
            self.timers.best = now + ns(self.instance.bmca_interval());
            if let Some(port) = self.port.take() {
                let mut port = port.start_bmca();
                self.instance.bmca(&mut [&mut port]);
                let (port, actions) = port.end_bmca();
                absorb(actions, now, &mut self.timers, &mut self.out);
                self.port = Some(port);
            }
        }
        let Some(port) = &mut self.port else { return };
        if due(&mut self.timers.request) {
            let actions = port.handle_delay_request_timer();
            absorb(actions, now, &mut self.timers, &mut self.out);
        }
        if due(&mut self.timers.silence) {
            let actions = port.handle_announce_receipt_timer();
            absorb(actions, now, &mut self.timers, &mut self.out);
        }
    }

    /// When [`Self::tick`] is to be called.
    #[must_use]
    pub fn next(&self) -> Local {
        let timers = [self.timers.request, self.timers.silence];
        let soonest = timers.into_iter().flatten().min();
        soonest.map_or(self.timers.best, |at| at.min(self.timers.best))
    }

    /// What is to be sent.
    pub fn take(&mut self) -> Vec<Out> {
        std::mem::take(&mut self.out)
    }

    /// What is known.
    #[must_use]
    pub fn known(&self, now: Local) -> Known {
        let heard = self.port.as_ref().is_some_and(|port| port.is_steering());
        let known = lock(&self.estimator).known(now);
        let state = match (heard, known.state) {
            (false, State::Locked | State::Holdover) => State::Holdover,
            (false, _) => State::NoMaster,
            (true, state) => state,
        };
        let parent = self.instance.parent_ds().grandmaster_identity;
        Known {
            state,
            grandmaster: heard.then_some(ClockIdentity(parent.0)),
            ..known
        }
    }
}

fn ns(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX / 2)
}

/// Keeps what statime wants done.
fn absorb(actions: PortActionIterator<'_>, now: Local, timers: &mut Timers, out: &mut Vec<Out>) {
    for action in actions {
        match action {
            PortAction::SendEvent { context, data, .. } => out.push(Out {
                data: data.to_vec(),
                context: Some(context),
            }),
            PortAction::SendGeneral { data, .. } => out.push(Out {
                data: data.to_vec(),
                context: None,
            }),
            PortAction::ResetDelayRequestTimer { duration } => {
                timers.request = Some(now + ns(duration));
            }
            PortAction::ResetAnnounceReceiptTimer { duration } => {
                timers.silence = Some(now + ns(duration));
            }
            // A master's, a filter's, and those of clocks with several ports.
            PortAction::ResetAnnounceTimer { .. }
            | PortAction::ResetSyncTimer { .. }
            | PortAction::ResetFilterUpdateTimer { .. }
            | PortAction::ForwardTLV { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
