//! What the driver costs, in instructions: counted by callgrind while the simulator runs the driver as it is shipped.
//!
//! An instruction count is the same in every run, unlike a time. Each scenario is played for a shorter and a longer while; what
//! starts and stops a stream cancels out of the difference. Packets of the same duration at a low and a high rate tell apart
//! what belongs to a frame and what belongs to a packet.

mod by_file;
pub(crate) mod callgrind;
mod convert;
pub(crate) mod counted;
mod render;
pub(crate) mod simulator;
mod table;
pub(crate) mod tap;

pub(crate) use convert::{conversions, copy};
pub(crate) use render::renderings;
pub(crate) use table::{Row, Table};

/// What a packet costs is a straight line over its frames; this is the line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    /// Per frame.
    pub(crate) frame: f64,
    /// Per packet, whatever its frames.
    pub(crate) packet: f64,
}

impl Cost {
    /// From what packets of `few` and of `many` frames cost.
    pub(crate) fn new((few, with_few): (u64, f64), (many, with_many): (u64, f64)) -> Self {
        let (few, many) = (few as f64, many as f64);
        let frame = (with_many - with_few) / (many - few);
        Self {
            frame,
            packet: with_few - frame * few,
        }
    }

    /// A packet of so many frames.
    pub(crate) fn of(&self, frames: u64) -> f64 {
        self.frame * frames as f64 + self.packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_packets_are_told_apart() {
        let cost = Cost::new((48, 48.0 * 3.0 + 480.0), (480, 480.0 * 3.0 + 480.0));
        assert!((cost.frame - 3.0).abs() < 1e-9 && (cost.packet - 480.0).abs() < 1e-9);
        assert!((cost.of(100) - 780.0).abs() < 1e-9);
    }
}
