//! How long frames are under way.

use anyhow::{Context as _, Result};
use waverig_protocol::timeline::{Event, Stamped};

/// Ticks of the performance counter in a second, as the simulator has it.
const TICKS: i64 = 10_000_000;
/// What is left out at either end, in milliseconds: a stream that starts is filled at once, and one that ends waits for nothing.
const EDGE_MS: u64 = 200;

/// Times between a program's write of a frame and the frame's turn, in ticks of 100 ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latency {
    pub(crate) least: i64,
    pub(crate) mean: i64,
    pub(crate) most: i64,
}

impl Latency {
    /// Of frames that were heard at these places of a device that plays `rate` frames in a second.
    pub(super) fn of(timeline: &[Stamped], places: &[u64], rate: u32) -> Result<Self> {
        let edge = EDGE_MS * u64::from(rate) / 1000;
        let last = (places.len() as u64).saturating_sub(edge);
        let blocks = Blocks::of(timeline);
        let mut found: Option<Self> = None;
        let (mut sum, mut count) = (0, 0);
        for each in timeline {
            let Event::Wrote {
                signal_frame,
                frames,
                ..
            } = each.event
            else {
                continue;
            };
            for frame in
                (signal_frame..signal_frame + frames).filter(|it| (edge..last).contains(it))
            {
                let place = places[frame as usize];
                let turn = blocks
                    .turn(place, rate)
                    .with_context(|| format!("no block of the tap has frame {place}"))?;
                let under_way = turn - each.qpc;
                let so_far = found.get_or_insert(Self {
                    least: under_way,
                    mean: 0,
                    most: under_way,
                });
                so_far.least = so_far.least.min(under_way);
                so_far.most = so_far.most.max(under_way);
                sum += under_way;
                count += 1;
            }
        }
        let found = found.context("no frame was followed")?;
        Ok(Self {
            mean: sum / count,
            ..found
        })
    }

    /// In milliseconds.
    pub(crate) fn ms(ticks: i64) -> f64 {
        // A frame that comes while its turn lasts is heard at once.
        ticks.max(0) as f64 / (TICKS / 1000) as f64
    }

    /// In frames.
    pub(crate) fn frames(ticks: i64, rate: u32) -> i64 {
        (ticks.max(0) * i64::from(rate) + TICKS / 2) / TICKS
    }
}

/// Blocks of the tap: first frame, frames, and when the first one's turn came.
struct Blocks(Vec<(u64, u64, i64)>);

impl Blocks {
    fn of(timeline: &[Stamped]) -> Self {
        let block = |each: &Stamped| match each.event {
            Event::Block {
                first_frame,
                frames,
                first_qpc,
                ..
            } => Some((first_frame, frames, first_qpc)),
            _ => None,
        };
        let mut blocks: Vec<_> = timeline.iter().filter_map(block).collect();
        blocks.sort_unstable();
        Self(blocks)
    }

    /// When a frame's turn came.
    fn turn(&self, place: u64, rate: u32) -> Option<i64> {
        let behind = self.0.partition_point(|(first, ..)| *first <= place);
        let (first, frames, qpc) = *self.0.get(behind.checked_sub(1)?)?;
        let offset = place - first;
        (offset < frames).then(|| qpc + offset.cast_signed() * TICKS / i64::from(rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 1_000;

    fn at(qpc: i64, event: Event) -> Stamped {
        Stamped::new(qpc, event)
    }

    fn wrote(qpc: i64, frame: u64) -> Stamped {
        at(
            qpc,
            Event::Wrote {
                stream_frame: frame,
                signal_frame: frame,
                frames: 10,
            },
        )
    }

    fn block(first_frame: u64, first_qpc: i64) -> Stamped {
        at(
            first_qpc,
            Event::Block {
                generation: 1,
                first_frame,
                frames: 500,
                first_qpc,
                flags: 0,
                lost: 0,
                clear: 0,
                missed: 0,
            },
        )
    }

    #[test]
    fn each_frame_is_followed_from_its_write_to_its_turn() {
        // A millisecond is a frame; ten at a time, written 20 ms before the first of them is due, the last of them 5 ms later than that.
        let ms = |ms: i64| ms * TICKS / 1000;
        let mut timeline = vec![block(0, ms(100)), block(500, ms(600))];
        timeline.extend((0..50).map(|write| wrote(ms(80 + 10 * write), 10 * write as u64)));
        let places: Vec<u64> = (0..500).collect();
        let latency = Latency::of(&timeline, &places, RATE).expect("it can be followed");
        let expect = Latency {
            least: ms(20),
            mean: ms(49) / 2,
            most: ms(29),
        };
        assert_eq!(latency, expect);
        assert_eq!(Latency::frames(latency.least, RATE), 20);
        // A frame that was heard later is under way longer.
        let later: Vec<u64> = places.iter().map(|place| place + 7).collect();
        let latency = Latency::of(&timeline, &later, RATE).expect("it can be followed");
        assert_eq!(latency.least, ms(27));
        // And one that the tap has no block of cannot be followed.
        let beyond: Vec<u64> = places.iter().map(|place| place + 900).collect();
        assert!(Latency::of(&timeline, &beyond, RATE).is_err());
    }
}
