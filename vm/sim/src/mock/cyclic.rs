//! The mock's WaveCyclic half: a miniport and a stream that plays its cyclic buffer exactly by the clock, with one fault at a time.

mod channel;

use std::cell::{Cell, RefCell};
use std::ffi::c_void;

use waverig_portcls::status::{STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};
use waverig_portcls::{
    Guid, IDmaChannel, IDmaChannelVtbl, IMiniportVtbl, IMiniportWaveCyclicStreamVtbl,
    IMiniportWaveCyclicVtbl, IPortWaveCyclic, IPortWaveCyclicVtbl, IServiceGroup,
    IServiceGroupVtbl, IServiceSinkVtbl, KSDATAFORMAT, KSSTATE, KSSTATE_PAUSE, KSSTATE_RUN,
    KSSTATE_STOP, NTSTATUS, id,
};

use super::PLAYED;
use super::miniport::{self, Object, UNKNOWN, describe_wave, intersect};
use crate::call;
use crate::kernel::kernel;
use crate::nt::irql::Irql;
use crate::portcls::new_service_group;
use crate::sched::{self, EventId};
use crate::time::{Hns, QPC_FREQUENCY, Qpc};

const FRAME: u64 = 4;
const RATE: u64 = 48_000;
/// Bytes of the cyclic buffer: 100 ms.
const BUFFER: u32 = 19_200;

/// What the driver does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Implements the channel itself, as the sample msvad does: nothing wrong with that.
    OwnChannel,
    /// Gives no service group.
    NoGroup,
    /// Gives a channel without a buffer.
    NoBuffer,
    /// Uses a buffer that is no whole number of frames.
    OddBuffer,
    /// Allocates its buffer twice.
    AllocatesTwice,
    /// Says that twice as many bytes are played between two notifications.
    WrongFraming,
    /// Makes milliseconds of bytes.
    WrongTime,
    /// Writes no silence.
    NoSilence,
    /// Writes silence of another kind.
    Noise,
    /// Notifies with the port instead of the group.
    WrongGroup,
    /// Notifies once and never again.
    OneNotification,
    /// Notifies every 50 ms.
    SlowNotifications,
    /// Reports an offset behind the buffer's end.
    FarPosition,
    /// Goes back by 5 ms at each look.
    GoesBack,
    /// Goes on in PAUSE.
    MovesInPause,
    /// Does not start at 0.
    LatePosition,
    /// Keeps its position in STOP.
    KeepsPosition,
    /// Copies behind the end of its channel's buffer.
    CopiesBeyond,
    /// Takes out of its group what is not in it.
    RemovesStranger,
    /// Keeps a reference on its service group.
    LeakGroup,
    /// Keeps a reference on the stream.
    LeakStream,
    /// Loses the last frame of each copy, in a channel of its own.
    LosesFrames,
}

thread_local! {
    static FAULT: Cell<Option<Fault>> = const { Cell::new(None) };
    static PORT: Cell<*mut c_void> = const { Cell::new(std::ptr::null_mut()) };
    static SERVED: Cell<u32> = const { Cell::new(0) };
}

/// The driver is a WaveCyclic one from now on.
pub(super) fn choose(fault: Fault) {
    FAULT.set(Some(fault));
    SERVED.set(0);
}

/// Whether it is.
pub(super) fn chosen() -> bool {
    FAULT.get().is_some()
}

/// How often the mock's own service sink was served.
pub(crate) fn served() -> u32 {
    SERVED.get()
}

fn has(fault: Fault) -> bool {
    FAULT.get() == Some(fault)
}

/// Whether it implements the channel.
fn own_channel() -> bool {
    has(Fault::OwnChannel) || has(Fault::LosesFrames)
}

static MINIPORT: IMiniportWaveCyclicVtbl = IMiniportWaveCyclicVtbl {
    base: IMiniportVtbl {
        base: UNKNOWN,
        GetDescription: describe_wave,
        DataRangeIntersection: intersect,
    },
    Init: init,
    NewStream: new_stream,
};

/// A miniport with one reference.
pub(super) fn create() -> *mut c_void {
    const INTERFACES: &[Guid] = &[id::IID_IMiniport, id::IID_IMiniportWaveCyclic];
    miniport::make((&raw const MINIPORT).cast(), INTERFACES)
}

unsafe extern "efiapi" fn init(
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    port: *mut IPortWaveCyclic,
) -> NTSTATUS {
    PORT.set(port.cast());
    STATUS_SUCCESS
}

#[repr(C)]
struct Stream {
    object: Object,
    /// The second face: the channel of a driver that implements it itself.
    channel: *const IDmaChannelVtbl,
    /// The port's channel, and the group; both with a reference.
    dma: *mut c_void,
    group: *mut c_void,
    base: *mut u8,
    size: u32,
    own: RefCell<Vec<u8>>,
    state: Cell<KSSTATE>,
    at: Cell<u64>,
    since: Cell<Qpc>,
    consumed: Cell<u64>,
    looks: Cell<u64>,
    timer: Cell<Option<EventId>>,
}

static STREAM: IMiniportWaveCyclicStreamVtbl = IMiniportWaveCyclicStreamVtbl {
    base: UNKNOWN,
    SetFormat: set_format,
    SetNotificationFreq: set_notification_freq,
    SetState: set_state,
    GetPosition: position,
    NormalizePhysicalPosition: normalize,
    Silence: silence,
};

fn of<'a>(this: *mut c_void) -> &'a Stream {
    // SAFETY: only streams have this table.
    unsafe { &*this.cast::<Stream>() }
}

fn port() -> &'static IPortWaveCyclicVtbl {
    // SAFETY: PortCls's interface pointer, which lives as long as the mock.
    unsafe { &**PORT.get().cast::<*const IPortWaveCyclicVtbl>() }
}

fn dma<'a>(channel: *mut c_void) -> &'a IDmaChannelVtbl {
    // SAFETY: PortCls's interface pointer with a reference of the stream's.
    unsafe { &**channel.cast::<*const IDmaChannelVtbl>() }
}

fn group<'a>(group: *mut c_void) -> &'a IServiceGroupVtbl {
    // SAFETY: as above.
    unsafe { &**group.cast::<*const IServiceGroupVtbl>() }
}

static SINK: IServiceSinkVtbl = IServiceSinkVtbl {
    base: UNKNOWN,
    RequestService: sink_served,
};

unsafe extern "efiapi" fn sink_served(_: *mut c_void) {
    SERVED.set(SERVED.get() + 1);
}

unsafe extern "efiapi" fn new_stream(
    _: *mut c_void,
    out: *mut *mut c_void,
    _outer: *mut c_void,
    _pool: i32,
    _pin: u32,
    _capture: u8,
    _format: *mut KSDATAFORMAT,
    channel: *mut *mut IDmaChannel,
    service: *mut *mut IServiceGroup,
) -> NTSTATUS {
    let mut members = std::ptr::null_mut();
    let mut buffer: *mut c_void = std::ptr::null_mut();
    // SAFETY: PortCls's functions and variables, as their pages describe them.
    unsafe {
        let status = new_service_group(&raw mut members, std::ptr::null_mut());
        if status < 0 {
            return status;
        }
        // A sink of the driver's own in the same group, and one that is not in it.
        let sink = miniport::make((&raw const SINK).cast(), &[id::IID_IServiceSink]);
        (group(members).AddMember)(members, sink.cast());
        miniport::release(sink);
        if has(Fault::RemovesStranger) {
            (group(members).RemoveMember)(members, std::ptr::null_mut());
        }
        let (mut base, mut size) = (std::ptr::null_mut(), BUFFER);
        let mut own = Vec::new();
        if own_channel() {
            own = vec![0; BUFFER as usize];
            base = own.as_mut_ptr();
        } else {
            let made = (port().NewMasterDmaChannel)(
                PORT.get(),
                (&raw mut buffer).cast(),
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                2 * BUFFER,
                1,
                1,
                -1,
                -1,
            );
            if made < 0 {
                miniport::release(members);
                return STATUS_INSUFFICIENT_RESOURCES;
            }
            let table = dma(buffer);
            if !has(Fault::NoBuffer) {
                (table.AllocateBuffer)(buffer, BUFFER, std::ptr::null_mut());
                if has(Fault::AllocatesTwice) {
                    (table.AllocateBuffer)(buffer, BUFFER, std::ptr::null_mut());
                }
                if has(Fault::OddBuffer) {
                    (table.SetBufferSize)(buffer, BUFFER - 1);
                    size = BUFFER - FRAME as u32;
                }
                base = (table.SystemAddress)(buffer).cast::<u8>();
                if !has(Fault::NoSilence) {
                    base.write_bytes(0, BUFFER as usize);
                }
                if has(Fault::CopiesBeyond) {
                    let end = base.add(BUFFER as usize - 2).cast::<c_void>();
                    (table.CopyTo)(buffer, end, base.cast(), 4);
                }
            }
        }
        let stream = Box::into_raw(Box::new(Stream {
            object: Object {
                table: (&raw const STREAM).cast(),
                references: Cell::new(1 + u32::from(has(Fault::LeakStream))),
                interfaces: &[id::IID_IMiniportWaveCyclicStream],
                gone,
            },
            channel: channel::table(),
            dma: buffer,
            group: members,
            base,
            size,
            own: RefCell::new(own),
            state: Cell::new(KSSTATE_STOP),
            at: Cell::new(u64::from(has(Fault::LatePosition)) * FRAME),
            since: Cell::new(Qpc(0)),
            consumed: Cell::new(0),
            looks: Cell::new(0),
            timer: Cell::new(None),
        }));
        *out = stream.cast();
        (group(members).base.base.AddRef)(members);
        *service = if has(Fault::NoGroup) {
            miniport::release(members);
            std::ptr::null_mut()
        } else {
            members.cast()
        };
        *channel = if own_channel() {
            miniport::reference(stream.cast());
            (&raw mut (*stream).channel).cast()
        } else {
            (dma(buffer).base.AddRef)(buffer);
            buffer.cast()
        };
    }
    STATUS_SUCCESS
}

/// The last reference on a stream was released.
fn gone(this: *mut c_void) {
    // SAFETY: the box made above, at its last reference; what it holds is released once.
    unsafe {
        let stream = Box::from_raw(this.cast::<Stream>());
        if let Some(timer) = stream.timer.take() {
            sched::cancel(timer);
        }
        if !stream.dma.is_null() {
            miniport::release(stream.dma);
        }
        if !has(Fault::LeakGroup) {
            miniport::release(stream.group);
        }
    }
}

impl Stream {
    /// Plays what is due, clears its place, and says how far it is.
    fn advance(&self) -> u64 {
        let moves = has(Fault::MovesInPause) && self.state.get() == KSSTATE_PAUSE;
        if self.state.get() != KSSTATE_RUN && !moves {
            return self.at.get();
        }
        let now =
            self.at.get() + (kernel().now() - self.since.get()).0 * RATE / QPC_FREQUENCY * FRAME;
        for frame in self.consumed.replace(now) / FRAME..now / FRAME {
            let at = (frame * FRAME) % u64::from(self.size);
            // SAFETY: the buffer has that many bytes.
            let bytes = unsafe {
                std::slice::from_raw_parts_mut(self.base.add(at as usize), FRAME as usize)
            };
            PLAYED.with_borrow_mut(|played| played.extend_from_slice(bytes));
            bytes.fill(0);
        }
        now
    }

    /// The next notification, every 10 ms of the stream.
    fn arm(&'static self) {
        let every = match FAULT.get() {
            Some(Fault::SlowNotifications) => Hns::from_millis(50),
            _ => Hns::from_millis(10),
        };
        let due = kernel().now() + every;
        self.timer
            .set(Some(sched::at(due, "the mock's device", move || {
                self.advance();
                // As from the DPC of a timer.
                let group = if has(Fault::WrongGroup) {
                    PORT.get()
                } else {
                    self.group
                };
                // SAFETY: PortCls's function.
                call::at_irql(Irql::DISPATCH, || unsafe {
                    (port().Notify)(PORT.get(), group.cast())
                });
                if !has(Fault::OneNotification) {
                    self.arm();
                }
            })));
    }
}

unsafe extern "efiapi" fn set_format(_: *mut c_void, _: *mut KSDATAFORMAT) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn set_notification_freq(
    _: *mut c_void,
    interval: u32,
    bytes: *mut u32,
) -> u32 {
    let factor = 1 + u32::from(has(Fault::WrongFraming));
    // SAFETY: PortCls's variable.
    unsafe { *bytes = (RATE * FRAME) as u32 * interval / 1000 * factor };
    interval
}

unsafe extern "efiapi" fn set_state(this: *mut c_void, state: KSSTATE) -> NTSTATUS {
    let stream: &'static Stream = of(this);
    let at = stream.advance();
    let keeps = has(Fault::KeepsPosition);
    stream.at.set(if state == KSSTATE_STOP && !keeps {
        0
    } else {
        at
    });
    stream.consumed.set(stream.at.get());
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

unsafe extern "efiapi" fn position(this: *mut c_void, out: *mut u32) -> NTSTATUS {
    let stream = of(this);
    let mut offset = stream.advance() % u64::from(stream.size);
    let looks = stream.looks.replace(stream.looks.get() + 1);
    if has(Fault::GoesBack) && looks % 2 == 1 && offset >= 960 {
        offset -= 960;
    }
    if has(Fault::FarPosition) {
        offset += 2 * u64::from(BUFFER);
    }
    // SAFETY: PortCls's variable.
    unsafe { *out = offset as u32 };
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn normalize(_: *mut c_void, position: *mut i64) -> NTSTATUS {
    let second = if has(Fault::WrongTime) {
        1_000
    } else {
        10_000_000
    };
    // SAFETY: PortCls's variable.
    unsafe { *position = *position * second / (RATE * FRAME).cast_signed() };
    STATUS_SUCCESS
}

unsafe extern "efiapi" fn silence(_: *mut c_void, buffer: *mut c_void, bytes: u32) {
    let value = if has(Fault::Noise) { 0x80 } else { 0 };
    if !has(Fault::NoSilence) {
        // SAFETY: PortCls's buffer.
        unsafe { buffer.cast::<u8>().write_bytes(value, bytes as usize) };
    }
}
