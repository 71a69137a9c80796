//! The miniport's side (portcls.h): what an adapter driver implements for each filter.

use crate::unknown::interfaces;
use crate::{
    DEVICE_DESCRIPTION, Guid, IPortWaveRTStream, IUnknownVtbl, KSDATAFORMAT, KSDATARANGE, NTSTATUS,
    PCFILTER_DESCRIPTOR,
};
use core::ffi::c_void;

/// Table of [`IMiniport`]. 5 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IMiniportVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, out Description)`: the filter's description, which must outlive the miniport. PASSIVE_LEVEL.
    pub GetDescription: unsafe extern "efiapi" fn(
        this: *mut c_void,
        out: *mut *const PCFILTER_DESCRIPTOR,
    ) -> NTSTATUS,
    /// `(this, PinId, DataRange, MatchingDataRange, OutputBufferLength, ResultantFormat, ResultantFormatLength)`:
    /// the best format in both ranges. The client's range comes first. `STATUS_NOT_IMPLEMENTED` leaves it to the port.
    pub DataRangeIntersection: unsafe extern "efiapi" fn(
        this: *mut c_void,
        pin: u32,
        client: *mut KSDATARANGE,
        own: *mut KSDATARANGE,
        length: u32,
        format: *mut c_void,
        format_length: *mut u32,
    ) -> NTSTATUS,
}

/// Table of [`IMiniportWaveRT`]. 8 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IMiniportWaveRTVtbl {
    /// IMiniport.
    pub base: IMiniportVtbl,
    /// `(this, UnknownAdapter, ResourceList, Port)`.
    pub Init: unsafe extern "efiapi" fn(
        this: *mut c_void,
        adapter: *mut c_void,
        resources: *mut c_void,
        port: *mut c_void,
    ) -> NTSTATUS,
    /// `(this, out Stream, PortStream, Pin, Capture, DataFormat)`: the stream starts in `KSSTATE_STOP` at position 0.
    pub NewStream: unsafe extern "efiapi" fn(
        this: *mut c_void,
        out: *mut *mut c_void,
        port_stream: *mut IPortWaveRTStream,
        pin: u32,
        capture: u8,
        format: *mut KSDATAFORMAT,
    ) -> NTSTATUS,
    /// `(this, out DeviceDescription)`: DMA needs.
    pub GetDeviceDescription:
        unsafe extern "efiapi" fn(this: *mut c_void, out: *mut DEVICE_DESCRIPTION) -> NTSTATUS,
}

/// Table of [`IMiniportTopology`]. 6 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IMiniportTopologyVtbl {
    /// IMiniport.
    pub base: IMiniportVtbl,
    /// `(this, UnknownAdapter, ResourceList, Port)`.
    pub Init: unsafe extern "efiapi" fn(
        this: *mut c_void,
        adapter: *mut c_void,
        resources: *mut c_void,
        port: *mut c_void,
    ) -> NTSTATUS,
}

/// Table of [`IMiniportAudioSignalProcessing`]. 4 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IMiniportAudioSignalProcessingVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, Pin, SignalProcessingModes, NumSignalProcessingModes)`: the count goes in (unless the array is NULL) and out.
    pub GetModes: unsafe extern "efiapi" fn(
        this: *mut c_void,
        pin: u32,
        modes: *mut Guid,
        count: *mut u32,
    ) -> NTSTATUS,
}

interfaces! {
    pub IMiniport: IMiniportVtbl, IID_IMiniport, "What every miniport offers.";
    pub IMiniportWaveRT: IMiniportWaveRTVtbl, IID_IMiniportWaveRT, "A WaveRT filter.";
    pub IMiniportTopology: IMiniportTopologyVtbl, IID_IMiniportTopology, "A topology filter.";
    pub IMiniportAudioSignalProcessing: IMiniportAudioSignalProcessingVtbl, IID_IMiniportAudioSignalProcessing,
        "Signal-processing modes; queried from a wave miniport.";
}
