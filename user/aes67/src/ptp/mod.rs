//! A follower of a PTP grandmaster that sets no clock: it measures this host's monotonic clock against the master's, and tells how one
//! follows from the other, how well that is known, and what it rests on.
//!
//! What is said on the network is statime's (messages, best master, delay requests). Its filters and its `OverlayClock` are not used: they
//! bring a clock into step by setting it, in jumps at first; here nothing is set, so each time stamp belongs to one straight line, and
//! [`estimate`] fits that line and says how far off it may be.

pub mod estimate;
pub mod port;
pub mod thread;

use crate::clock::Local;
use crate::sdp::ClockIdentity;

pub use thread::Follower;

/// PTP time as a straight line over local time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mapping {
    /// A local moment…
    pub local: Local,
    /// …and PTP's then, in nanoseconds since its epoch.
    pub ptp: i64,
    /// Nanoseconds that PTP gains on each local one.
    pub rate: f64,
}

impl Mapping {
    /// PTP time at a local moment.
    #[must_use]
    pub fn ptp_at(&self, local: Local) -> i64 {
        let since = local.saturating_sub(self.local);
        let more = (since as f64 * self.rate).round() as i64;
        self.ptp.saturating_add(since).saturating_add(more)
    }

    /// The local moment of a PTP time.
    #[must_use]
    pub fn local_at(&self, ptp: i64) -> Local {
        let since = ptp.saturating_sub(self.ptp);
        let less = (since as f64 * self.rate / (1.0 + self.rate)).round() as i64;
        self.local.saturating_add(since).saturating_sub(less)
    }
}

/// How things stand with the master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// None was heard.
    #[default]
    NoMaster,
    /// One is heard; its time is not known yet.
    Acquiring,
    /// Its time is known, and it goes on telling it.
    Locked,
    /// It has fallen silent, or tells something else all at once; its time goes on as it was known.
    Holdover,
}

impl State {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoMaster => "no master",
            Self::Acquiring => "acquiring",
            Self::Locked => "locked",
            Self::Holdover => "holdover",
        }
    }
}

/// What is known at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Known {
    /// How things stand.
    pub state: State,
    /// Whose time it is; `None` while there is no master.
    pub grandmaster: Option<ClockIdentity>,
    /// The line, once there is one.
    pub estimate: Option<estimate::Estimate>,
    /// How far the line may be off now, in ns. What the network delays more in one direction than in the other nobody can see.
    pub error_ns: i64,
    /// Counts the times that PTP time jumped.
    pub jumps: u64,
}
