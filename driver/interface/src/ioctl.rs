//! The tap's I/O control codes.

/// `FILE_DEVICE_UNKNOWN` (devioctl.h).
const DEVICE_TYPE: u32 = 0x22;
/// `FILE_READ_ACCESS` (devioctl.h): the handle must have been opened for reading.
const READ_ACCESS: u32 = 1;
/// `FILE_WRITE_ACCESS` (devioctl.h): the handle must have been opened for writing.
const WRITE_ACCESS: u32 = 2;
/// `METHOD_BUFFERED` (devioctl.h).
const BUFFERED: u32 = 0;
/// `METHOD_OUT_DIRECT` (devioctl.h): input buffered, output locked in place and described by an MDL.
const OUT_DIRECT: u32 = 2;

/// `CTL_CODE` (devioctl.h).
const fn code(function: u32, access: u32, method: u32) -> u32 {
    (DEVICE_TYPE << 16) | (access << 14) | (function << 2) | method
}

/// Version negotiation; must come first on a handle. In: [`Hello`](crate::Hello). Out: [`HelloReply`](crate::HelloReply).
///
/// Errors: `STATUS_REVISION_MISMATCH` when no common version exists, `STATUS_BUFFER_TOO_SMALL`.
pub const HELLO: u32 = code(0x800, READ_ACCESS, BUFFERED);

/// One block of rendered audio; pends until it can be answered. In: [`ReadRequest`](crate::ReadRequest).
/// Out: [`Block`](crate::Block), then the frames.
///
/// Errors: `STATUS_INVALID_DEVICE_STATE` before [`HELLO`], `STATUS_BUFFER_TOO_SMALL` when the output has no room for a
/// header and one frame, `STATUS_INVALID_PARAMETER` for values out of range, `STATUS_CANCELLED` when the request was
/// cancelled or its handle closed, `STATUS_DEVICE_NOT_CONNECTED` when the device is going away,
/// `STATUS_TOO_MANY_COMMANDS` when more than [`MAX_PENDED_READS`] are pended on one handle.
pub const READ: u32 = code(0x801, READ_ACCESS, OUT_DIRECT);

/// A snapshot of the stream and of this client. Out: [`Status`](crate::Status).
pub const STATUS: u32 = code(0x802, READ_ACCESS, BUFFERED);

/// What the cable's clock does. Out: [`ClockState`](crate::ClockState).
///
/// Errors: `STATUS_INVALID_DEVICE_STATE` before [`HELLO`], `STATUS_BUFFER_TOO_SMALL`.
pub const CLOCK: u32 = code(0x808, READ_ACCESS, BUFFERED);

/// Steers the cable's clock, or lets go of it. In: [`Steer`](crate::Steer). Out: [`ClockState`](crate::ClockState) as it is then.
///
/// The handle that steers first owns the clock until it lets go or is closed, by its program or with it. Then the clock goes back to
/// its nominal rate, as slowly as it is steered.
///
/// Errors: as for [`CLOCK`], and `STATUS_INVALID_PARAMETER` for an unknown action, a rate beyond
/// [`ClockState::bound_ppb`](crate::ClockState::bound_ppb) (which is refused, not cut) or a reserved field that is not 0,
/// `STATUS_SHARING_VIOLATION` while another handle owns the clock, `STATUS_DEVICE_NOT_CONNECTED` when the device is going away,
/// `STATUS_CANCELLED` when the handle is closed already. After an error the clock goes on as before.
pub const STEER: u32 = code(0x809, READ_ACCESS | WRITE_ACCESS, BUFFERED);

/// What the driver did lately; see [`EventRecord`](crate::EventRecord). In: [`EventsRequest`](crate::EventsRequest). Out:
/// [`EventsReply`](crate::EventsReply), then as many records as fit.
///
/// Errors: `STATUS_INVALID_DEVICE_STATE` before [`HELLO`], `STATUS_BUFFER_TOO_SMALL` when the output has no room for the reply
/// without records, `STATUS_INVALID_PARAMETER` for reserved fields that are not 0.
pub const EVENTS: u32 = code(0x803, READ_ACCESS, BUFFERED);

/// Blocks without a request for each: the driver writes them into the output as they fall due; pends until it is cancelled, the
/// handle is closed or the device goes away, and returns nothing then. In: [`ShareRequest`](crate::ShareRequest). Out: memory
/// for a [`ShareHeader`](crate::ShareHeader) and at least [`SHARE_MIN_SLOTS`](crate::SHARE_MIN_SLOTS) slots, whose first
/// 64 bytes the client has set to 0.
///
/// Errors: `STATUS_INVALID_DEVICE_STATE` before [`HELLO`], `STATUS_BUFFER_TOO_SMALL`, `STATUS_INVALID_PARAMETER` for values out of
/// range, for more than [`SHARE_MAX_BYTES`](crate::SHARE_MAX_BYTES), and when memory or slots are not aligned to
/// [`SHARE_ALIGNMENT`](crate::SHARE_ALIGNMENT), `STATUS_SHARING_VIOLATION` when the handle shares memory already,
/// `STATUS_INVALID_HANDLE`, `STATUS_OBJECT_TYPE_MISMATCH` or `STATUS_ACCESS_DENIED` for the event, `STATUS_INSUFFICIENT_RESOURCES`
/// when the memory cannot be mapped; and as for [`READ`] when it ends.
pub const SHARE: u32 = code(0x804, READ_ACCESS, OUT_DIRECT);

/// Handles that may be open on one tap at a time; opening one more fails with `STATUS_TOO_MANY_SESSIONS`.
pub const MAX_CLIENTS: usize = 32;

/// Bytes of audio in a block at most, however large the output is: 100 ms of the largest format, 192 kHz with 16 channels
/// of 4 bytes.
pub const MAX_BLOCK_BYTES: usize = 1_228_800;

/// Reads that may be pended on one handle at a time.
pub const MAX_PENDED_READS: usize = 16;
