//! Requests and replies other than blocks.

use crate::TapFormat;

/// The first request on a handle: which versions the client speaks. 8 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Hello {
    /// Oldest version.
    pub version_min: u16,
    /// Newest version.
    pub version_max: u16,
    /// Must be 0.
    pub reserved: u32,
}

/// The answer to [`Hello`]. 32 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct HelloReply {
    /// The version both sides speak from now on: the newest common one.
    pub version: u16,
    /// Always 0.
    pub reserved: u16,
    /// Bytes in a block's header.
    pub block_header_bytes: u32,
    /// QPC ticks per second, the scale of every time in this interface.
    pub qpc_frequency: i64,
    /// Least number of frames the ring holds before a slow client loses any; while the clock is steered all the time, those of
    /// 2.5 s if that is less.
    pub ring_frames: u32,
    /// Always 0.
    pub reserved2: [u32; 3],
}

/// What a read wants. 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ReadRequest {
    /// The read completes when this many frames are there, or the stream ends. 0: at once, with what is there.
    /// At most what `max_frames` and the output buffer allow, else `STATUS_INVALID_PARAMETER`.
    pub min_frames: u32,
    /// At most this many frames; 0: as many as fit into the output buffer.
    pub max_frames: u32,
    /// Must be 0.
    pub reserved: [u32; 2],
}

/// A stream's state as the tap reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum StreamState {
    /// No stream is open.
    Closed = 0,
    /// Open and stopped (`KSSTATE_STOP`).
    Stop = 1,
    /// `KSSTATE_ACQUIRE`.
    Acquire = 2,
    /// `KSSTATE_PAUSE`.
    Pause = 3,
    /// `KSSTATE_RUN`.
    Run = 4,
}

/// A run of frames that were clear when they fell due, and were missed or may have been. 32 bytes; all 0 when there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct StarvedRun {
    /// Index of the first frame.
    pub first_frame: u64,
    /// How many.
    pub frames: u64,
    /// QPC time at which the first frame was due.
    pub qpc: i64,
    /// 1: known not to have been written in time. 0: clear, and nobody knows whether it was written as silence.
    pub known: u32,
    /// Always 0.
    pub reserved: u32,
}

/// Starved runs that [`Status`] tells.
pub const RECENT_RUNS: usize = 8;

/// A snapshot. 376 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Status {
    /// A [`StreamState`] as its wire value.
    pub state: u32,
    /// Generation of the current or last stream, 0 if there was none.
    pub generation: u32,
    /// Frames played since the stream last left STOP.
    pub position: u64,
    /// QPC time of this snapshot.
    pub qpc: i64,
    /// Frames of this generation whose place was clear when they fell due (see `Block::clear_frames`).
    pub clear_frames: u64,
    /// Runs of such frames.
    pub clear_runs: u64,
    /// First frame of the latest such run.
    pub last_run_first: u64,
    /// Frames in the latest such run.
    pub last_run_frames: u64,
    /// Frames of this generation that are known not to have been written in time.
    pub missed_frames: u64,
    /// Runs of such frames.
    pub missed_runs: u64,
    /// From this frame on it is known of every frame whether it was written in time; `u64::MAX`: of none.
    pub known_from: u64,
    /// Frames this client has lost since it opened, over all generations.
    pub lost_frames: u64,
    /// Open tap handles.
    pub clients: u32,
    /// Least number of frames the ring holds.
    pub ring_frames: u32,
    /// Format of the current or last stream.
    pub format: TapFormat,
    /// How much faster than nominal the clock runs now, in parts per billion.
    pub slope_ppb: i32,
    /// Who steers it: a [`Steering`](crate::Steering) as its wire value.
    pub steering: u32,
    /// The latest runs of frames that were missed or may have been, the latest first. What the client is known to have written
    /// as silence is none.
    pub recent: [StarvedRun; RECENT_RUNS],
}
