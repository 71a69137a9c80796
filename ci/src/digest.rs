//! A long run that was folded: whether every frame, position, block and notification of it was right.
//!
//! A client that never stalls is given back its own signal, frame for frame; and since a digest tells the extremes of all times, what
//! holds for them holds for each. The clock of such a run is not steered.

use waverig_protocol::scenario::{Client, Scenario};
use waverig_protocol::timeline::{Digest, Event, Stamped, Times};
use waverig_signal::Generator;

use crate::Limits;
use crate::units::Nanos;

/// Frames that are generated at a time.
const PORTION: u64 = 4_096;

/// What a folded run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// Frames that the tap delivered, each the right one.
    pub frames: u64,
    /// Notifications.
    pub notifications: u64,
    /// Positions, each exact to the frame.
    pub positions: u64,
    /// Blocks.
    pub blocks: u64,
    /// How late the latest notification came.
    pub latest: Nanos,
}

impl Folded {
    /// This part of a run and another.
    pub fn merge(&mut self, other: &Self) {
        self.frames += other.frames;
        self.notifications += other.notifications;
        self.positions += other.positions;
        self.blocks += other.blocks;
        self.latest = self.latest.max(other.latest);
    }
}

/// Judges digests as they come, so that a machine and its judge work side by side.
pub struct Judge {
    scenario: Scenario,
    limits: Limits,
    generator: Generator,
    /// Ticks per second.
    frequency: i64,
    folded: Folded,
    scratch: Vec<u8>,
}

impl Judge {
    /// For a run of `scenario` on a machine whose counter has `frequency` ticks per second.
    ///
    /// # Errors
    /// A signal that there is not in this format.
    pub fn new(scenario: &Scenario, limits: &Limits, frequency: i64) -> Result<Self, String> {
        let generator = Generator::new(&scenario.signal, scenario.format);
        Ok(Self {
            scenario: scenario.clone(),
            limits: *limits,
            generator: generator.map_err(|error| error.to_string())?,
            frequency,
            folded: Folded::default(),
            scratch: Vec::new(),
        })
    }

    /// Takes what was observed.
    ///
    /// # Errors
    /// The first thing that is not right.
    pub fn take(&mut self, events: &[Stamped]) -> Result<(), String> {
        for stamped in events {
            if let Event::Digest { digest } = &stamped.event {
                self.stretch(digest)
                    .map_err(|what| format!("from frame {} on: {what}", digest.first_frame))?;
            }
        }
        Ok(())
    }

    /// What the whole came to.
    ///
    /// # Errors
    /// When less, or more, was delivered than was played.
    pub fn end(self) -> Result<Folded, String> {
        let played = self.scenario.frames();
        // Behind its signal a stream plays silence until it is stopped.
        if self.folded.frames < played {
            return Err(format!(
                "the tap delivered {} frames of {played}",
                self.folded.frames
            ));
        }
        Ok(self.folded)
    }

    fn stretch(&mut self, digest: &Digest) -> Result<(), String> {
        let rate = i64::from(self.scenario.format.rate);
        let due = self.folded.frames;
        if digest.frames > 0 && digest.first_frame != due {
            return Err(format!("frame {due} was due"));
        }
        let crc = self.crc(due, digest.frames);
        if crc != digest.crc32 {
            return Err(format!(
                "the CRC-32 of {} frames is {:08x}, that of what was played is {crc:08x}",
                digest.frames, digest.crc32
            ));
        }
        // A stream's end is silence that nobody wrote.
        let beyond = (due + digest.frames).saturating_sub(self.scenario.frames());
        if digest.lost > 0 || digest.missed > 0 || digest.clear > beyond {
            return Err(format!(
                "{} frames lost, {} missed, {} clear",
                digest.lost, digest.missed, digest.clear
            ));
        }
        if digest.misplaced > 0 {
            return Err(format!("{} writes came too late", digest.misplaced));
        }
        // Floor: a position lies less than a frame behind the clock, and never before it.
        within("positions", &digest.positions, 0, self.frequency - 1)?;
        let off = self.limits.tap_time.0 * self.frequency / 1_000_000_000 * rate;
        within("blocks' times", &digest.blocks, -off, off)?;
        let late = self.limits.notification_late.0 * self.frequency / 1_000_000_000 * rate;
        within("notifications", &digest.notifications, 0, late)?;
        if digest.notifications.count > 0 {
            let latest = digest.notifications.most / rate * 1_000_000_000 / self.frequency;
            self.folded.latest = self.folded.latest.max(Nanos(latest));
        }
        self.counts(digest)?;
        self.folded.frames += digest.frames;
        self.folded.notifications += digest.notifications.count;
        self.folded.positions += digest.positions.count;
        self.folded.blocks += digest.blocks.count;
        Ok(())
    }

    /// One notification for each packet, give or take the two at the stretch's ends.
    fn counts(&self, digest: &Digest) -> Result<(), String> {
        let Client::EventDriven { packet_frames } = self.scenario.client else {
            return Ok(());
        };
        let packets = digest.frames / u64::from(packet_frames);
        if digest.notifications.count.abs_diff(packets) > 2 {
            return Err(format!(
                "{} notifications in {packets} packets",
                digest.notifications.count
            ));
        }
        Ok(())
    }

    /// The CRC-32 of what was played in these frames.
    fn crc(&mut self, first: u64, frames: u64) -> u32 {
        let frame_bytes = self.scenario.format.frame_bytes();
        let mut crc = crc32fast::Hasher::new();
        let (mut at, end) = (first, first + frames);
        while at < end {
            let count = PORTION.min(end - at);
            self.scratch.clear();
            self.scratch.resize(count as usize * frame_bytes, 0);
            let signal = self.scenario.frames().saturating_sub(at).min(count) as usize;
            self.generator
                .fill(at, &mut self.scratch[..signal * frame_bytes]);
            crc.update(&self.scratch);
            at += count;
        }
        crc.finalize()
    }
}

/// Every time lies between the two.
fn within(what: &str, times: &Times, least: i64, most: i64) -> Result<(), String> {
    let Times { count, .. } = *times;
    if count > 0 && (times.least < least || times.most > most) {
        return Err(format!(
            "the times of {count} {what} reach from {} to {}, {least} to {most} is right (a tick divided by the rate)",
            times.least, times.most
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
