//! What was observed during a run, with times; one line of `timeline.jsonl` each.

mod digest;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Program;

pub use digest::{Digest, Times};

/// An observation and its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// QPC time of the observation, in ticks of the machine's frequency.
    pub qpc: i64,
    /// Which program observed it.
    #[serde(default, skip_serializing_if = "Program::is_main")]
    pub program: Program,
    /// What was observed.
    #[serde(flatten)]
    pub event: Event,
}

impl Stamped {
    /// An observation of the main program.
    pub fn new(qpc: i64, event: Event) -> Self {
        Self {
            qpc,
            program: Program::Main,
            event,
        }
    }
}

/// An observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The client opened its stream and got a buffer.
    Opened {
        /// Frames in the cyclic buffer.
        buffer_frames: u64,
        /// Frames between two notifications, 0 without notifications.
        packet_frames: u64,
    },
    /// The client set a state: `stop`, `acquire`, `pause` or `run`.
    State {
        /// The state.
        state: String,
    },
    /// The driver signalled the client's notification event.
    Notified,
    /// The client asked for the position and was told this.
    Position {
        /// Frames since the start, unrolled from the offset in the buffer.
        frames: u64,
    },
    /// The client wrote signal into the buffer.
    Wrote {
        /// First frame of the stream that was written.
        stream_frame: u64,
        /// First frame of the signal that was written there.
        signal_frame: u64,
        /// How many.
        frames: u64,
    },
    /// A recorder took frames out of its buffer; they follow as captured audio.
    Read {
        /// First frame of the stream that was read.
        stream_frame: u64,
        /// How many.
        frames: u64,
    },
    /// The client began a stall of its own (see `Disturbance::ClientStall`).
    Stalled {
        /// How long it lasts, in milliseconds.
        for_ms: u32,
    },
    /// What the client's stream carries became protected, or free: everything written from now on.
    Protected {
        /// Which of the two.
        protected: bool,
    },
    /// A program opened a tap.
    TapOpened {
        /// Frames of any format that the driver keeps at least for a client that does not read; for one that shares memory, what
        /// that holds.
        keeps_frames: u64,
    },
    /// A tap client began to sleep (see `TapDisturbance::TapSlow`).
    TapSlept {
        /// For how long, in milliseconds.
        for_ms: u32,
    },
    /// A tap client cancelled its requests.
    TapCancelled {
        /// How many it had pended.
        requests: u32,
    },
    /// A tap client is gone: it closed its handle, or was killed.
    TapClosed {
        /// Requests that it sent to the driver, from HELLO on; closing is none.
        requests: u32,
        /// How often it ran because something had come for it: reads that complete at one moment wake it once.
        woken: u32,
        /// Requests that the driver refused.
        refused: u32,
    },
    /// A program that asks a tap for what it cannot have is done with that.
    TapProbed {
        /// Handles it had.
        handles: u32,
        /// Requests that the driver refused.
        refused: u32,
    },
    /// A tap read completed, or a block was read in shared memory.
    Block {
        /// The tap's count of streams.
        generation: u32,
        /// Index of the first frame.
        first_frame: u64,
        /// Frames in the block.
        frames: u64,
        /// QPC time the driver gave for the first frame.
        first_qpc: i64,
        /// `waverig_interface::BlockFlags` as a number.
        flags: u32,
        /// Frames lost before this block.
        lost: u64,
        /// Frames whose place was clear.
        clear: u64,
        /// How many of those are known not to have been written in time.
        missed: u64,
    },
    /// The client asked how many packets are complete, and was told this.
    PacketCount {
        /// The count; 32 bits wide.
        count: u32,
    },
    /// The client asked for the presentation position, and was told this.
    Presented {
        /// Frames presented.
        frames: u64,
        /// QPC time at which that was so.
        at: i64,
    },
    /// The client declared that it has written a packet.
    Declared {
        /// The packet's number.
        packet: u32,
        /// Flags of `SetWritePacket`.
        flags: u32,
        /// Bytes in the stream's last packet.
        last_bytes: u32,
        /// What the driver answered: `taken`, `late`, `overrun`, `ended`, `invalid`, `unsupported`, or a status.
        answer: String,
    },
    /// A recorder asked for the next packet to read.
    ReadPacket {
        /// What the driver answered: `given`, `not-ready`, `unsupported`, or a status.
        answer: String,
        /// The packet's number; 0 when none was given, as what follows.
        packet: u32,
        /// QPC time that was told for its first frame.
        at: i64,
        /// Whether it was told that another packet is there already.
        more: bool,
    },
    /// The client told the driver how far it has written.
    WritePosition {
        /// In frames from the buffer's start.
        buffer_frame: u64,
    },
    /// The tap told what it counted since the stream started.
    Starved {
        /// Clear frames.
        clear_frames: u64,
        /// Runs of them.
        clear_runs: u64,
        /// Those that are known not to have been written in time.
        missed_frames: u64,
        /// Runs of them.
        missed_runs: u64,
        /// From this frame on it is known of every frame whether it was written in time.
        known_from: Option<u64>,
        /// The latest runs, the latest first.
        recent: Vec<StarvedRun>,
    },
    /// A tap client steered the cable's clock.
    Steer {
        /// To which rate, in parts per billion above nominal; `None`: it let go of the clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ppb: Option<i32>,
        /// The driver's answer, an NTSTATUS.
        answer: u32,
    },
    /// A tap client was told what the clock does, in the words of `waverig_interface::ClockState`.
    Clock {
        /// Device time, in whole ticks.
        device_ticks: i64,
        /// The rest of it, in 1e-9 ticks.
        device_fraction: u32,
        /// How fast it runs.
        slope_ppb: i32,
        /// Where that goes.
        target_ppb: i32,
        /// Who steers it: 0 nobody, 1 the program that asks, 2 another.
        steering: u32,
        /// Generation of the stream on the cable.
        generation: u32,
        /// Frames it has played.
        position: u64,
    },
    /// The client stopped its stream and keeps its pin, with which another program of the scenario goes on.
    Kept,
    /// The client closed its stream.
    Closed,
    /// What happened in a stretch of the run, folded (see `Scenario::digest_frames`).
    Digest {
        /// What.
        digest: Box<Digest>,
    },
    /// What was called in the run, by name (see `Scenario::count_calls`).
    Counted {
        /// Calls into the driver.
        into_driver: BTreeMap<String, u64>,
        /// Calls of the driver's out of it; routines that only move memory are left out.
        into_kernel: BTreeMap<String, u64>,
        /// Bytes of audio that the port copied.
        copied_bytes: u64,
    },
    /// Something happened to the device.
    Device {
        /// What.
        change: DeviceChange,
    },
    /// A request of the program was refused: because the device is stopped or gone, or because another program has the pin.
    Refused {
        /// What it asked for: `tap-read`, `tap-share`, `open-pin`.
        request: String,
        /// The `NTSTATUS`.
        status: u32,
    },
}

/// What happens to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceChange {
    /// It went to D3.
    Asleep,
    /// It is back in D0.
    Awake,
    /// A driver would not let it sleep.
    StaysAwake,
    /// It was stopped, with its handles open.
    Stopped,
    /// Its driver would not let it be stopped.
    StopRefused,
    /// It was started (again).
    Started,
    /// A removal was asked for, and an open handle prevented it.
    RemovalPrevented,
    /// It was surprise-removed.
    Gone,
    /// Its device objects were removed and the driver unloaded.
    Removed,
}

/// A run of frames that were missed, or may have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StarvedRun {
    /// First frame.
    pub first_frame: u64,
    /// How many.
    pub frames: u64,
    /// QPC time at which the first one was due.
    pub qpc: i64,
    /// Known not to have been written in time.
    pub known: bool,
}
