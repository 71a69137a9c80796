//! The kinds of programs that play and read the tap.

use serde::{Deserialize, Serialize};

/// The program that plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Client {
    /// Waits for the driver's notification and writes the packet that has become free.
    EventDriven {
        /// Frames in a packet; the buffer holds two.
        packet_frames: u32,
    },
    /// A low-latency stream in packet mode: notified, it asks how many packets are complete, writes the next one and declares it
    /// with its number.
    Packet {
        /// Frames in a packet; the buffer holds two.
        packet_frames: u32,
        /// Whether it declares its last packet as the end of the stream.
        #[serde(default)]
        end_of_stream: bool,
    },
    /// The audio engine's stream of shared mode: writes a period ahead, once per period, and tells its write position.
    Shared {
        /// Frames in a period.
        period_frames: u32,
        /// Whether the driver's notification wakes it; otherwise a timer of its own does.
        #[serde(default = "yes")]
        event: bool,
    },
    /// Hands its audio over in requests, as programs do to a pin that has no buffer of theirs (WaveCyclic): keeps some under way, and
    /// sends the next one when one has been played.
    Requests {
        /// Frames in a request.
        packet_frames: u32,
        /// Requests under way.
        requests: u32,
    },
    /// Has a buffer without notifications, asks for the position at intervals and keeps a lead ahead of it.
    Polling {
        /// Frames in the buffer.
        buffer_frames: u32,
        /// Milliseconds between two looks at the position.
        interval_ms: u32,
    },
}

/// The program that reads the tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tap {
    /// Each read completes when this many frames are there.
    pub read_frames: u32,
    /// Reads kept pended at a time.
    #[serde(default = "one")]
    pub reads: u32,
}

fn yes() -> bool {
    true
}

pub(super) fn one() -> u32 {
    1
}

impl Default for Tap {
    fn default() -> Self {
        // 1 ms at 48 kHz: the packet time AES67 demands of every sender.
        Self {
            read_frames: 48,
            reads: 1,
        }
    }
}
