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

/// `KSRTAUDIO_SETWRITEPACKET_INFO`: the value of [`KSPROPERTY_RTAUDIO_SETWRITEPACKET`]. 12 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct KSRTAUDIO_SETWRITEPACKET_INFO {
    /// The packet that was written.
    pub PacketNumber: u32,
    /// 0 or [`KSSTREAM_HEADER_OPTIONSF_ENDOFSTREAM`](crate::KSSTREAM_HEADER_OPTIONSF_ENDOFSTREAM).
    pub Flags: u32,
    /// Bytes in the stream's last packet.
    pub EosPacketLength: u32,
}

/// `KSRTAUDIO_GETREADPACKET_INFO`: the value of [`KSPROPERTY_RTAUDIO_GETREADPACKET`]. 24 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct KSRTAUDIO_GETREADPACKET_INFO {
    /// The packet that can be read.
    pub PacketNumber: u32,
    /// Always 0.
    pub Flags: u32,
    /// QPC time of the packet's first sample.
    pub PerformanceCounterValue: u64,
    /// Not 0: there is another packet already.
    pub MoreData: i32,
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
/// `KSPROPERTY_RTAUDIO_PACKETCOUNT`: packets played completely, a `ULONG`.
pub const KSPROPERTY_RTAUDIO_PACKETCOUNT: u32 = 9;
/// `KSPROPERTY_RTAUDIO_PRESENTATION_POSITION`: a [`KSAUDIO_PRESENTATION_POSITION`].
pub const KSPROPERTY_RTAUDIO_PRESENTATION_POSITION: u32 = 10;
/// `KSPROPERTY_RTAUDIO_GETREADPACKET`: a [`KSRTAUDIO_GETREADPACKET_INFO`].
pub const KSPROPERTY_RTAUDIO_GETREADPACKET: u32 = 11;
/// `KSPROPERTY_RTAUDIO_SETWRITEPACKET`: a [`KSRTAUDIO_SETWRITEPACKET_INFO`].
pub const KSPROPERTY_RTAUDIO_SETWRITEPACKET: u32 = 12;
/// `KSPROPERTY_RTAUDIO_PACKETVREGISTER`: packet counts in memory that the client sees; ACX has them, PortCls does not.
pub const KSPROPERTY_RTAUDIO_PACKETVREGISTER: u32 = 13;
