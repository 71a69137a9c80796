//! The public interface of the driver's tap, shared by the driver and by every program that reads it.
//!
//! Each cable of a device has a tap: a device interface of class [`TAP_INTERFACE`] whose reference string is the cable's
//! ([`CableNumber::tap_reference`]). A client opens it, says [`ioctl::HELLO`], and then keeps one or more [`ioctl::READ`] requests
//! pended: each returns one *block*, a [`Block`] header followed by `frames × format.frame_bytes` bytes of audio. Or it hands
//! memory over with one [`ioctl::SHARE`], into which the driver writes the same blocks as they fall due ([`ShareHeader`] says
//! how they are read there).
//!
//! Promises of the interface:
//! - every rendered frame is delivered to every client once, in order, in the format the stream was opened with;
//! - a block never spans two streams; it starts with the frame after the last one delivered to this client, or says
//!   in [`Block::lost_frames`] exactly how many were lost because the client was slower than the ring is long;
//! - the time of a block is that of its first frame on the cable's clock, exact to a tick, also while that is steered
//!   ([`ioctl::STEER`]);
//! - a frame that nobody wrote in time is delivered as silence, never as the previous lap of the buffer.
//!
//! # Sleep, stop and removal
//! Over a sleep of the system, reads stay pended and the generation goes on; the time of the first block afterwards says how
//! long it was.
//!
//! When the device is stopped or gone, a stream that runs ends in band: reads are answered with what was rendered until
//! then, and the last of it carries [`BlockFlags::LAST`]. Every other read is refused with `STATUS_DEVICE_NOT_CONNECTED`, those that
//! are pended and those that follow; what was not read until then is gone with the handle. The client closes its handle, and opens a
//! new one when the interface arrives again.
//!
//! An open handle prevents an orderly removal: disabling, uninstalling, updating the driver. A client that lives long registers its
//! handle with `CM_Register_Notification` (`CM_NOTIFY_FILTER_TYPE_DEVICEHANDLE`) and closes it at
//! `CM_NOTIFY_ACTION_DEVICEQUERYREMOVE`. Once a removal has been agreed to, and until it is cancelled, opening is refused with
//! `STATUS_DEVICE_NOT_CONNECTED`.
//!
//! All integers are little-endian. The structures have no padding; [`wire`] turns them into bytes and back without
//! `unsafe`.
#![no_std]
#![forbid(unsafe_code)]

mod block;
mod cable;
mod clock;
mod control;
pub mod etw;
mod event;
pub mod ioctl;
mod share;
pub mod wire;

pub use block::{Block, BlockFlags, SampleKind, TapFormat};
pub use cable::{CableNumber, MAX_CABLES};
pub use clock::{ClockState, Steer, SteerAction, Steering};
pub use control::{Hello, HelloReply, RECENT_RUNS, ReadRequest, StarvedRun, Status, StreamState};
pub use event::{EventKind, EventRecord, EventsReply, EventsRequest};
pub use share::{
    SHARE_ALIGNMENT, SHARE_MAX_BYTES, SHARE_MIN_SLOTS, ShareHeader, ShareRequest, ShareState,
    SlotHeader,
};

/// A GUID as Windows lays it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Guid {
    /// First group.
    pub data1: u32,
    /// Second group.
    pub data2: u16,
    /// Third group.
    pub data3: u16,
    /// Fourth and fifth group.
    pub data4: [u8; 8],
}

/// Class of the tap's device interface: `{6B2D6E1A-8C0F-4B57-9D53-57A7E1D2C94E}`.
pub const TAP_INTERFACE: Guid = Guid {
    data1: 0x6B2D_6E1A,
    data2: 0x8C0F,
    data3: 0x4B57,
    data4: [0x9D, 0x53, 0x57, 0xA7, 0xE1, 0xD2, 0xC9, 0x4E],
};

/// The oldest interface version this crate speaks.
pub const VERSION_MIN: u16 = 1;
/// The newest interface version this crate speaks.
pub const VERSION_MAX: u16 = 1;

#[cfg(test)]
mod tests;
