//! The stream's tables: from PortCls's calls to [`Stream`]'s methods.

use super::stream::{Allocated, Stream};
use core::ffi::c_void;
use core::ptr::null_mut;
use waverig_engine::{Notifications, WritePacket};
use waverig_portcls::com::{Class, Interface, Object, Table};
use waverig_portcls::status::{STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS};
use waverig_portcls::{
    DRMRIGHTS, IDrmAudioStream, IDrmAudioStreamVtbl, IMiniportWaveRTOutputStream,
    IMiniportWaveRTOutputStreamVtbl, IMiniportWaveRTStream, IMiniportWaveRTStreamNotification,
    IMiniportWaveRTStreamNotificationVtbl, IMiniportWaveRTStreamVtbl, KEVENT, KSAUDIO_POSITION,
    KSAUDIO_PRESENTATION_POSITION, KSDATAFORMAT, KSRTAUDIO_HWLATENCY, KSRTAUDIO_HWREGISTER,
    KSSTATE, MDL, MEMORY_CACHING_TYPE, MmCached, NTSTATUS,
};

pub(super) const TABLES: [Table; 3] = [
    Table {
        vtbl: (&raw const VTBL).cast(),
        iids: &[
            &IMiniportWaveRTStream::IID,
            &IMiniportWaveRTStreamNotification::IID,
        ],
    },
    Table {
        vtbl: (&raw const DRM_VTBL).cast(),
        iids: &[&IDrmAudioStream::IID],
    },
    Table {
        vtbl: (&raw const OUTPUT_VTBL).cast(),
        iids: &[&IMiniportWaveRTOutputStream::IID],
    },
];

static VTBL: IMiniportWaveRTStreamNotificationVtbl = IMiniportWaveRTStreamNotificationVtbl {
    base: IMiniportWaveRTStreamVtbl {
        base: Stream::UNKNOWN,
        SetFormat: set_format,
        SetState: set_state,
        GetPosition: get_position,
        AllocateAudioBuffer: allocate_audio_buffer,
        FreeAudioBuffer: free_buffer,
        GetHWLatency: get_hw_latency,
        GetPositionRegister: get_register,
        GetClockRegister: get_register,
    },
    AllocateBufferWithNotification: allocate_buffer_with_notification,
    FreeBufferWithNotification: free_buffer,
    RegisterNotificationEvent: register_notification_event,
    UnregisterNotificationEvent: unregister_notification_event,
};

static DRM_VTBL: IDrmAudioStreamVtbl = IDrmAudioStreamVtbl {
    base: Stream::UNKNOWN,
    SetContentId: set_content_id,
};

/// Packet mode. Of render streams only: PortCls takes a stream with this interface for one.
static OUTPUT_VTBL: IMiniportWaveRTOutputStreamVtbl = IMiniportWaveRTOutputStreamVtbl {
    base: Stream::UNKNOWN,
    SetWritePacket: set_write_packet,
    GetOutputStreamPresentationPosition: get_presentation_position,
    GetPacketCount: get_packet_count,
};

/// # Safety
/// `this` came through one of the stream's tables.
pub(super) unsafe fn stream<'a>(this: *mut c_void) -> &'a Stream {
    // SAFETY: says the caller.
    unsafe { Object::<Stream, 3>::value(this) }
}

fn status(result: Result<(), NTSTATUS>) -> NTSTATUS {
    result.err().unwrap_or(STATUS_SUCCESS)
}

unsafe extern "efiapi" fn set_format(this: *mut c_void, format: *mut KSDATAFORMAT) -> NTSTATUS {
    // SAFETY: called through the table, with a format.
    status(unsafe { stream(this).set_format(format) })
}

unsafe extern "efiapi" fn set_state(this: *mut c_void, state: KSSTATE) -> NTSTATUS {
    // SAFETY: called through the table.
    status(unsafe { stream(this) }.set_state(state))
}

unsafe extern "efiapi" fn get_position(this: *mut c_void, out: *mut KSAUDIO_POSITION) -> NTSTATUS {
    // SAFETY: called through the table, with a place for the position.
    status(unsafe { stream(this).position().map(|position| out.write(position)) })
}

unsafe extern "efiapi" fn allocate_audio_buffer(
    this: *mut c_void,
    requested: u32,
    mdl: *mut *mut MDL,
    actual: *mut u32,
    offset: *mut u32,
    cache: *mut MEMORY_CACHING_TYPE,
) -> NTSTATUS {
    // SAFETY: called through the table, with places for the results.
    unsafe {
        let allocated = stream(this).allocate(requested, Notifications::None);
        hand_over(allocated, mdl, actual, offset, cache)
    }
}

unsafe extern "efiapi" fn allocate_buffer_with_notification(
    this: *mut c_void,
    count: u32,
    requested: u32,
    mdl: *mut *mut MDL,
    actual: *mut u32,
    offset: *mut u32,
    cache: *mut MEMORY_CACHING_TYPE,
) -> NTSTATUS {
    let notifications =
        Notifications::from_count(count).filter(|count| *count != Notifications::None);
    // SAFETY: called through the table, with places for the results.
    unsafe {
        let allocated = notifications
            .ok_or(STATUS_INVALID_PARAMETER)
            .and_then(|notifications| stream(this).allocate(requested, notifications));
        hand_over(allocated, mdl, actual, offset, cache)
    }
}

/// # Safety
/// All pointers are places for results.
unsafe fn hand_over(
    allocated: Result<Allocated, NTSTATUS>,
    mdl: *mut *mut MDL,
    actual: *mut u32,
    offset: *mut u32,
    cache: *mut MEMORY_CACHING_TYPE,
) -> NTSTATUS {
    let (result, Allocated { mdl: pages, bytes }) = match allocated {
        Ok(allocated) => (STATUS_SUCCESS, allocated),
        Err(status) => (
            status,
            Allocated {
                mdl: null_mut(),
                bytes: 0,
            },
        ),
    };
    // SAFETY: says the caller.
    unsafe {
        mdl.write(pages);
        actual.write(bytes);
        offset.write(0);
        cache.write(MmCached);
    }
    result
}

/// The stream knows its buffer better than the parameters.
unsafe extern "efiapi" fn free_buffer(this: *mut c_void, _: *mut MDL, _: u32) {
    // SAFETY: called through the table.
    unsafe { stream(this) }.free();
}

/// Nothing lies between the buffer and the tap.
unsafe extern "efiapi" fn get_hw_latency(_: *mut c_void, out: *mut KSRTAUDIO_HWLATENCY) {
    // SAFETY: called with a place for the latency.
    unsafe { out.write(KSRTAUDIO_HWLATENCY::default()) };
}

/// There is no hardware, so there are no registers.
unsafe extern "efiapi" fn get_register(_: *mut c_void, _: *mut KSRTAUDIO_HWREGISTER) -> NTSTATUS {
    STATUS_NOT_SUPPORTED
}

unsafe extern "efiapi" fn register_notification_event(
    this: *mut c_void,
    event: *mut KEVENT,
) -> NTSTATUS {
    // SAFETY: called through the table.
    status(unsafe { stream(this) }.add_event(event))
}

unsafe extern "efiapi" fn unregister_notification_event(
    this: *mut c_void,
    event: *mut KEVENT,
) -> NTSTATUS {
    // SAFETY: called through the table.
    status(unsafe { stream(this) }.remove_event(event))
}

unsafe extern "efiapi" fn set_content_id(
    this: *mut c_void,
    _: u32,
    rights: *const DRMRIGHTS,
) -> NTSTATUS {
    // SAFETY: called through the table, with rights.
    status(unsafe { stream(this).set_rights(*rights) })
}

unsafe extern "efiapi" fn set_write_packet(
    this: *mut c_void,
    number: u32,
    flags: u32,
    last_bytes: u32,
) -> NTSTATUS {
    let write = WritePacket {
        number,
        flags,
        last_bytes,
    };
    // SAFETY: called through the table.
    status(unsafe { stream(this) }.set_write_packet(write))
}

unsafe extern "efiapi" fn get_presentation_position(
    this: *mut c_void,
    out: *mut KSAUDIO_PRESENTATION_POSITION,
) -> NTSTATUS {
    // SAFETY: called through the table, with a place for the position.
    status(unsafe {
        stream(this)
            .presentation()
            .map(|position| out.write(position))
    })
}

unsafe extern "efiapi" fn get_packet_count(this: *mut c_void, out: *mut u32) -> NTSTATUS {
    // SAFETY: called through the table, with a place for the count.
    status(unsafe { stream(this).packet_count().map(|count| out.write(count)) })
}
