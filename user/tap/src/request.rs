//! The bytes that go into the tap's ioctls.

use waverig_interface::wire::Wire;
use waverig_interface::{
    EventsRequest, Hello, ReadRequest, SHARE_ALIGNMENT, ShareHeader, ShareRequest, SlotHeader,
    Steer, SteerAction, VERSION_MAX, VERSION_MIN,
};

/// Input of [`ioctl::HELLO`](crate::ioctl::HELLO): every version that this crate speaks.
#[must_use]
pub fn hello() -> [u8; Hello::BYTES] {
    encode(&Hello {
        version_min: VERSION_MIN,
        version_max: VERSION_MAX,
        reserved: 0,
    })
}

/// Input of [`ioctl::READ`](crate::ioctl::READ): completes when `min_frames` are there (0: at once) with at most
/// `max_frames` (0: as many as fit).
#[must_use]
pub fn read(min_frames: u32, max_frames: u32) -> [u8; ReadRequest::BYTES] {
    encode(&ReadRequest {
        min_frames,
        max_frames,
        reserved: [0; 2],
    })
}

/// Input of [`ioctl::SHARE`](crate::ioctl::SHARE): blocks of `block_frames` in slots of `slot_bytes`; the event behind the
/// handle `event` (0: none) is set when `wake_blocks` are new. [`share_bytes`] says how much memory that takes.
#[must_use]
pub fn share(
    block_frames: u32,
    wake_blocks: u32,
    slot_bytes: u32,
    event: u64,
) -> [u8; ShareRequest::BYTES] {
    encode(&ShareRequest {
        block_frames,
        wake_blocks,
        slot_bytes,
        event,
        ..ShareRequest::default()
    })
}

/// Bytes in a slot with room for `frames` of `frame_bytes`.
#[must_use]
pub fn slot_bytes(frames: u32, frame_bytes: usize) -> usize {
    (frames as usize)
        .saturating_mul(frame_bytes)
        .saturating_add(SlotHeader::BYTES)
        .next_multiple_of(SHARE_ALIGNMENT)
}

/// Bytes of memory for so many slots.
#[must_use]
pub fn share_bytes(slots: usize, slot_bytes: usize) -> usize {
    slots
        .saturating_mul(slot_bytes)
        .saturating_add(ShareHeader::BYTES)
}

/// Input of [`ioctl::EVENTS`](crate::ioctl::EVENTS): what was recorded from this sequence number on.
#[must_use]
pub fn events(from: u64) -> [u8; EventsRequest::BYTES] {
    encode(&EventsRequest { from, reserved: 0 })
}

/// Input of [`ioctl::STEER`](crate::ioctl::STEER): the rate goes to so many parts per billion above nominal.
#[must_use]
pub fn steer(wanted_ppb: i32) -> [u8; Steer::BYTES] {
    encode(&Steer {
        action: SteerAction::Steer as u32,
        wanted_ppb,
        reserved: [0; 2],
    })
}

/// Input of [`ioctl::STEER`](crate::ioctl::STEER): lets go of the clock.
#[must_use]
pub fn release() -> [u8; Steer::BYTES] {
    encode(&Steer {
        action: SteerAction::Release as u32,
        ..Steer::default()
    })
}

fn encode<const N: usize>(structure: &impl Wire) -> [u8; N] {
    let mut out = [0; N];
    // Every caller names the structure's own size, so there is always room.
    let written = structure.to_wire(&mut out);
    debug_assert!(written.is_some());
    out
}
