//! What was observed in a stretch of a long run, folded: a day of a stream has 8.6 million packets, too many to tell each.
//!
//! Nothing in it knows what is right. Times are told as how far they lie behind the frame they are about, `(qpc - start) · rate - frame ·
//! frequency`: the extremes of that say as much as every single time. 1 is a tick divided by the rate.

use serde::{Deserialize, Serialize};

/// A stretch of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// First frame that the tap delivered in it.
    pub first_frame: u64,
    /// Frames that it delivered without a gap.
    pub frames: u64,
    /// CRC-32 of their bytes.
    pub crc32: u32,
    /// Blocks: the time of each against its first frame.
    pub blocks: Times,
    /// Frames that blocks said were lost, clear or missed.
    pub lost: u64,
    /// See `lost`.
    pub clear: u64,
    /// See `lost`.
    pub missed: u64,
    /// Positions: when each was asked for, against the frames told.
    pub positions: Times,
    /// Notifications: when each came, against the last end of a packet.
    pub notifications: Times,
    /// Writes of the client.
    pub writes: u64,
    /// How many of them were not the signal's next frames in the stream's next place.
    pub misplaced: u64,
}

/// The extremes of a number of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// How many.
    pub count: u64,
    /// The smallest; `i64::MAX` of none.
    pub least: i64,
    /// The largest; `i64::MIN` of none.
    pub most: i64,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            count: 0,
            least: i64::MAX,
            most: i64::MIN,
        }
    }
}

impl Times {
    /// One more.
    pub fn add(&mut self, behind: i64) {
        self.count += 1;
        self.least = self.least.min(behind);
        self.most = self.most.max(behind);
    }
}
