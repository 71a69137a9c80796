//! WaveRT streams (portcls.h): what an adapter driver implements for each open pin.

use crate::unknown::interfaces;
use crate::{
    IUnknownVtbl, KEVENT, KSAUDIO_POSITION, KSAUDIO_PRESENTATION_POSITION, KSDATAFORMAT,
    KSRTAUDIO_HWLATENCY, KSRTAUDIO_HWREGISTER, KSSTATE, MDL, MEMORY_CACHING_TYPE, NTSTATUS,
};
use core::ffi::c_void;

/// Table of [`IMiniportWaveRTStream`]. 11 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IMiniportWaveRTStreamVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, DataFormat)`. PASSIVE_LEVEL.
    pub SetFormat:
        unsafe extern "efiapi" fn(this: *mut c_void, format: *mut KSDATAFORMAT) -> NTSTATUS,
    /// `(this, State)`. PASSIVE_LEVEL.
    pub SetState: unsafe extern "efiapi" fn(this: *mut c_void, state: KSSTATE) -> NTSTATUS,
    /// `(this, out Position)`: byte offsets in the buffer. Up to DISPATCH_LEVEL.
    pub GetPosition:
        unsafe extern "efiapi" fn(this: *mut c_void, out: *mut KSAUDIO_POSITION) -> NTSTATUS,
    /// `(this, RequestedSize, out Mdl, out ActualSize, out OffsetFromFirstPage, out CacheType)`. PASSIVE_LEVEL.
    pub AllocateAudioBuffer: unsafe extern "efiapi" fn(
        this: *mut c_void,
        requested: u32,
        mdl: *mut *mut MDL,
        actual: *mut u32,
        offset: *mut u32,
        cache: *mut MEMORY_CACHING_TYPE,
    ) -> NTSTATUS,
    /// `(this, Mdl, BufferSize)`. PASSIVE_LEVEL.
    pub FreeAudioBuffer: unsafe extern "efiapi" fn(this: *mut c_void, mdl: *mut MDL, size: u32),
    /// `(this, out Latency)`. PASSIVE_LEVEL.
    pub GetHWLatency: unsafe extern "efiapi" fn(this: *mut c_void, out: *mut KSRTAUDIO_HWLATENCY),
    /// `(this, out Register)`. PASSIVE_LEVEL.
    pub GetPositionRegister:
        unsafe extern "efiapi" fn(this: *mut c_void, out: *mut KSRTAUDIO_HWREGISTER) -> NTSTATUS,
    /// `(this, out Register)`. PASSIVE_LEVEL.
    pub GetClockRegister:
        unsafe extern "efiapi" fn(this: *mut c_void, out: *mut KSRTAUDIO_HWREGISTER) -> NTSTATUS,
}

/// Table of [`IMiniportWaveRTStreamNotification`]. 15 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IMiniportWaveRTStreamNotificationVtbl {
    /// IMiniportWaveRTStream.
    pub base: IMiniportWaveRTStreamVtbl,
    /// `(this, NotificationCount, RequestedSize, out Mdl, out ActualSize, out OffsetFromFirstPage, out CacheType)`.
    pub AllocateBufferWithNotification: unsafe extern "efiapi" fn(
        this: *mut c_void,
        count: u32,
        requested: u32,
        mdl: *mut *mut MDL,
        actual: *mut u32,
        offset: *mut u32,
        cache: *mut MEMORY_CACHING_TYPE,
    ) -> NTSTATUS,
    /// `(this, Mdl, BufferSize)`.
    pub FreeBufferWithNotification:
        unsafe extern "efiapi" fn(this: *mut c_void, mdl: *mut MDL, size: u32),
    /// `(this, NotificationEvent)`.
    pub RegisterNotificationEvent:
        unsafe extern "efiapi" fn(this: *mut c_void, event: *mut KEVENT) -> NTSTATUS,
    /// `(this, NotificationEvent)`.
    pub UnregisterNotificationEvent:
        unsafe extern "efiapi" fn(this: *mut c_void, event: *mut KEVENT) -> NTSTATUS,
}

/// Table of [`IMiniportWaveRTOutputStream`]. 6 slots; not derived from the stream's.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IMiniportWaveRTOutputStreamVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, PacketNumber, Flags, EosPacketLength)`. PASSIVE_LEVEL.
    pub SetWritePacket: unsafe extern "efiapi" fn(
        this: *mut c_void,
        packet: u32,
        flags: u32,
        eos_length: u32,
    ) -> NTSTATUS,
    /// `(this, out PresentationPosition)`. PASSIVE_LEVEL.
    pub GetOutputStreamPresentationPosition: unsafe extern "efiapi" fn(
        this: *mut c_void,
        out: *mut KSAUDIO_PRESENTATION_POSITION,
    ) -> NTSTATUS,
    /// `(this, out PacketCount)`: packets played completely. PASSIVE_LEVEL.
    pub GetPacketCount: unsafe extern "efiapi" fn(this: *mut c_void, out: *mut u32) -> NTSTATUS,
}

/// Table of [`IMiniportWaveRTInputStream`]. 4 slots; not derived from the stream's.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IMiniportWaveRTInputStreamVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, out PacketNumber, out Flags, out PerformanceCounterValue, out MoreData)`. PASSIVE_LEVEL.
    pub GetReadPacket: unsafe extern "efiapi" fn(
        this: *mut c_void,
        packet: *mut u32,
        flags: *mut u32,
        qpc: *mut u64,
        more: *mut i32,
    ) -> NTSTATUS,
}

interfaces! {
    pub IMiniportWaveRTStream: IMiniportWaveRTStreamVtbl, IID_IMiniportWaveRTStream, "A WaveRT stream.";
    pub IMiniportWaveRTStreamNotification: IMiniportWaveRTStreamNotificationVtbl, IID_IMiniportWaveRTStreamNotification,
        "A WaveRT stream that signals events.";
    pub IMiniportWaveRTOutputStream: IMiniportWaveRTOutputStreamVtbl, IID_IMiniportWaveRTOutputStream,
        "Packet mode of a render stream.";
    pub IMiniportWaveRTInputStream: IMiniportWaveRTInputStreamVtbl, IID_IMiniportWaveRTInputStream,
        "Packet mode of a capture stream.";
}

/// `KSSTREAM_HEADER_OPTIONSF_ENDOFSTREAM` (ks.h): flag of `SetWritePacket`, the packet is the last.
pub const KSSTREAM_HEADER_OPTIONSF_ENDOFSTREAM: u32 = 0x200;
