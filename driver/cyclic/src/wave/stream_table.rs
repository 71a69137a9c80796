//! The stream's table: from PortCls's calls to [`Stream`]'s methods.

use super::stream::Stream;
use core::ffi::c_void;
use waverig_portcls::com::{Class, Interface, Object, Table};
use waverig_portcls::status::STATUS_SUCCESS;
use waverig_portcls::{
    IMiniportWaveCyclicStream, IMiniportWaveCyclicStreamVtbl, KSDATAFORMAT, KSSTATE, NTSTATUS,
};

pub(super) const TABLES: [Table; 1] = [Table {
    vtbl: (&raw const VTBL).cast(),
    iids: &[&IMiniportWaveCyclicStream::IID],
}];

static VTBL: IMiniportWaveCyclicStreamVtbl = IMiniportWaveCyclicStreamVtbl {
    base: Stream::UNKNOWN,
    SetFormat: set_format,
    SetNotificationFreq: set_notification_freq,
    SetState: set_state,
    GetPosition: get_position,
    NormalizePhysicalPosition: normalize_physical_position,
    Silence: silence,
};

/// # Safety
/// `this` came through the table.
unsafe fn of<'a>(this: *mut c_void) -> &'a Stream {
    // SAFETY: says the caller.
    unsafe { Object::<Stream, 1>::value(this) }
}

fn status(result: Result<(), NTSTATUS>) -> NTSTATUS {
    result.err().unwrap_or(STATUS_SUCCESS)
}

unsafe extern "efiapi" fn set_format(this: *mut c_void, format: *mut KSDATAFORMAT) -> NTSTATUS {
    // SAFETY: called through the table, with a format.
    status(unsafe { of(this).set_format(format) })
}

unsafe extern "efiapi" fn set_notification_freq(
    this: *mut c_void,
    interval: u32,
    bytes: *mut u32,
) -> u32 {
    // SAFETY: called through the table, with a place for the size.
    unsafe { bytes.write(of(this).notify_every(interval)) };
    interval
}

unsafe extern "efiapi" fn set_state(this: *mut c_void, state: KSSTATE) -> NTSTATUS {
    // SAFETY: called through the table.
    status(unsafe { of(this) }.set_state(state))
}

unsafe extern "efiapi" fn get_position(this: *mut c_void, out: *mut u32) -> NTSTATUS {
    // SAFETY: called through the table, with a place for the position.
    status(unsafe { of(this).position().map(|offset| out.write(offset)) })
}

unsafe extern "efiapi" fn normalize_physical_position(
    this: *mut c_void,
    position: *mut i64,
) -> NTSTATUS {
    // SAFETY: called through the table, with a position.
    unsafe { *position = of(this).normalize(*position) };
    STATUS_SUCCESS
}

/// Zeros are silence in every format that is taken.
unsafe extern "efiapi" fn silence(_: *mut c_void, buffer: *mut c_void, bytes: u32) {
    // SAFETY: called with a buffer of that many bytes.
    unsafe { buffer.cast::<u8>().write_bytes(0, bytes as usize) };
}
