//! An open pin: the stream behind it, its state, and the end of both.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

use waverig_portcls::id::{
    KSPROPSETID_Audio, KSPROPSETID_Connection, KSPROPSETID_DrmAudioStream, KSPROPSETID_RtAudio,
};
use waverig_portcls::status::{
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
    STATUS_NO_MATCH, STATUS_NOT_FOUND, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};
use waverig_portcls::{
    IMiniportWaveRT, IMiniportWaveRTStream, IMiniportWaveRTStreamNotification, KSDATAFORMAT,
    KSFILTER_NODE, KSPIN_COMMUNICATION_BOTH, KSPIN_COMMUNICATION_SINK, KSPIN_DATAFLOW_OUT,
    KSPROPERTY_AUDIO_POSITION, KSPROPERTY_TYPE_GET, KSPROPERTY_TYPE_SET, KSSTATE_PAUSE,
    KSSTATE_RUN, KSSTATE_STOP, NTSTATUS, id,
};

use super::com::{self, Ref};
use super::cyclic;
use super::filter::{self, Filter};
use super::format::{self, Wave};
use super::packets::Packets;
use super::port_stream::PortStream;
use super::property::{Answer, Incoming, Scratch};
use super::rtaudio::Buffer;
use super::rules;
use super::stream::Stream;
use crate::nt::io;
use crate::nt::layout::KEvent;
use crate::{call, finding};

/// Bytes of a KSPIN_CONNECT (ks.h): interface and medium of 24 bytes each, pin, handle, priority.
pub(super) const KSPIN_CONNECT: usize = 72;
/// Offset of `PinId` in it.
const PIN_ID: usize = 48;
/// `KSPROPERTY_CONNECTION_STATE`, `_DATAFORMAT` (ks.h).
const CONNECTION_STATE: u32 = 0;
const CONNECTION_DATAFORMAT: u32 = 2;
/// STATUS_INSUFFICIENT_RESOURCES is what KS answers when all instances are open.
const ALL_OPEN: NTSTATUS = waverig_portcls::status::STATUS_INSUFFICIENT_RESOURCES;

/// Has a WaveRT miniport make a stream.
fn new_stream(
    miniport: &Ref<IMiniportWaveRT>,
    port_stream: *mut c_void,
    id: u32,
    capture: bool,
    format: &[u8],
) -> Result<Ref<IMiniportWaveRTStream>, NTSTATUS> {
    let format = Scratch::new(format);
    let mut out = std::ptr::null_mut::<c_void>();
    let function = miniport.table().NewStream;
    let parameters = (
        miniport.this(),
        &raw mut out,
        port_stream.cast(),
        id,
        u8::from(capture),
        format.place().cast::<KSDATAFORMAT>(),
    );
    // SAFETY: the miniport's table; the format and the variable live until the call returns, the port stream as long
    // as the pin.
    let status = unsafe { call::driver("IMiniportWaveRT::NewStream", function, parameters) };
    if (status >= 0) == out.is_null() {
        finding::raise(
            &rules::STREAM_NEW,
            format!("NewStream returned {status:#010x} and the stream {out:p}"),
        );
    }
    if status < 0 {
        return Err(status);
    }
    Ref::own(out).ok_or(STATUS_UNSUCCESSFUL)
}

/// A pin that a client opened.
pub(super) struct Pin {
    pub(super) id: u32,
    pub(super) filter: Rc<Filter>,
    pub(super) wave: Wave,
    pub(super) stream: RefCell<Option<Stream>>,
    pub(super) notification: Option<Ref<IMiniportWaveRTStreamNotification>>,
    pub(super) packets: Packets,
    pub(super) port_stream: Rc<PortStream>,
    pub(super) state: Cell<i32>,
    /// What the client set; the stream stays below it while the device sleeps.
    wanted: Cell<i32>,
    /// Paused because the device sleeps, and where it was then.
    held: Cell<bool>,
    held_at: Cell<Option<u64>>,
    pub(super) buffer: RefCell<Option<Buffer>>,
    pub(super) events: RefCell<Vec<(u64, *mut KEvent)>>,
    pub(super) positions: Cell<u64>,
}

impl Pin {
    /// Opens a pin as `KsCreatePin` asks for it: `request` is a KSPIN_CONNECT and a data format.
    pub(super) fn open(filter: &Rc<Filter>, request: &[u8]) -> Result<Rc<Self>, NTSTATUS> {
        let bound = filter.bound();
        let id = request
            .get(PIN_ID..PIN_ID + 4)
            .ok_or(STATUS_INVALID_BUFFER_SIZE)?;
        let id = u32::from_le_bytes(id.try_into().map_err(|_| STATUS_INVALID_PARAMETER)?);
        let factory = bound
            .description
            .pins
            .get(id as usize)
            .ok_or(STATUS_INVALID_PARAMETER)?;
        if !matches!(
            factory.communication,
            KSPIN_COMMUNICATION_SINK | KSPIN_COMMUNICATION_BOTH
        ) {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let most = factory.most.min(factory.most_per_filter);
        if most != u32::MAX && filter.instances(id) >= most as usize {
            return Err(ALL_OPEN);
        }
        let bytes = request
            .get(KSPIN_CONNECT..)
            .ok_or(STATUS_INVALID_BUFFER_SIZE)?;
        let (head, wave) = format::parse(bytes).map_err(|_| STATUS_NO_MATCH)?;
        format::check_attributes(bytes)?;
        // KsValidateConnectRequest compares the three GUIDs before the miniport sees the format.
        let fits = |own: &KSDATAFORMAT| {
            own.MajorFormat == head.MajorFormat
                && own.SubFormat == head.SubFormat
                && own.Specifier == head.Specifier
        };
        if !factory.ranges.iter().any(|range| fits(&range.head)) {
            return Err(STATUS_NO_MATCH);
        }
        let port_stream = Rc::new(PortStream::new(&filter.subdevice.name));
        let lent = com::lend(&port_stream, &id::IID_IPortWaveRTStream).expect("its only interface");
        let capture = factory.flow == KSPIN_DATAFLOW_OUT;
        let (stream, notification, packets) = match (&bound.wave, &bound.cyclic) {
            (Some(miniport), _) => {
                let stream = new_stream(miniport, lent, id, capture, bytes)?;
                let notification = stream.query::<IMiniportWaveRTStreamNotification>();
                let packets = Packets::of(&stream, id, capture);
                (Stream::Rt(stream), notification, packets)
            }
            (None, Some(_)) if capture => {
                super::unsupported("a WaveCyclic stream that captures", "cyclic/mod.rs")
            }
            (None, Some(miniport)) => {
                let name = &filter.subdevice.name;
                let stream = cyclic::Stream::open(miniport, id, name, wave, bytes)?;
                (Stream::Cyclic(stream), None, Packets::none())
            }
            (None, None) => return Err(STATUS_INVALID_DEVICE_REQUEST),
        };
        Ok(Rc::new(Self {
            id,
            filter: Rc::clone(filter),
            wave,
            stream: RefCell::new(Some(stream)),
            notification,
            packets,
            port_stream,
            state: Cell::new(KSSTATE_STOP),
            wanted: Cell::new(KSSTATE_STOP),
            held: Cell::new(false),
            held_at: Cell::new(None),
            buffer: RefCell::default(),
            events: RefCell::default(),
            positions: Cell::new(0),
        }))
    }

    /// The stream; there until the pin is closed.
    pub(super) fn stream(&self) -> Result<Stream, NTSTATUS> {
        self.stream.borrow().clone().ok_or(STATUS_UNSUCCESSFUL)
    }

    /// The stream of a WaveRT pin; others do not know what is asked of it.
    pub(super) fn rt(&self) -> Result<Ref<IMiniportWaveRTStream>, NTSTATUS> {
        match self.stream()? {
            Stream::Rt(stream) => Ok(stream),
            Stream::Cyclic(_) => Err(STATUS_NOT_FOUND),
        }
    }

    /// The stream of a WaveCyclic pin.
    pub(super) fn cyclic(&self) -> Option<Rc<cyclic::Stream>> {
        match &*self.stream.borrow() {
            Some(Stream::Cyclic(stream)) => Some(Rc::clone(stream)),
            _ => None,
        }
    }

    /// Bytes of a frame.
    pub(super) fn frame_bytes(&self) -> u32 {
        self.wave.frame_bytes.into()
    }

    /// Answers a property request.
    pub(super) fn property(&self, request: &mut Incoming<'_>) -> Answer {
        self.answer(request).unwrap_or_else(|status| (status, 0))
    }

    fn answer(&self, request: &mut Incoming<'_>) -> Result<Answer, NTSTATUS> {
        let bound = self.filter.bound();
        let stream = self
            .stream
            .borrow()
            .as_ref()
            .ok_or(STATUS_UNSUCCESSFUL)?
            .this();
        if let Some(node) = request.node() {
            return Ok(filter::node_property(&bound, request, node, stream));
        }
        let automation = &bound.description.pins[self.id as usize].automation;
        if let Some(answer) =
            request.automate(automation, bound.unknown.this(), stream, KSFILTER_NODE)
        {
            return Ok(answer);
        }
        let (set, id, verb) = (request.head.Set, request.head.Id, request.verb());
        if set == KSPROPSETID_RtAudio {
            return self.rtaudio(request);
        }
        if set == KSPROPSETID_DrmAudioStream {
            return self.content(request);
        }
        if set == KSPROPSETID_Audio
            && id == KSPROPERTY_AUDIO_POSITION
            && verb == KSPROPERTY_TYPE_GET
        {
            let position = self.position()?;
            let value = [
                position.PlayOffset.to_le_bytes(),
                position.WriteOffset.to_le_bytes(),
            ]
            .concat();
            return Ok(request.value(&value));
        }
        if set == KSPROPSETID_Connection
            && id == CONNECTION_DATAFORMAT
            && verb == KSPROPERTY_TYPE_SET
        {
            return Ok((self.set_format(request.output)?, 0));
        }
        if set == KSPROPSETID_Connection && id == CONNECTION_STATE {
            return match verb {
                KSPROPERTY_TYPE_GET => Ok(request.value(&self.wanted.get().to_le_bytes())),
                KSPROPERTY_TYPE_SET => {
                    let state = request.output.get(..4).ok_or(STATUS_INVALID_BUFFER_SIZE)?;
                    let state =
                        i32::from_le_bytes(state.try_into().map_err(|_| STATUS_INVALID_PARAMETER)?);
                    self.go_to(state)?;
                    Ok((STATUS_SUCCESS, 0))
                }
                _ => Err(STATUS_NOT_FOUND),
            };
        }
        Err(STATUS_NOT_FOUND)
    }

    /// The client sets a state. While the device sleeps a stream goes no further than PAUSE (inferred: no page says what
    /// PortCls does with a RUN then).
    fn go_to(&self, target: i32) -> Result<(), NTSTATUS> {
        if !(KSSTATE_STOP..=KSSTATE_RUN).contains(&target) {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let most = if self.held.get() {
            KSSTATE_PAUSE
        } else {
            KSSTATE_RUN
        };
        self.step_to(target.min(most))?;
        self.wanted.set(target);
        Ok(())
    }

    /// The device is about to sleep: a running stream pauses.
    pub(super) fn hold(&self) {
        self.held.set(true);
        // A refusal was reported where it happened.
        let _ = self.step_to(self.state.get().min(KSSTATE_PAUSE));
        let buffered = self.buffer.borrow().is_some() || self.cyclic().is_some();
        self.held_at.set(if buffered {
            self.position().ok().map(|position| position.PlayOffset)
        } else {
            None
        });
    }

    /// The device woke up: the stream goes on where it was.
    pub(super) fn go_on(&self) {
        if !self.held.replace(false) {
            return;
        }
        let same_life = self.state.get() == KSSTATE_PAUSE;
        let before = self.held_at.take().filter(|_| same_life);
        let now = before.and_then(|_| self.position().ok());
        if let (Some(before), Some(now)) = (before, now)
            && before != now.PlayOffset
        {
            let text = format!(
                "the offset was {before} when the device went to sleep and is {} when it wakes up",
                now.PlayOffset
            );
            finding::raise(&rules::POSITION_PAUSED, text);
        }
        let _ = self.step_to(self.wanted.get());
    }

    /// Stops the stream for good: the device is stopped or gone.
    pub(super) fn stop(&self) {
        let _ = self.step_to(KSSTATE_STOP);
        self.wanted.set(KSSTATE_STOP);
    }

    /// Offers the stream another format.
    fn set_format(&self, bytes: &[u8]) -> Result<NTSTATUS, NTSTATUS> {
        let (_, wave) = format::parse(bytes).map_err(|_| STATUS_NO_MATCH)?;
        format::check_attributes(bytes)?;
        let stream = self.stream()?;
        let format = Scratch::new(bytes);
        let status = stream.set_format(format.place().cast::<KSDATAFORMAT>());
        if status >= 0 && wave != self.wave {
            super::unsupported("a stream that changes its format", "pin.rs");
        }
        Ok(status)
    }

    /// Takes the stream to a state, one step at a time.
    fn step_to(&self, target: i32) -> Result<(), NTSTATUS> {
        while self.state.get() != target {
            let next = self.state.get() + (target - self.state.get()).signum();
            let stream = self.stream()?;
            let status = stream.set_state(next);
            if status < 0 {
                let text = format!(
                    "SetState({next}) in state {} returned {status:#010x}",
                    self.state.get()
                );
                // A driver hears of a stop or a removal before PortCls does, and may refuse to run from then on.
                if !(next == KSSTATE_RUN && io::is_changing()) {
                    finding::raise(&rules::STATE_REFUSED, text);
                }
                return Err(status);
            }
            self.state.set(next);
            if next == KSSTATE_STOP {
                self.held_at.set(None);
                self.packets.stopped();
            }
        }
        Ok(())
    }

    /// What PortCls does when the last handle is closed.
    pub(super) fn close(&self) {
        // A driver that refuses a step was reported there; the pin closes all the same.
        self.stop();
        for (_, event) in self.events.take() {
            self.unregister(event);
        }
        self.free_buffer();
        let stream = self.stream.take();
        let left = stream.map(Stream::release);
        // The other interfaces are further references on the same object.
        let expected = u32::from(self.notification.is_some()) + self.packets.references();
        if let Some(left) = left.filter(|left| *left != expected) {
            let text = format!(
                "{} references on the stream of pin {} are left when it is closed",
                left.saturating_sub(expected),
                self.id
            );
            finding::raise(&rules::STREAM_LEAK, text);
        }
    }

    /// After `close`, when the pin itself goes.
    pub(super) fn check_end(port_stream: &PortStream) {
        if let Some(text) = port_stream.leftovers() {
            finding::raise(&rules::PAGES_LEAK, text);
        }
    }
}
