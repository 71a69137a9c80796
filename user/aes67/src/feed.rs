//! What the tap gives, block by block, and the rate that its device is to have: everything about the tap but its requests.

use anyhow::{Context as _, Result};
use waverig_tap::{Block, BlockFlags, Format, Reader};

use crate::clock::Local;
use crate::ptp::Mapping;
use crate::steer::Steer;
use crate::stream::{Input, Stream};

/// Follows the blocks of one handle.
pub struct Feed {
    reader: Reader,
    rate: u32,
    /// `None`: the device's clock is not ours.
    steer: Option<Steer>,
    /// Furthest that was asked for, both ways, in ppb.
    steered: (i32, i32),
    /// Of the stream that goes on in Windows.
    format: Option<Format>,
    /// PTP time has jumped so often.
    jumps: u64,
}

/// What a block leads to.
#[derive(Debug, Default, PartialEq)]
pub struct Step {
    /// Ask the driver for this rate, in ppb.
    pub steer: Option<i32>,
    /// A stream of Windows' began, in this format.
    pub began: Option<Format>,
    /// It ended.
    pub ended: bool,
    /// Frames were sent.
    pub sent: bool,
}

impl Feed {
    /// For a handle whose times are in `qpc_frequency` ticks a second, and a stream of `rate` frames. `bound_ppb`: how far the device's
    /// clock may be steered; `None` when it may not be.
    #[must_use]
    pub fn new(qpc_frequency: i64, rate: u32, bound_ppb: Option<u32>) -> Self {
        Self {
            reader: Reader::new(qpc_frequency),
            rate,
            steer: bound_ppb.map(Steer::new),
            steered: (0, 0),
            format: None,
            jumps: 0,
        }
    }

    /// The driver refused: nobody steers from here.
    pub fn let_go(&mut self) {
        self.steer = None;
    }

    /// Furthest that was asked for, both ways, in ppb; `None` when nobody steers from here.
    #[must_use]
    pub fn steered(&self) -> Option<(i32, i32)> {
        self.steer.as_ref().map(|_| self.steered)
    }

    /// Whether a stream of Windows' plays whose frames can be sent as they are.
    #[must_use]
    pub fn plays(&self) -> bool {
        self.format.is_some_and(|format| format.rate == self.rate)
    }

    /// Takes the reply to a read: its frames go into the stream. `local` is the host's time of the block's first frame; `line` and `jumps` are
    /// what is known of PTP.
    ///
    /// # Errors
    /// How the reply breaks the tap's promises.
    pub fn take(
        &mut self,
        reply: &[u8],
        local: impl FnOnce(i64) -> Local,
        (line, jumps): (Mapping, u64),
        stream: &mut Stream,
        out: &mut impl FnMut(&[u8]),
    ) -> Result<Step> {
        let broken = "the tap breaks its promise";
        let block = Block::decode(reply).context(broken)?;
        let accepted = self.reader.accept(&block).context(broken)?;
        let Some(format) = block.format else {
            return Ok(Step::default());
        };
        let mut step = Step::default();
        if accepted.new_generation {
            if self.format.take().is_some() {
                // Its end was lost.
                stream.end(out);
            }
            self.moved();
            step.began = Some(format);
        }
        self.format = Some(format);
        if block.count > 0 && self.plays() {
            let local = local(block.qpc);
            let input = Input {
                generation: block.generation,
                index: block.first_frame,
                lost: block.lost,
                kind: format.sample,
                channels: format.channels,
                frames: block.frames,
                ptp_ns: line.ptp_at(local),
            };
            let place = stream.block(&input, out);
            step.sent = true;
            // A time line that begins anew says nothing of a rate.
            if place.slipped || place.restart || jumps != self.jumps {
                self.jumps = jumps;
                self.moved();
            }
            step.steer = self
                .steer
                .as_mut()
                .and_then(|steer| steer.late(local, place.late_ns));
        }
        if let Some(ppb) = step.steer {
            self.steered = (self.steered.0.min(ppb), self.steered.1.max(ppb));
        }
        if block.is(BlockFlags::LAST) {
            step.ended = true;
            self.format = None;
            stream.end(out);
        }
        Ok(step)
    }

    fn moved(&mut self) {
        if let Some(steer) = &mut self.steer {
            steer.moved();
        }
    }
}

#[cfg(test)]
mod tests;
