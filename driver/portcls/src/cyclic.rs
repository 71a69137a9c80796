//! WaveCyclic (portcls.h): the port, what an adapter driver implements for it, DMA channels and service groups.

use crate::unknown::interfaces;
use crate::{
    IMiniportVtbl, IPortVtbl, IUnknownVtbl, KSDATAFORMAT, KSSTATE, NTSTATUS, PHYSICAL_ADDRESS,
};
use core::ffi::c_void;

/// `POOL_TYPE` (wdm.h).
pub type POOL_TYPE = i32;
/// Memory that is never paged out.
pub const NonPagedPool: POOL_TYPE = 0;
/// The same, and never executed.
pub const NonPagedPoolNx: POOL_TYPE = 512;

/// Table of [`IPortWaveCyclic`]. 9 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IPortWaveCyclicVtbl {
    /// IPort.
    pub base: IPortVtbl,
    /// `(this, ServiceGroup)`: the device has come to its next notification. Any IRQL.
    pub Notify: unsafe extern "efiapi" fn(this: *mut c_void, group: *mut IServiceGroup),
    /// `(this, out DmaChannel, OuterUnknown, ResourceList, DmaIndex, MaximumLength, DemandMode, DmaSpeed)`. PASSIVE_LEVEL.
    pub NewSlaveDmaChannel: unsafe extern "efiapi" fn(
        this: *mut c_void,
        out: *mut *mut c_void,
        outer: *mut c_void,
        resources: *mut c_void,
        index: u32,
        most_bytes: u32,
        demand: u8,
        speed: i32,
    ) -> NTSTATUS,
    /// `(this, out DmaChannel, OuterUnknown, ResourceList, MaximumLength, Dma32BitAddresses, Dma64BitAddresses, DmaWidth, DmaSpeed)`.
    /// PASSIVE_LEVEL.
    pub NewMasterDmaChannel: unsafe extern "efiapi" fn(
        this: *mut c_void,
        out: *mut *mut IDmaChannel,
        outer: *mut c_void,
        resources: *mut c_void,
        most_bytes: u32,
        wide_32: u8,
        wide_64: u8,
        width: i32,
        speed: i32,
    ) -> NTSTATUS,
}

/// Table of [`IMiniportWaveCyclic`]. 7 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IMiniportWaveCyclicVtbl {
    /// IMiniport.
    pub base: IMiniportVtbl,
    /// `(this, UnknownAdapter, ResourceList, Port)`.
    pub Init: unsafe extern "efiapi" fn(
        this: *mut c_void,
        adapter: *mut c_void,
        resources: *mut c_void,
        port: *mut IPortWaveCyclic,
    ) -> NTSTATUS,
    /// `(this, out Stream, OuterUnknown, PoolType, Pin, Capture, DataFormat, out DmaChannel, out ServiceGroup)`: the stream starts in
    /// `KSSTATE_STOP` at position 0; each of the three is handed over with a reference.
    pub NewStream: unsafe extern "efiapi" fn(
        this: *mut c_void,
        out: *mut *mut c_void,
        outer: *mut c_void,
        pool: POOL_TYPE,
        pin: u32,
        capture: u8,
        format: *mut KSDATAFORMAT,
        channel: *mut *mut IDmaChannel,
        group: *mut *mut IServiceGroup,
    ) -> NTSTATUS,
}

/// Table of [`IMiniportWaveCyclicStream`]. 9 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IMiniportWaveCyclicStreamVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, DataFormat)`. PASSIVE_LEVEL.
    pub SetFormat:
        unsafe extern "efiapi" fn(this: *mut c_void, format: *mut KSDATAFORMAT) -> NTSTATUS,
    /// `(this, Interval, out FrameSize)`: milliseconds between two notifications; the bytes that are played in that time come
    /// back, and the interval that there is now. PASSIVE_LEVEL.
    pub SetNotificationFreq:
        unsafe extern "efiapi" fn(this: *mut c_void, interval: u32, bytes: *mut u32) -> u32,
    /// `(this, State)`. PASSIVE_LEVEL.
    pub SetState: unsafe extern "efiapi" fn(this: *mut c_void, state: KSSTATE) -> NTSTATUS,
    /// `(this, out Position)`: a byte offset in the cyclic buffer. Up to DISPATCH_LEVEL.
    pub GetPosition: unsafe extern "efiapi" fn(this: *mut c_void, out: *mut u32) -> NTSTATUS,
    /// `(this, in out PhysicalPosition)`: bytes go in, units of 100 ns come out. Any IRQL.
    pub NormalizePhysicalPosition:
        unsafe extern "efiapi" fn(this: *mut c_void, position: *mut i64) -> NTSTATUS,
    /// `(this, Buffer, ByteCount)`: writes silence. Any IRQL.
    pub Silence: unsafe extern "efiapi" fn(this: *mut c_void, buffer: *mut c_void, bytes: u32),
}

/// Table of [`IDmaChannel`]. 15 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IDmaChannelVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// `(this, BufferSize, PhysicalAddressConstraint)`. PASSIVE_LEVEL.
    pub AllocateBuffer: unsafe extern "efiapi" fn(
        this: *mut c_void,
        bytes: u32,
        constraint: *mut PHYSICAL_ADDRESS,
    ) -> NTSTATUS,
    /// PASSIVE_LEVEL.
    pub FreeBuffer: unsafe extern "efiapi" fn(this: *mut c_void),
    /// Bytes that are being transferred. Any IRQL, as all that follow.
    pub TransferCount: unsafe extern "efiapi" fn(this: *mut c_void) -> u32,
    /// Bytes of the largest buffer that there can be.
    pub MaximumBufferSize: unsafe extern "efiapi" fn(this: *mut c_void) -> u32,
    /// Bytes that were allocated.
    pub AllocatedBufferSize: unsafe extern "efiapi" fn(this: *mut c_void) -> u32,
    /// Bytes that are used.
    pub BufferSize: unsafe extern "efiapi" fn(this: *mut c_void) -> u32,
    /// `(this, BufferSize)`.
    pub SetBufferSize: unsafe extern "efiapi" fn(this: *mut c_void, bytes: u32),
    /// The buffer's kernel address.
    pub SystemAddress: unsafe extern "efiapi" fn(this: *mut c_void) -> *mut c_void,
    /// `(this, hidden)`: a structure is returned; see [`crate::IPortWaveRTStreamVtbl::GetPhysicalPageAddress`]. Ports never call it
    /// (portcls/nf-portcls-iminiportwavecyclic-newstream).
    pub PhysicalAddress: unsafe extern "efiapi" fn(
        this: *mut c_void,
        hidden: *mut PHYSICAL_ADDRESS,
    ) -> *mut PHYSICAL_ADDRESS,
    /// The hardware's adapter object.
    pub GetAdapterObject: unsafe extern "efiapi" fn(this: *mut c_void) -> *mut c_void,
    /// `(this, Destination, Source, ByteCount)`: into the buffer.
    pub CopyTo: unsafe extern "efiapi" fn(
        this: *mut c_void,
        destination: *mut c_void,
        source: *mut c_void,
        bytes: u32,
    ),
    /// `(this, Destination, Source, ByteCount)`: out of the buffer.
    pub CopyFrom: unsafe extern "efiapi" fn(
        this: *mut c_void,
        destination: *mut c_void,
        source: *mut c_void,
        bytes: u32,
    ),
}

/// Table of [`IServiceSink`]. 4 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IServiceSinkVtbl {
    /// IUnknown.
    pub base: IUnknownVtbl,
    /// Up to DISPATCH_LEVEL for a sink; a group queues a DPC that asks its members.
    pub RequestService: unsafe extern "efiapi" fn(this: *mut c_void),
}

/// Table of [`IServiceGroup`]. 9 slots.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IServiceGroupVtbl {
    /// IServiceSink.
    pub base: IServiceSinkVtbl,
    /// `(this, ServiceSink)`: with a reference until it is removed. PASSIVE_LEVEL.
    pub AddMember:
        unsafe extern "efiapi" fn(this: *mut c_void, member: *mut IServiceSink) -> NTSTATUS,
    /// `(this, ServiceSink)`. PASSIVE_LEVEL.
    pub RemoveMember: unsafe extern "efiapi" fn(this: *mut c_void, member: *mut IServiceSink),
    /// Lets the group take delayed requests.
    pub SupportDelayedService: unsafe extern "efiapi" fn(this: *mut c_void),
    /// `(this, Delay)`: in units of 100 ns.
    pub RequestDelayedService: unsafe extern "efiapi" fn(this: *mut c_void, delay: u64),
    /// Takes a delayed request back.
    pub CancelDelayedService: unsafe extern "efiapi" fn(this: *mut c_void),
}

interfaces! {
    pub IPortWaveCyclic: IPortWaveCyclicVtbl, IID_IPortWaveCyclic, "The WaveCyclic port driver.";
    pub IMiniportWaveCyclic: IMiniportWaveCyclicVtbl, IID_IMiniportWaveCyclic, "A WaveCyclic filter.";
    pub IMiniportWaveCyclicStream: IMiniportWaveCyclicStreamVtbl, IID_IMiniportWaveCyclicStream, "A WaveCyclic stream.";
    pub IDmaChannel: IDmaChannelVtbl, IID_IDmaChannel, "A cyclic buffer and how it is reached.";
    pub IServiceSink: IServiceSinkVtbl, IID_IServiceSink, "Something that is served when a device asks.";
    pub IServiceGroup: IServiceGroupVtbl, IID_IServiceGroup, "Sinks that are served together.";
}

/// `KSTIME` (ks.h): a time, and the fraction that makes units of 100 ns of it. 16 bytes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct KSTIME {
    /// The time.
    pub Time: i64,
    /// Times this,
    pub Numerator: u32,
    /// divided by this.
    pub Denominator: u32,
}

/// `KSSTREAM_HEADER` (ks.h): one piece of a stream in a client's memory. 56 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KSSTREAM_HEADER {
    /// Bytes of this structure.
    pub Size: u32,
    /// Flags of the data format.
    pub TypeSpecificFlags: u32,
    /// When it is to be presented.
    pub PresentationTime: KSTIME,
    /// How long it lasts, in the same units; 0 when not used.
    pub Duration: i64,
    /// Bytes of memory.
    pub FrameExtent: u32,
    /// Bytes of data in it.
    pub DataUsed: u32,
    /// The memory.
    pub Data: *mut c_void,
    /// `KSSTREAM_HEADER_OPTIONSF_…`.
    pub OptionsFlags: u32,
    /// Nothing.
    pub Reserved: u32,
}
