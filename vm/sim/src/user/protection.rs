//! When what a stream carries is protected: the kernel says so to the driver, and the program that plays it may not.

use std::collections::VecDeque;

use waverig_portcls::{DRMRIGHTS, KSDRMAUDIOSTREAM_CONTENTID};
use waverig_protocol::scenario::{Disturbance, Forbids};

use crate::kernel::kernel;
use crate::time::{Hns, Qpc};

/// What the kernel calls the protected content; what is free is number 0.
const CONTENT: u32 = 7;

/// The changes, in the order they are due.
pub(super) struct Protections {
    due: VecDeque<(Qpc, KSDRMAUDIOSTREAM_CONTENTID)>,
}

impl Protections {
    /// Those among `disturbances` of a stream that starts at `start`.
    pub(super) fn new(disturbances: &[Disturbance], start: Qpc) -> Self {
        let mut due = VecDeque::new();
        for disturbance in disturbances {
            let Disturbance::Protect {
                at_ms,
                for_ms,
                forbids,
            } = *disturbance
            else {
                continue;
            };
            let rights = DRMRIGHTS {
                CopyProtect: i32::from(forbids == Forbids::Copies),
                Reserved: 0,
                DigitalOutputDisable: i32::from(forbids == Forbids::DigitalOutput),
            };
            let protected = KSDRMAUDIOSTREAM_CONTENTID {
                ContentId: CONTENT,
                DrmRights: rights,
            };
            let at = start + Hns::from_millis(at_ms.into());
            due.push_back((at, protected));
            due.push_back((at + Hns::from_millis(for_ms.into()), Default::default()));
        }
        due.make_contiguous().sort_by_key(|(at, _)| *at);
        Self { due }
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Qpc {
        self.due.front().map_or(Qpc(u64::MAX), |(at, _)| *at)
    }

    /// The one that is due now.
    pub(super) fn take(&mut self) -> Option<KSDRMAUDIOSTREAM_CONTENTID> {
        let now = kernel().now();
        let due = self.due.pop_front_if(|(at, _)| *at <= now);
        due.map(|(_, content)| content)
    }
}
