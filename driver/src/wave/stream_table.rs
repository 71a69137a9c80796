//! The stream's tables: from PortCls's calls to [`Stream`]'s methods.

use super::stream::{Allocated, Stream};
use crate::cable::{Line, Playing, Recording};
use core::ffi::c_void;
use core::ptr::null_mut;
use waverig_engine::{Notifications, WritePacket};
use waverig_portcls::com::{Class, Interface, Object, Table};
use waverig_portcls::status::{STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS};
use waverig_portcls::{
    DRMRIGHTS, Guid, IDrmAudioStream, IDrmAudioStreamVtbl, IMiniportWaveRTInputStream,
    IMiniportWaveRTInputStreamVtbl, IMiniportWaveRTOutputStream, IMiniportWaveRTOutputStreamVtbl,
    IMiniportWaveRTStream, IMiniportWaveRTStreamNotification,
    IMiniportWaveRTStreamNotificationVtbl, IMiniportWaveRTStreamVtbl, IUnknownVtbl, KEVENT,
    KSAUDIO_POSITION, KSAUDIO_PRESENTATION_POSITION, KSDATAFORMAT, KSRTAUDIO_HWLATENCY,
    KSRTAUDIO_HWREGISTER, KSSTATE, MDL, MEMORY_CACHING_TYPE, MmCached, NTSTATUS,
};

/// Tables of a render stream.
pub(super) const RENDER: [Table; 3] = [
    Table {
        vtbl: (&raw const RENDER_VTBL).cast(),
        iids: STREAM,
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

/// Tables of a capture stream.
pub(super) const CAPTURE: [Table; 2] = [
    Table {
        vtbl: (&raw const CAPTURE_VTBL).cast(),
        iids: STREAM,
    },
    Table {
        vtbl: (&raw const INPUT_VTBL).cast(),
        iids: &[&IMiniportWaveRTInputStream::IID],
    },
];

const STREAM: &[&Guid] = &[
    &IMiniportWaveRTStream::IID,
    &IMiniportWaveRTStreamNotification::IID,
];

/// A stream's class, with the number of its tables.
pub(super) trait Faced: Line {
    const UNKNOWN: IUnknownVtbl;

    /// # Safety
    /// `this` came through one of the tables of a stream of this direction, which lives as long as `'a`.
    unsafe fn at<'a>(this: *mut c_void) -> &'a Stream<Self>;
}

impl Faced for Playing {
    const UNKNOWN: IUnknownVtbl = <Stream<Self> as Class<3>>::UNKNOWN;

    unsafe fn at<'a>(this: *mut c_void) -> &'a Stream<Self> {
        // SAFETY: says the caller.
        unsafe { Object::<Stream<Self>, 3>::value(this) }
    }
}

impl Faced for Recording {
    const UNKNOWN: IUnknownVtbl = <Stream<Self> as Class<2>>::UNKNOWN;

    unsafe fn at<'a>(this: *mut c_void) -> &'a Stream<Self> {
        // SAFETY: says the caller.
        unsafe { Object::<Stream<Self>, 2>::value(this) }
    }
}

static RENDER_VTBL: IMiniportWaveRTStreamNotificationVtbl = vtbl::<Playing>();
static CAPTURE_VTBL: IMiniportWaveRTStreamNotificationVtbl = vtbl::<Recording>();

const fn vtbl<L: Faced>() -> IMiniportWaveRTStreamNotificationVtbl {
    IMiniportWaveRTStreamNotificationVtbl {
        base: IMiniportWaveRTStreamVtbl {
            base: L::UNKNOWN,
            SetFormat: set_format::<L>,
            SetState: set_state::<L>,
            GetPosition: get_position::<L>,
            AllocateAudioBuffer: allocate_audio_buffer::<L>,
            FreeAudioBuffer: free_buffer::<L>,
            GetHWLatency: get_hw_latency,
            GetPositionRegister: get_register,
            GetClockRegister: get_register,
        },
        AllocateBufferWithNotification: allocate_buffer_with_notification::<L>,
        FreeBufferWithNotification: free_buffer::<L>,
        RegisterNotificationEvent: register_notification_event::<L>,
        UnregisterNotificationEvent: unregister_notification_event::<L>,
    }
}

static DRM_VTBL: IDrmAudioStreamVtbl = IDrmAudioStreamVtbl {
    base: Playing::UNKNOWN,
    SetContentId: set_content_id,
};

/// Packet mode. Of render streams only: PortCls takes a stream with this interface for one.
static OUTPUT_VTBL: IMiniportWaveRTOutputStreamVtbl = IMiniportWaveRTOutputStreamVtbl {
    base: Playing::UNKNOWN,
    SetWritePacket: set_write_packet,
    GetOutputStreamPresentationPosition: get_presentation_position,
    GetPacketCount: get_packet_count,
};

/// Packet mode of capture streams.
static INPUT_VTBL: IMiniportWaveRTInputStreamVtbl = IMiniportWaveRTInputStreamVtbl {
    base: Recording::UNKNOWN,
    GetReadPacket: get_read_packet,
};

/// # Safety
/// `this` came through one of a render stream's tables.
pub(super) unsafe fn render<'a>(this: *mut c_void) -> &'a Stream<Playing> {
    // SAFETY: says the caller.
    unsafe { Playing::at(this) }
}

fn status(result: Result<(), NTSTATUS>) -> NTSTATUS {
    result.err().unwrap_or(STATUS_SUCCESS)
}

unsafe extern "efiapi" fn set_format<L: Faced>(
    this: *mut c_void,
    format: *mut KSDATAFORMAT,
) -> NTSTATUS {
    // SAFETY: called through the table, with a format.
    status(unsafe { L::at(this).set_format(format) })
}

unsafe extern "efiapi" fn set_state<L: Faced>(this: *mut c_void, state: KSSTATE) -> NTSTATUS {
    // SAFETY: called through the table.
    status(unsafe { L::at(this) }.set_state(state))
}

unsafe extern "efiapi" fn get_position<L: Faced>(
    this: *mut c_void,
    out: *mut KSAUDIO_POSITION,
) -> NTSTATUS {
    // SAFETY: called through the table, with a place for the position.
    status(unsafe { L::at(this).position().map(|position| out.write(position)) })
}

unsafe extern "efiapi" fn allocate_audio_buffer<L: Faced>(
    this: *mut c_void,
    requested: u32,
    mdl: *mut *mut MDL,
    actual: *mut u32,
    offset: *mut u32,
    cache: *mut MEMORY_CACHING_TYPE,
) -> NTSTATUS {
    // SAFETY: called through the table, with places for the results.
    unsafe {
        let allocated = L::at(this).allocate(requested, Notifications::None);
        hand_over(allocated, mdl, actual, offset, cache)
    }
}

unsafe extern "efiapi" fn allocate_buffer_with_notification<L: Faced>(
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
            .and_then(|notifications| L::at(this).allocate(requested, notifications));
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
unsafe extern "efiapi" fn free_buffer<L: Faced>(this: *mut c_void, _: *mut MDL, _: u32) {
    // SAFETY: called through the table.
    unsafe { L::at(this) }.free();
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

unsafe extern "efiapi" fn register_notification_event<L: Faced>(
    this: *mut c_void,
    event: *mut KEVENT,
) -> NTSTATUS {
    // SAFETY: called through the table.
    status(unsafe { L::at(this) }.add_event(event))
}

unsafe extern "efiapi" fn unregister_notification_event<L: Faced>(
    this: *mut c_void,
    event: *mut KEVENT,
) -> NTSTATUS {
    // SAFETY: called through the table.
    status(unsafe { L::at(this) }.remove_event(event))
}

unsafe extern "efiapi" fn set_content_id(
    this: *mut c_void,
    _: u32,
    rights: *const DRMRIGHTS,
) -> NTSTATUS {
    // SAFETY: called through the table, with rights.
    status(unsafe { render(this).set_rights(*rights) })
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
    status(unsafe { render(this) }.set_write_packet(write))
}

unsafe extern "efiapi" fn get_presentation_position(
    this: *mut c_void,
    out: *mut KSAUDIO_PRESENTATION_POSITION,
) -> NTSTATUS {
    // SAFETY: called through the table, with a place for the position.
    status(unsafe {
        render(this)
            .presentation()
            .map(|position| out.write(position))
    })
}

unsafe extern "efiapi" fn get_packet_count(this: *mut c_void, out: *mut u32) -> NTSTATUS {
    // SAFETY: called through the table, with a place for the count.
    status(unsafe { render(this).packet_count().map(|count| out.write(count)) })
}

unsafe extern "efiapi" fn get_read_packet(
    this: *mut c_void,
    number: *mut u32,
    flags: *mut u32,
    qpc: *mut u64,
    more: *mut i32,
) -> NTSTATUS {
    // SAFETY: called through the table, with places for the results.
    status(unsafe {
        Recording::at(this).read_packet().map(|(packet, began)| {
            number.write(packet.number as u32);
            flags.write(0);
            qpc.write(began.0.cast_unsigned());
            more.write(packet.more.into());
        })
    })
}
