//! The mock's packet interfaces: objects of their own, each with a reference on the stream.

use std::cell::Cell;
use std::ffi::c_void;

use waverig_portcls::status::{
    STATUS_DATA_LATE_ERROR, STATUS_DATA_OVERRUN, STATUS_DEVICE_NOT_READY, STATUS_NOT_SUPPORTED,
    STATUS_SUCCESS,
};
use waverig_portcls::{
    Guid, IMiniportWaveRTInputStreamVtbl, IMiniportWaveRTOutputStreamVtbl,
    KSAUDIO_PRESENTATION_POSITION, NTSTATUS, id,
};

use super::miniport::{Object, UNKNOWN, release};
use super::{Quirk, has, stream};
use crate::kernel::kernel;

#[repr(C)]
struct Packets {
    object: Object,
    stream: *mut c_void,
}

static OUTPUT: IMiniportWaveRTOutputStreamVtbl = IMiniportWaveRTOutputStreamVtbl {
    base: UNKNOWN,
    SetWritePacket: set_write_packet,
    GetOutputStreamPresentationPosition: presentation,
    GetPacketCount: packet_count,
};

static INPUT: IMiniportWaveRTInputStreamVtbl = IMiniportWaveRTInputStreamVtbl {
    base: UNKNOWN,
    GetReadPacket: get_read_packet,
};

/// The interface of a stream, with a reference; NULL when the mock has none. Takes a reference on the stream.
pub(super) fn create(stream: *mut c_void, iid: &Guid) -> *mut c_void {
    let (table, interfaces): (*const c_void, &'static [Guid]) = match *iid {
        id::IID_IMiniportWaveRTOutputStream => (
            (&raw const OUTPUT).cast(),
            &[id::IID_IMiniportWaveRTOutputStream],
        ),
        id::IID_IMiniportWaveRTInputStream if has(Quirk::InputOnRender) => (
            (&raw const INPUT).cast(),
            &[id::IID_IMiniportWaveRTInputStream],
        ),
        _ => return std::ptr::null_mut(),
    };
    let gone = |this: *mut c_void| {
        // SAFETY: the box made below, at its last reference.
        let packets = unsafe { Box::from_raw(this.cast::<Packets>()) };
        release(packets.stream);
    };
    super::miniport::reference(stream);
    Box::into_raw(Box::new(Packets {
        object: Object {
            table,
            references: Cell::new(1),
            interfaces,
            gone,
        },
        stream,
    }))
    .cast()
}

/// Packets complete, when the stream has packets, and whether it runs.
fn count(this: *mut c_void) -> Option<(u64, bool)> {
    // SAFETY: only these objects have these tables.
    let packets = unsafe { &*this.cast::<Packets>() };
    stream::packets(packets.stream)
}

unsafe extern "efiapi" fn packet_count(this: *mut c_void, out: *mut u32) -> NTSTATUS {
    let Some((count, _)) = count(this) else {
        return STATUS_NOT_SUPPORTED;
    };
    let told = match () {
        () if has(Quirk::CountAhead) => count + 1,
        () if has(Quirk::CountBackwards) && count == 5 => 3,
        () => count,
    };
    // SAFETY: PortCls's variable.
    unsafe { *out = told as u32 };
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn presentation(
    this: *mut c_void,
    out: *mut KSAUDIO_PRESENTATION_POSITION,
) -> NTSTATUS {
    // SAFETY: only these objects have these tables.
    let packets = unsafe { &*this.cast::<Packets>() };
    let ahead = if has(Quirk::PresentedAhead) { 5 } else { 0 };
    // SAFETY: PortCls's variable.
    unsafe {
        *out = KSAUDIO_PRESENTATION_POSITION {
            u64PositionInBlocks: stream::frames(packets.stream),
            u64QPCPosition: kernel().now().0 + ahead,
        };
    }
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn set_write_packet(
    this: *mut c_void,
    packet: u32,
    _flags: u32,
    _last_bytes: u32,
) -> NTSTATUS {
    let Some((count, running)) = count(this) else {
        return STATUS_NOT_SUPPORTED;
    };
    match u64::from(packet).cmp(&(count + u64::from(running))) {
        std::cmp::Ordering::Less => STATUS_DATA_LATE_ERROR,
        std::cmp::Ordering::Equal => STATUS_SUCCESS,
        std::cmp::Ordering::Greater => STATUS_DATA_OVERRUN,
    }
}

unsafe extern "efiapi" fn get_read_packet(
    _: *mut c_void,
    _: *mut u32,
    _: *mut u32,
    _: *mut u64,
    _: *mut i32,
) -> NTSTATUS {
    STATUS_DEVICE_NOT_READY
}
