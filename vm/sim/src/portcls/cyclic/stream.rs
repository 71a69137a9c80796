//! An open WaveCyclic stream as the port has it: it asks the miniport where it is, copies what has come, and lets go of what was played.
//!
//! What is written nowhere, and inferred: data is copied when a request comes, as well as on each notification; a request ends when
//! its last byte was played; the port holds a spin lock meanwhile, so the miniport is called at DISPATCH_LEVEL; what is left at a
//! STOP is cancelled; the order in which the three objects of a stream are released.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use waverig_portcls::status::{STATUS_CANCELLED, STATUS_SUCCESS, STATUS_UNSUCCESSFUL};
use waverig_portcls::{
    IMiniportWaveCyclic, IMiniportWaveCyclicStream, KSDATAFORMAT, KSSTATE_PAUSE, KSSTATE_RUN,
    KSSTATE_STOP, NTSTATUS,
};

use super::super::com::{Held, Ref};
use super::super::format::Wave;
use super::super::rules;
use super::channel::Channel;
use super::flow::{Copy, Flow};
use super::opening::{self, INTERVAL_MS};
use super::request::Packet;
use super::service::{ServiceGroup, Sink};
use crate::kernel::kernel;
use crate::nt::io;
use crate::nt::irql::Irql;
use crate::processor::Side;
use crate::time::{Hns, Qpc};
use crate::{call, finding, processor, user};

/// Without a notification for so long the device has played all that the port had copied ("WaveCyclic Latency").
const SILENT_AFTER: Hns = Hns::from_millis(40);
/// How far a position may be from the clock: jitter of 1 ms in either of two answers (Hardware Lab Kit, SamplePositionAccuracy).
const JITTER_MS: u64 = 2;

/// What a stream consists of until it is closed.
struct Parts {
    stream: Ref<IMiniportWaveCyclicStream>,
    channel: Channel,
    group: Held<ServiceGroup>,
    base: *mut u8,
    size: u64,
}

/// A stream.
pub(in super::super) struct Stream {
    parts: RefCell<Option<Rc<Parts>>>,
    wave: Wave,
    place: String,
    state: Cell<i32>,
    flow: RefCell<Flow<Packet>>,
    /// When the device last asked for service, and when its position was last looked at.
    served: Cell<Qpc>,
    looked: Cell<Qpc>,
    /// How often it was.
    looks: Cell<u64>,
    /// Its client or its device has gone.
    left: Cell<bool>,
    /// The service group's DPC is at it.
    serving: Cell<bool>,
    /// Another processor had its turn while the state changed: what was played until the driver knew of it was not looked at.
    unsettled: Cell<bool>,
}

impl Stream {
    /// Has the miniport make a stream for a pin, and looks at it.
    pub(in super::super) fn open(
        miniport: &Ref<IMiniportWaveCyclic>,
        pin: u32,
        filter: &str,
        wave: Wave,
        format: &[u8],
    ) -> Result<Rc<Self>, NTSTATUS> {
        let place = format!("pin {pin} of {filter:?}");
        let (stream, channel, group) = opening::make(miniport, pin, &place, format)?;
        let (base, used, allocated) = (channel.address(), channel.used(), channel.allocated());
        let frame = u32::from(wave.frame_bytes).max(1);
        if base.is_null() || used < frame || used > allocated {
            let text = format!(
                "{place}: a buffer of {used} bytes, of {allocated} allocated, at {base:p}, for frames of {frame} bytes"
            );
            finding::raise(&rules::CYCLIC_BUFFER, text);
            return Err(STATUS_UNSUCCESSFUL);
        }
        if !used.is_multiple_of(frame) {
            let text = format!("{place}: a buffer of {used} bytes for frames of {frame} bytes");
            finding::raise(&rules::CYCLIC_BUFFER, text);
        }
        let size = u64::from(used - used % frame);
        let now = kernel().now();
        let this = Rc::new(Self {
            flow: RefCell::new(Flow::new(frame.into(), wave.rate.into(), size)),
            parts: RefCell::new(Some(Rc::new(Parts {
                stream,
                channel,
                group,
                base,
                size,
            }))),
            wave,
            place,
            state: Cell::new(KSSTATE_STOP),
            served: Cell::new(now),
            looked: Cell::new(now),
            looks: Cell::new(0),
            left: Cell::new(false),
            serving: Cell::new(false),
            unsettled: Cell::new(false),
        });
        let parts = this.parts()?;
        opening::ask_for_notifications(&parts.stream, &this.wave, &this.place);
        opening::normalize(&parts.stream, &this.wave, &this.place);
        parts.group.join(&this);
        if this.look().is_ok_and(|offset| offset != 0) {
            let text = format!(
                "{}: the position is not 0 before the stream ran",
                this.place
            );
            finding::raise(&rules::STREAM_START, text);
        }
        Ok(this)
    }

    fn parts(&self) -> Result<Rc<Parts>, NTSTATUS> {
        self.parts.borrow().clone().ok_or(STATUS_UNSUCCESSFUL)
    }

    /// The stream's first interface, while it is open.
    pub(in super::super) fn interface(&self) -> Option<Ref<IMiniportWaveCyclicStream>> {
        let parts = self.parts.borrow();
        parts.as_ref().map(|parts| parts.stream.clone())
    }

    /// Its pointer alone.
    pub(in super::super) fn this(&self) -> *mut std::ffi::c_void {
        let parts = self.parts.borrow();
        let this = parts.as_ref().map(|parts| parts.stream.this());
        this.unwrap_or(std::ptr::null_mut())
    }

    fn frame(&self) -> u64 {
        u64::from(self.wave.frame_bytes).max(1)
    }

    /// Offers the stream another format.
    pub(in super::super) fn set_format(&self, format: *mut KSDATAFORMAT) -> NTSTATUS {
        let Ok(parts) = self.parts() else {
            return STATUS_UNSUCCESSFUL;
        };
        let stream = &parts.stream;
        let function = stream.table().SetFormat;
        let name = "IMiniportWaveCyclicStream::SetFormat";
        // SAFETY: the stream's table; the caller's format lives until the call returns.
        unsafe { call::driver(name, function, (stream.this(), format)) }
    }

    /// Takes the stream to the next state.
    pub(in super::super) fn set_state(&self, state: i32) -> NTSTATUS {
        let Ok(parts) = self.parts() else {
            return STATUS_UNSUCCESSFUL;
        };
        let before = self.state.get();
        // From here on, not only during the driver's call: another processor's turn after the last look below lets the device play on.
        let turns = processor::turns();
        if state == KSSTATE_RUN {
            // "Just before a new stream begins playing … the port driver continues writing until either no more data is available
            // or the buffer contains a full 40 milliseconds of data."
            self.pump(&parts);
        }
        if before == KSSTATE_RUN {
            self.check_served(kernel().now());
            self.pump(&parts);
        }
        let stream = &parts.stream;
        let function = stream.table().SetState;
        let name = "IMiniportWaveCyclicStream::SetState";
        // The device may run from this moment on, however long another processor keeps the driver from returning.
        let asked = kernel().now();
        // SAFETY: the stream's table.
        let status = unsafe { call::driver(name, function, (stream.this(), state)) };
        if status < 0 {
            return status;
        }
        self.state.set(state);
        let alone = turns == processor::turns() && processor::side() == Side::First;
        self.unsettled.set(!alone);
        self.served.set(kernel().now());
        self.looked.set(asked);
        if state == KSSTATE_STOP && before != KSSTATE_STOP {
            // The position begins anew, and so does what is counted from it.
            let left: Vec<_> = self.flow.borrow_mut().stop().collect();
            left.into_iter()
                .for_each(|piece| piece.data.complete(STATUS_CANCELLED, 0));
            if self.look().is_ok_and(|offset| offset != 0) {
                let text = format!("{}: the position is not 0 in STOP", self.place);
                finding::raise(&rules::POSITION_STATE, text);
            }
        }
        status
    }

    /// A client's data has come.
    pub(super) fn give(&self, packet: Packet) {
        // The handle was closed, or the device went, while the request was on its way.
        if self.left.get() {
            packet.complete(STATUS_CANCELLED, 0);
            return;
        }
        let bytes = packet.bytes();
        self.flow.borrow_mut().give(bytes, packet);
        // A paused stream takes it when it runs.
        if self.state.get() == KSSTATE_RUN
            && let Ok(parts) = self.parts()
        {
            self.pump(&parts);
        }
    }

    /// Whether data may come: a stopped stream takes none (inferred, as KS's queues).
    pub(super) fn takes_data(&self) -> bool {
        self.state.get() != KSSTATE_STOP
    }

    /// Takes a request back that is to be cancelled, unless the device plays it already.
    pub(super) fn take_back(&self, pick: impl Fn(&Packet) -> bool) -> Option<Packet> {
        self.flow.borrow_mut().take(pick)
    }

    /// Gives every request back: its handle is closed, or the device is gone.
    pub(in super::super) fn abandon(&self) {
        self.left.set(true);
        let left: Vec<_> = self.flow.borrow_mut().abandon().collect();
        left.into_iter()
            .for_each(|piece| piece.data.complete(STATUS_CANCELLED, 0));
    }

    /// Bytes of the stream that were played, and bytes that were copied: `KSPROPERTY_AUDIO_POSITION` of a buffer that is not looped
    /// ("Audio Position Property").
    pub(in super::super) fn position(&self) -> Result<(u64, u64), NTSTATUS> {
        self.look()?;
        let flow = self.flow.borrow();
        Ok((flow.heard(), flow.copied()))
    }

    /// Where the device is in the buffer: a whole number of frames, checked and taken over.
    fn look(&self) -> Result<u64, NTSTATUS> {
        let parts = self.parts()?;
        let mut offset = 0_u32;
        let stream = &parts.stream;
        let function = stream.table().GetPosition;
        let parameters = (stream.this(), &raw mut offset);
        let name = "IMiniportWaveCyclicStream::GetPosition";
        // The driver reads its clock after this moment, however long another processor keeps it from returning.
        let asked = kernel().now();
        let looks = self.looks.get();
        // SAFETY: the stream's table; the variable lives here.
        let status = call::at_irql(Irql::DISPATCH, || unsafe {
            call::driver(name, function, parameters)
        });
        if status < 0 {
            return Err(status);
        }
        let offset = u64::from(offset);
        if offset > parts.size {
            let text = format!(
                "{}: the offset is {offset} in a buffer of {} bytes",
                self.place, parts.size
            );
            finding::raise(&rules::POSITION_RANGE, text);
        }
        // The page lets the offset be the buffer's size, which is its start.
        let offset = offset % parts.size / self.frame() * self.frame();
        // What another processor asked for meanwhile is newer: this answer says nothing about how the position went.
        if self.looks.get() == looks {
            self.check_moved(offset, asked);
        }
        Ok(offset)
    }

    /// Takes over an answer to what was asked at that moment.
    fn check_moved(&self, offset: u64, asked: Qpc) {
        // A driver hears of a stop or a removal before PortCls does, and may have stopped its streams. What it answers meanwhile is not
        // taken over, so the next answer is measured from the one before.
        if io::is_changing() || self.left.get() {
            return;
        }
        let (now, since) = (kernel().now(), self.looked.get());
        self.looked.set(asked);
        self.looks.set(self.looks.get() + 1);
        let went = self.flow.borrow_mut().advance(offset);
        if self.state.get() != KSSTATE_RUN {
            let settled = !self.unsettled.replace(false);
            if went != 0 && self.state.get() == KSSTATE_PAUSE && settled {
                let text = format!("{}: the position went {went} bytes in PAUSE", self.place);
                finding::raise(&rules::POSITION_PAUSED, text);
            }
            return;
        }
        let rate = u64::from(self.wave.rate);
        let passed = (now - since).0 * rate / 10_000_000;
        let most = (passed + rate * JITTER_MS / 1000 + 1) * self.frame();
        if went > most {
            let text = format!(
                "{}: the position went on by {went} bytes, or back, in {} ticks of 100 ns; {most} are possible",
                self.place,
                (now - since).0
            );
            finding::raise(&rules::CYCLIC_POSITION, text);
        }
    }

    fn check_served(&self, now: Qpc) {
        // A device that has gone notifies nobody.
        if self.left.get() {
            return;
        }
        // While somebody else had the processor nobody could.
        let since = now - self.served.get().max(user::held_until());
        if since > SILENT_AFTER {
            let text = format!(
                "{}: no notification for {} ms; one each {INTERVAL_MS} ms was asked for",
                self.place,
                since.0 / 10_000
            );
            finding::raise(&rules::CYCLIC_LATE, text);
        }
    }

    /// Looks where the device is, lets go of what was played, and writes what is to come: under the port's lock.
    fn pump(&self, parts: &Parts) {
        call::at_irql(Irql::DISPATCH, || {
            if self.look().is_err() {
                return;
            }
            loop {
                let finished = self.flow.borrow_mut().finished();
                let Some(piece) = finished else { break };
                let bytes = piece.bytes() as usize;
                piece.data.complete(STATUS_SUCCESS, bytes);
            }
            loop {
                let mut flow = self.flow.borrow_mut();
                let Some(copy) = flow.copy() else { break };
                let Copy {
                    piece, from, to, ..
                } = copy;
                let source = flow.piece(piece).at(from);
                drop(flow);
                // SAFETY: the flow stays inside the buffer's size.
                let target = unsafe { parts.base.add(to as usize) };
                parts.channel.copy_to(target, source, copy.bytes as u32);
            }
            loop {
                let silence = self.flow.borrow_mut().silence();
                let Some((at, bytes)) = silence else { break };
                self.silence(parts, at as usize, bytes as usize);
            }
        });
    }

    fn silence(&self, parts: &Parts, at: usize, bytes: usize) {
        // SAFETY: the flow stays inside the buffer's size.
        let place = unsafe { parts.base.add(at) };
        let stream = &parts.stream;
        let function = stream.table().Silence;
        let parameters = (stream.this(), place.cast(), bytes as u32);
        // SAFETY: the stream's table; the buffer has that many bytes there.
        unsafe { call::driver("IMiniportWaveCyclicStream::Silence", function, parameters) };
        // 8-bit PCM is unsigned.
        let quiet = if self.wave.bits == 8 { 0x80 } else { 0 };
        // SAFETY: as above; nothing of the driver runs meanwhile.
        let now = unsafe { std::slice::from_raw_parts(place, bytes) };
        if now.iter().any(|byte| *byte != quiet) {
            let text = format!(
                "{}: Silence left other bytes than {quiet:#04x} among the {bytes} at offset {at}",
                self.place
            );
            finding::raise(&rules::CYCLIC_SILENCE, text);
        }
    }

    /// Gives the three objects up; the references on the stream that are left.
    pub(in super::super) fn close(self: &Rc<Self>) -> u32 {
        let Some(parts) = self.parts.take() else {
            return 0;
        };
        parts.group.leave(Rc::as_ptr(self).cast());
        // A member that has left is not served any more: what goes on elsewhere comes to its end first (inferred).
        processor::wait("the DPC that serves the stream", || !self.serving.get());
        let Some(parts) = Rc::into_inner(parts) else {
            return 0;
        };
        drop(parts.group);
        drop(parts.channel);
        parts.stream.release()
    }
}

impl Sink for Stream {
    fn serve(&self) {
        let now = kernel().now();
        if self.state.get() != KSSTATE_RUN {
            return;
        }
        self.check_served(now);
        self.served.set(now);
        if let Ok(parts) = self.parts() {
            self.serving.set(true);
            self.pump(&parts);
            drop(parts);
            self.serving.set(false);
        }
    }
}
