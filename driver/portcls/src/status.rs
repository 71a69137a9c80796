//! `NTSTATUS` values (ntstatus.h) that PortCls, KS and audio drivers exchange.

/// A status code: zero and positive values are success, negative ones warnings and errors.
pub type NTSTATUS = i32;

/// `NT_SUCCESS` (ntdef.h).
pub const fn nt_success(status: NTSTATUS) -> bool {
    status >= 0
}

/// Success.
pub const STATUS_SUCCESS: NTSTATUS = 0x0000_0000;
/// The operation will be completed later.
pub const STATUS_PENDING: NTSTATUS = 0x0000_0103;
/// Not all data fit; the size that is needed was returned.
pub const STATUS_BUFFER_OVERFLOW: NTSTATUS = 0x8000_0005u32 as NTSTATUS;
/// Nothing more to enumerate.
pub const STATUS_NO_MORE_ENTRIES: NTSTATUS = 0x8000_001Au32 as NTSTATUS;
/// No better code exists.
pub const STATUS_UNSUCCESSFUL: NTSTATUS = 0xC000_0001u32 as NTSTATUS;
/// The function is not implemented.
pub const STATUS_NOT_IMPLEMENTED: NTSTATUS = 0xC000_0002u32 as NTSTATUS;
/// Not a handle.
pub const STATUS_INVALID_HANDLE: NTSTATUS = 0xC000_0008u32 as NTSTATUS;
/// A parameter is wrong.
pub const STATUS_INVALID_PARAMETER: NTSTATUS = 0xC000_000Du32 as NTSTATUS;
/// No such device.
pub const STATUS_NO_SUCH_DEVICE: NTSTATUS = 0xC000_000Eu32 as NTSTATUS;
/// The device does not know this request.
pub const STATUS_INVALID_DEVICE_REQUEST: NTSTATUS = 0xC000_0010u32 as NTSTATUS;
/// Not allowed.
pub const STATUS_ACCESS_DENIED: NTSTATUS = 0xC000_0022u32 as NTSTATUS;
/// Nothing fitted.
pub const STATUS_BUFFER_TOO_SMALL: NTSTATUS = 0xC000_0023u32 as NTSTATUS;
/// No object of that name.
pub const STATUS_OBJECT_NAME_NOT_FOUND: NTSTATUS = 0xC000_0034u32 as NTSTATUS;
/// A packet lies further ahead than the buffer is long.
pub const STATUS_DATA_OVERRUN: NTSTATUS = 0xC000_003Cu32 as NTSTATUS;
/// A packet came after its time.
pub const STATUS_DATA_LATE_ERROR: NTSTATUS = 0xC000_003Du32 as NTSTATUS;
/// Somebody else has it.
pub const STATUS_SHARING_VIOLATION: NTSTATUS = 0xC000_0043u32 as NTSTATUS;
/// No common version.
pub const STATUS_REVISION_MISMATCH: NTSTATUS = 0xC000_0059u32 as NTSTATUS;
/// Out of memory or another resource.
pub const STATUS_INSUFFICIENT_RESOURCES: NTSTATUS = 0xC000_009Au32 as NTSTATUS;
/// The device is gone or going away.
pub const STATUS_DEVICE_NOT_CONNECTED: NTSTATUS = 0xC000_009Du32 as NTSTATUS;
/// Not yet.
pub const STATUS_DEVICE_NOT_READY: NTSTATUS = 0xC000_00A3u32 as NTSTATUS;
/// The request is not supported.
pub const STATUS_NOT_SUPPORTED: NTSTATUS = 0xC000_00BBu32 as NTSTATUS;
/// Too many requests are outstanding.
pub const STATUS_TOO_MANY_COMMANDS: NTSTATUS = 0xC000_00C1u32 as NTSTATUS;
/// As many are open as may be.
pub const STATUS_TOO_MANY_SESSIONS: NTSTATUS = 0xC000_00CEu32 as NTSTATUS;
/// The object is being deleted.
pub const STATUS_DELETE_PENDING: NTSTATUS = 0xC000_0056u32 as NTSTATUS;
/// The request was cancelled.
pub const STATUS_CANCELLED: NTSTATUS = 0xC000_0120u32 as NTSTATUS;
/// No match, in format negotiation above all.
pub const STATUS_NO_MATCH: NTSTATUS = 0xC000_0272u32 as NTSTATUS;
/// Not allowed in this state.
pub const STATUS_INVALID_DEVICE_STATE: NTSTATUS = 0xC000_0184u32 as NTSTATUS;
/// A buffer has the wrong size.
pub const STATUS_INVALID_BUFFER_SIZE: NTSTATUS = 0xC000_0206u32 as NTSTATUS;
/// No such item.
pub const STATUS_NOT_FOUND: NTSTATUS = 0xC000_0225u32 as NTSTATUS;
/// The property set is unknown.
pub const STATUS_PROPSET_NOT_FOUND: NTSTATUS = 0xC000_0230u32 as NTSTATUS;
