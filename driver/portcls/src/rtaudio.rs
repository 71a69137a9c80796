//! WaveRT requests and positions (ksmedia.h).

use crate::KSPROPERTY;
use core::ffi::c_void;

/// `KSAUDIO_POSITION`: byte offsets. 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct KSAUDIO_POSITION {
    /// The byte that is played next, modulo the buffer.
    pub PlayOffset: u64,
    /// The first byte that a client may write.
    pub WriteOffset: u64,
}

/// `KSAUDIO_PRESENTATION_POSITION`. 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct KSAUDIO_PRESENTATION_POSITION {
    /// Frames played since the stream left STOP.
    pub u64PositionInBlocks: u64,
    /// QPC time at which that was so.
    pub u64QPCPosition: u64,
}

/// `KSRTAUDIO_HWLATENCY`. 12 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct KSRTAUDIO_HWLATENCY {
    /// Bytes in the device's own queue.
    pub FifoSize: u32,
    /// Delay of the chipset, in 100 ns.
    pub ChipsetDelay: u32,
    /// Delay of the codec, in 100 ns.
    pub CodecDelay: u32,
}

/// `KSRTAUDIO_HWREGISTER`. 40 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KSRTAUDIO_HWREGISTER {
    /// The register.
    pub Register: *mut c_void,
    /// Its bits.
    pub Width: u32,
    /// Units: numerator.
    pub Numerator: u64,
    /// Units: denominator.
    pub Denominator: u64,
    /// Error.
    pub Accuracy: u32,
}

/// `KSRTAUDIO_BUFFER_PROPERTY`: a request for a buffer. 40 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KSRTAUDIO_BUFFER_PROPERTY {
    /// [`KSPROPERTY_RTAUDIO_BUFFER`].
    pub Property: KSPROPERTY,
    /// Wanted address, or NULL.
    pub BaseAddress: *mut c_void,
    /// Wanted bytes.
    pub RequestedBufferSize: u32,
}

/// `KSRTAUDIO_BUFFER`: the buffer that was made. 16 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KSRTAUDIO_BUFFER {
    /// Address in the client's process.
    pub BufferAddress: *mut c_void,
    /// Bytes in the buffer.
    pub ActualBufferSize: u32,
    /// Not 0: the client must issue a memory barrier after writing.
    pub CallMemoryBarrier: i32,
}

/// `KSRTAUDIO_NOTIFICATION_EVENT_PROPERTY`. 32 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KSRTAUDIO_NOTIFICATION_EVENT_PROPERTY {
    /// [`KSPROPERTY_RTAUDIO_REGISTER_NOTIFICATION_EVENT`] or its opposite.
    pub Property: KSPROPERTY,
    /// The event's handle.
    pub NotificationEvent: *mut c_void,
}

/// `KSPROPERTY_RTAUDIO_BUFFER`.
pub const KSPROPERTY_RTAUDIO_BUFFER: u32 = 1;
/// `KSPROPERTY_RTAUDIO_HWLATENCY`.
pub const KSPROPERTY_RTAUDIO_HWLATENCY: u32 = 2;
/// `KSPROPERTY_RTAUDIO_POSITIONREGISTER`.
pub const KSPROPERTY_RTAUDIO_POSITIONREGISTER: u32 = 3;
/// `KSPROPERTY_RTAUDIO_CLOCKREGISTER`.
pub const KSPROPERTY_RTAUDIO_CLOCKREGISTER: u32 = 4;
/// `KSPROPERTY_RTAUDIO_BUFFER_WITH_NOTIFICATION`.
pub const KSPROPERTY_RTAUDIO_BUFFER_WITH_NOTIFICATION: u32 = 5;
/// `KSPROPERTY_RTAUDIO_REGISTER_NOTIFICATION_EVENT`.
pub const KSPROPERTY_RTAUDIO_REGISTER_NOTIFICATION_EVENT: u32 = 6;
/// `KSPROPERTY_RTAUDIO_UNREGISTER_NOTIFICATION_EVENT`.
pub const KSPROPERTY_RTAUDIO_UNREGISTER_NOTIFICATION_EVENT: u32 = 7;
/// `KSPROPERTY_RTAUDIO_QUERY_NOTIFICATION_SUPPORT`.
pub const KSPROPERTY_RTAUDIO_QUERY_NOTIFICATION_SUPPORT: u32 = 8;
