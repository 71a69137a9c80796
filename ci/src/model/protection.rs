//! What a perfect machine makes of protected content: frames of silence, in blocks of their own.

use std::ops::Range;

use waverig_protocol::scenario::Disturbance;
use waverig_protocol::timeline::Event;

use super::Machine;

impl Machine<'_> {
    /// Tells when the content is protected, and works out which frames that mutes: up to those that were in the buffer when it
    /// became free.
    pub(super) fn protect(&mut self) {
        let file = self.file;
        let buffer = self.buffer.len() / file.scenario.format.frame_bytes();
        for each in &file.scenario.disturbances {
            let Disturbance::Protect { at_ms, for_ms, .. } = *each else {
                continue;
            };
            let from = self.start + i64::from(at_ms) * 10_000;
            let to = from + i64::from(for_ms) * 10_000;
            self.muted
                .push(self.position(from)..self.position(to) + buffer as u64);
            for (qpc, protected) in [(from, true), (to, false)] {
                self.event(qpc, Event::Protected { protected });
            }
        }
    }

    /// Whether a frame is silence because it is protected.
    pub(super) fn is_muted(&self, frame: u64) -> bool {
        self.muted.iter().any(|muted| muted.contains(&frame))
    }

    /// The first part of some frames of which all are protected, or none.
    pub(super) fn alike(&self, frames: Range<u64>) -> Range<u64> {
        let edges = self.muted.iter().flat_map(|muted| [muted.start, muted.end]);
        let edge = edges
            .filter(|edge| frames.contains(edge) && *edge > frames.start)
            .min();
        frames.start..edge.unwrap_or(frames.end)
    }
}
