//! The second face of the mock's stream: a DMA channel that a driver implements itself, as the sample msvad does.

use std::ffi::c_void;

use waverig_portcls::status::{STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};
use waverig_portcls::{Guid, IDmaChannelVtbl, NTSTATUS, PHYSICAL_ADDRESS};

use super::super::miniport::UNKNOWN;
use super::{FRAME, Fault, Stream, has};

/// The face's functions.
pub(super) const fn table() -> *const IDmaChannelVtbl {
    &raw const CHANNEL
}

static CHANNEL: IDmaChannelVtbl = IDmaChannelVtbl {
    base: waverig_portcls::IUnknownVtbl {
        QueryInterface: channel_query,
        AddRef: channel_add_ref,
        Release: channel_release,
    },
    AllocateBuffer: channel_allocate,
    FreeBuffer: channel_free,
    TransferCount: channel_size,
    MaximumBufferSize: channel_size,
    AllocatedBufferSize: channel_size,
    BufferSize: channel_size,
    SetBufferSize: channel_set_size,
    SystemAddress: channel_address,
    PhysicalAddress: channel_physical,
    GetAdapterObject: channel_adapter,
    CopyTo: channel_copy_to,
    CopyFrom: channel_copy_to,
};

/// The stream behind its second face.
fn behind<'a>(face: *mut c_void) -> &'a Stream {
    // SAFETY: the face is that field of a stream.
    unsafe { &*face.byte_sub(std::mem::offset_of!(Stream, channel)).cast() }
}

/// Nobody asks.
unsafe extern "efiapi" fn channel_query(
    _: *mut c_void,
    _: *const Guid,
    _: *mut *mut c_void,
) -> NTSTATUS {
    STATUS_INSUFFICIENT_RESOURCES
}

unsafe extern "efiapi" fn channel_add_ref(face: *mut c_void) -> u32 {
    let stream = behind(face);
    stream
        .object
        .references
        .set(stream.object.references.get() + 1);
    stream.object.references.get()
}

unsafe extern "efiapi" fn channel_release(face: *mut c_void) -> u32 {
    let stream = std::ptr::from_ref(behind(face)).cast_mut().cast::<c_void>();
    // SAFETY: the stream's own function.
    unsafe { (UNKNOWN.Release)(stream) }
}

unsafe extern "efiapi" fn channel_allocate(
    _: *mut c_void,
    _: u32,
    _: *mut PHYSICAL_ADDRESS,
) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn channel_free(_: *mut c_void) {}

unsafe extern "efiapi" fn channel_size(face: *mut c_void) -> u32 {
    behind(face).own.borrow().len() as u32
}

unsafe extern "efiapi" fn channel_set_size(_: *mut c_void, _: u32) {}

unsafe extern "efiapi" fn channel_address(face: *mut c_void) -> *mut c_void {
    behind(face).base.cast()
}

unsafe extern "efiapi" fn channel_physical(
    _: *mut c_void,
    hidden: *mut PHYSICAL_ADDRESS,
) -> *mut PHYSICAL_ADDRESS {
    hidden
}

unsafe extern "efiapi" fn channel_adapter(_: *mut c_void) -> *mut c_void {
    std::ptr::null_mut()
}

unsafe extern "efiapi" fn channel_copy_to(
    _: *mut c_void,
    to: *mut c_void,
    from: *mut c_void,
    bytes: u32,
) {
    let lost = u32::from(has(Fault::LosesFrames)) * FRAME as u32;
    // SAFETY: PortCls's places.
    unsafe {
        to.cast::<u8>()
            .copy_from(from.cast(), (bytes - lost) as usize)
    };
}
