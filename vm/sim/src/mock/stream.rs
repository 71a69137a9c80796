//! The mock's stream: plays its buffer exactly by the clock.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;

use waverig_portcls::status::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};
use waverig_portcls::{
    IMiniportWaveRTStreamNotificationVtbl, IMiniportWaveRTStreamVtbl, IPortWaveRTStreamVtbl,
    KEVENT, KSAUDIO_POSITION, KSDATAFORMAT, KSRTAUDIO_HWLATENCY, KSRTAUDIO_HWREGISTER, KSSTATE,
    KSSTATE_PAUSE, KSSTATE_RUN, KSSTATE_STOP, MDL, MmCached, NTSTATUS, id,
};

use super::miniport::{Object, UNKNOWN};
use super::{PLAYED, Quirk, has};
use crate::kernel::kernel;
use crate::nt::event;
use crate::nt::layout::KEvent;
use crate::sched::{self, EventId};
use crate::time::{QPC_FREQUENCY, Qpc};

const FRAME: usize = 4;
const RATE: u64 = 48_000;

#[repr(C)]
struct Stream {
    object: Object,
    port: *mut c_void,
    mdl: Cell<*mut MDL>,
    buffer: Cell<*mut u8>,
    frames: Cell<u64>,
    packets: Cell<u64>,
    state: Cell<KSSTATE>,
    base: Cell<u64>,
    since: Cell<Qpc>,
    consumed: Cell<u64>,
    events: RefCell<Vec<*mut KEvent>>,
    timer: Cell<Option<EventId>>,
}

static TABLE: IMiniportWaveRTStreamNotificationVtbl = IMiniportWaveRTStreamNotificationVtbl {
    base: IMiniportWaveRTStreamVtbl {
        base: UNKNOWN,
        SetFormat: set_format,
        SetState: set_state,
        GetPosition: position,
        AllocateAudioBuffer: allocate,
        FreeAudioBuffer: free,
        GetHWLatency: latency,
        GetPositionRegister: no_register,
        GetClockRegister: no_register,
    },
    AllocateBufferWithNotification: allocate_notifying,
    FreeBufferWithNotification: free,
    RegisterNotificationEvent: register,
    UnregisterNotificationEvent: unregister,
};

/// A stream with one reference, or two with the quirk.
pub(super) fn create(port: *mut c_void) -> *mut c_void {
    let gone = |this: *mut c_void| {
        // SAFETY: the box made below, at its last reference.
        drop(unsafe { Box::from_raw(this.cast::<Stream>()) });
    };
    let references = Cell::new(if has(Quirk::LeakStream) { 2 } else { 1 });
    const INTERFACES: &[waverig_portcls::Guid] = &[
        id::IID_IMiniportWaveRTStream,
        id::IID_IMiniportWaveRTStreamNotification,
    ];
    let object = Object {
        table: (&raw const TABLE).cast(),
        references,
        interfaces: INTERFACES,
        gone,
    };
    Box::into_raw(Box::new(Stream {
        object,
        port,
        mdl: Cell::new(std::ptr::null_mut()),
        buffer: Cell::new(std::ptr::null_mut()),
        frames: Cell::new(0),
        packets: Cell::new(0),
        state: Cell::new(KSSTATE_STOP),
        base: Cell::new(0),
        since: Cell::new(Qpc(0)),
        consumed: Cell::new(0),
        events: RefCell::default(),
        timer: Cell::new(None),
    }))
    .cast()
}

fn of<'a>(this: *mut c_void) -> &'a Stream {
    // SAFETY: only streams have this table.
    unsafe { &*this.cast::<Stream>() }
}

impl Stream {
    fn port(&self) -> &IPortWaveRTStreamVtbl {
        // SAFETY: PortCls's interface pointer, which lives as long as the stream.
        unsafe { &**self.port.cast::<*const IPortWaveRTStreamVtbl>() }
    }

    /// Consumes, clears, and only then says how far it is.
    fn advance(&self) -> u64 {
        let moves = has(Quirk::MovesInPause) && self.state.get() == KSSTATE_PAUSE;
        if self.state.get() != KSSTATE_RUN && !moves {
            return self.base.get();
        }
        let now = self.base.get() + (kernel().now() - self.since.get()).0 * RATE / QPC_FREQUENCY;
        for frame in self.consumed.replace(now)..now {
            let at = (frame % self.frames.get()) as usize * FRAME;
            // SAFETY: the mapping has `frames` frames.
            let bytes = unsafe { std::slice::from_raw_parts_mut(self.buffer.get().add(at), FRAME) };
            PLAYED.with_borrow_mut(|played| played.extend_from_slice(bytes));
            bytes.fill(0);
        }
        now
    }

    fn arm(&'static self) {
        if self.packets.get() == 0 {
            return;
        }
        let packet = self.frames.get() / self.packets.get();
        let next = (self.consumed.get() / packet + 1) * packet - self.base.get();
        let due = Qpc(self.since.get().0 + (next * QPC_FREQUENCY).div_ceil(RATE));
        self.timer
            .set(Some(sched::at(due, "the mock's timer", move || {
                self.advance();
                for event in self.events.borrow().iter() {
                    event::set(*event);
                }
                self.arm();
            })));
    }
}

/// Packets complete, when the stream has packets, and whether it runs.
pub(super) fn packets(this: *mut c_void) -> Option<(u64, bool)> {
    let stream = of(this);
    let packet = stream.frames.get().checked_div(stream.packets.get())?;
    let running = stream.state.get() == KSSTATE_RUN;
    Some((stream.advance() / packet, running))
}

/// Frames played.
pub(super) fn frames(this: *mut c_void) -> u64 {
    of(this).advance()
}

unsafe extern "efiapi" fn set_state(this: *mut c_void, state: KSSTATE) -> NTSTATUS {
    let stream: &'static Stream = of(this);
    if state == KSSTATE_PAUSE && has(Quirk::RefusePause) {
        return STATUS_UNSUCCESSFUL;
    }
    let position = stream.advance();
    stream
        .base
        .set(if state == KSSTATE_STOP { 0 } else { position });
    stream.consumed.set(stream.base.get());
    stream.since.set(kernel().now());
    stream.state.set(state);
    if let Some(timer) = stream.timer.take() {
        sched::cancel(timer);
    }
    if state == KSSTATE_RUN {
        stream.arm();
    }
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn position(this: *mut c_void, out: *mut KSAUDIO_POSITION) -> NTSTATUS {
    let stream = of(this);
    let size = stream.frames.get() * FRAME as u64;
    let mut offset = stream.advance() * FRAME as u64 % size;
    if has(Quirk::FarPosition) {
        offset += size;
    }
    if has(Quirk::LatePosition) {
        offset += FRAME as u64;
    }
    // SAFETY: PortCls's variable.
    unsafe {
        *out = KSAUDIO_POSITION {
            PlayOffset: offset,
            WriteOffset: offset,
        }
    };
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn allocate(
    this: *mut c_void,
    requested: u32,
    mdl: *mut *mut MDL,
    actual: *mut u32,
    offset: *mut u32,
    cache: *mut i32,
) -> NTSTATUS {
    let stream = of(this);
    let size = match () {
        () if has(Quirk::ShortBuffer) => requested - FRAME as u32,
        () if has(Quirk::OddBuffer) => requested + 1,
        () => requested,
    };
    // SAFETY: PortCls's functions and variables.
    unsafe {
        let pages = (stream.port().AllocatePagesForMdl)(stream.port, i64::MAX, size as usize);
        if pages.is_null() {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        let address = (stream.port().MapAllocatedPages)(stream.port, pages, MmCached);
        if has(Quirk::MapsTwice) {
            (stream.port().MapAllocatedPages)(stream.port, pages, MmCached);
        }
        if has(Quirk::DirtyBuffer) {
            address.cast::<u8>().write_bytes(0x55, size as usize);
        }
        stream.mdl.set(pages);
        stream.buffer.set(address.cast());
        stream.frames.set(u64::from(size) / FRAME as u64);
        (*mdl, *actual, *offset, *cache) = (pages, size, 0, MmCached);
        if has(Quirk::NoMdl) {
            *mdl = std::ptr::null_mut();
        }
    }
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn allocate_notifying(
    this: *mut c_void,
    count: u32,
    requested: u32,
    mdl: *mut *mut MDL,
    actual: *mut u32,
    offset: *mut u32,
    cache: *mut i32,
) -> NTSTATUS {
    of(this).packets.set(count.into());
    // SAFETY: the parameters are those of the other method.
    unsafe { allocate(this, requested, mdl, actual, offset, cache) }
}

unsafe extern "efiapi" fn free(this: *mut c_void, mdl: *mut MDL, _size: u32) {
    let stream = of(this);
    // SAFETY: PortCls's functions with what they gave.
    unsafe {
        if !has(Quirk::FreeMapped) {
            (stream.port().UnmapAllocatedPages)(stream.port, stream.buffer.get().cast(), mdl);
        }
        if !has(Quirk::LeakPages) {
            (stream.port().FreePagesFromMdl)(stream.port, mdl);
        }
        if has(Quirk::FreesTwice) {
            (stream.port().FreePagesFromMdl)(stream.port, mdl);
        }
    }
}

unsafe extern "efiapi" fn register(this: *mut c_void, event: *mut KEVENT) -> NTSTATUS {
    of(this).events.borrow_mut().push(event.cast());
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn unregister(this: *mut c_void, event: *mut KEVENT) -> NTSTATUS {
    of(this)
        .events
        .borrow_mut()
        .retain(|known| *known != event.cast());
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn set_format(_: *mut c_void, _: *mut KSDATAFORMAT) -> NTSTATUS {
    STATUS_NOT_SUPPORTED
}

unsafe extern "efiapi" fn latency(_: *mut c_void, out: *mut KSRTAUDIO_HWLATENCY) {
    // SAFETY: PortCls's variable.
    unsafe { *out = KSRTAUDIO_HWLATENCY::default() };
}

unsafe extern "efiapi" fn no_register(_: *mut c_void, _: *mut KSRTAUDIO_HWREGISTER) -> NTSTATUS {
    STATUS_NOT_SUPPORTED
}
