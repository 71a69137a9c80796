//! The RTAUDIO properties of a pin: the cyclic buffer, notification events, positions, latency.

use waverig_portcls::status::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND, STATUS_NOT_SUPPORTED,
};
use waverig_portcls::{
    IMiniportWaveRTStreamNotification, KEVENT, KSAUDIO_POSITION, KSPROPERTY_RTAUDIO_BUFFER,
    KSPROPERTY_RTAUDIO_BUFFER_WITH_NOTIFICATION, KSPROPERTY_RTAUDIO_CLOCKREGISTER,
    KSPROPERTY_RTAUDIO_HWLATENCY, KSPROPERTY_RTAUDIO_POSITIONREGISTER,
    KSPROPERTY_RTAUDIO_QUERY_NOTIFICATION_SUPPORT, KSPROPERTY_RTAUDIO_REGISTER_NOTIFICATION_EVENT,
    KSPROPERTY_RTAUDIO_UNREGISTER_NOTIFICATION_EVENT, KSRTAUDIO_HWLATENCY, KSRTAUDIO_HWREGISTER,
    KSSTATE_STOP, MDL, MEMORY_CACHING_TYPE, NTSTATUS,
};

use super::com::Ref;
use super::pin::Pin;
use super::property::{Answer, Incoming};
use super::rules;
use crate::host::memory::View;
use crate::nt::irql::Irql;
use crate::nt::layout::{KEvent, Mdl};
use crate::nt::{mdl, object};
use crate::{call, finding};

/// Offsets behind the 24 bytes of the KSPROPERTY: BaseAddress, RequestedBufferSize, NotificationCount.
const REQUESTED: usize = 32;
const COUNT: usize = 36;
const EVENT: usize = 24;

/// The cyclic buffer of a pin.
pub(super) struct Buffer {
    mdl: *mut Mdl,
    size: u32,
    /// In a lap; 0 without.
    notifications: u32,
    /// The client's mapping; gone before the driver frees the pages.
    view: View,
}

impl Pin {
    /// Answers one RTAUDIO property.
    pub(super) fn rtaudio(&self, request: &mut Incoming<'_>) -> Result<Answer, NTSTATUS> {
        match request.head.Id {
            KSPROPERTY_RTAUDIO_BUFFER => self.allocate(request, None),
            KSPROPERTY_RTAUDIO_BUFFER_WITH_NOTIFICATION => {
                let count = request.word(COUNT)?;
                self.allocate(request, Some(count))
            }
            KSPROPERTY_RTAUDIO_HWLATENCY => {
                let stream = self.rt()?;
                let mut latency = KSRTAUDIO_HWLATENCY::default();
                let function = stream.table().GetHWLatency;
                // SAFETY: the stream's table; the structure lives here.
                unsafe {
                    call::driver(
                        "IMiniportWaveRTStream::GetHWLatency",
                        function,
                        (stream.this(), &raw mut latency),
                    )
                };
                let words = [latency.FifoSize, latency.ChipsetDelay, latency.CodecDelay];
                Ok(request.value(&words.map(u32::to_le_bytes).concat()))
            }
            KSPROPERTY_RTAUDIO_POSITIONREGISTER | KSPROPERTY_RTAUDIO_CLOCKREGISTER => {
                self.register_of(request)
            }
            KSPROPERTY_RTAUDIO_QUERY_NOTIFICATION_SUPPORT => {
                let supported = u32::from(self.notification.is_some());
                Ok(request.value(&supported.to_le_bytes()))
            }
            KSPROPERTY_RTAUDIO_REGISTER_NOTIFICATION_EVENT => self.register(event_handle(request)?),
            KSPROPERTY_RTAUDIO_UNREGISTER_NOTIFICATION_EVENT => {
                let handle = event_handle(request)?;
                let place = self
                    .events
                    .borrow()
                    .iter()
                    .position(|(known, _)| *known == handle);
                let (_, event) = self
                    .events
                    .borrow_mut()
                    .remove(place.ok_or(STATUS_NOT_FOUND)?);
                Ok((self.unregister(event), 0))
            }
            _ => self.packet(request),
        }
    }

    /// Bytes in a packet, and packets in the buffer; `None` without notifications.
    pub(super) fn packet_bytes(&self) -> Option<(u32, u32)> {
        let buffer = self.buffer.borrow();
        let buffer = buffer.as_ref()?;
        let bytes = buffer.size.checked_div(buffer.notifications)?;
        Some((bytes, buffer.notifications))
    }

    fn notifying(&self) -> Result<&Ref<IMiniportWaveRTStreamNotification>, NTSTATUS> {
        self.notification.as_ref().ok_or(STATUS_NOT_SUPPORTED)
    }

    fn register(&self, handle: u64) -> Result<Answer, NTSTATUS> {
        let event = object::lookup(handle as usize)
            .ok_or(STATUS_INVALID_HANDLE)?
            .cast::<KEvent>();
        if self
            .buffer
            .borrow()
            .as_ref()
            .is_none_or(|buffer| buffer.notifications == 0)
        {
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        let stream = self.notifying()?;
        let function = stream.table().RegisterNotificationEvent;
        let name = "IMiniportWaveRTStreamNotification::RegisterNotificationEvent";
        // SAFETY: the stream's table; the event lives until the pin unregisters it.
        let status =
            unsafe { call::driver(name, function, (stream.this(), event.cast::<KEVENT>())) };
        if status >= 0 {
            object::reference(event);
            self.events.borrow_mut().push((handle, event));
        }
        Ok((status, 0))
    }

    /// Tells the driver to forget an event.
    pub(super) fn unregister(&self, event: *mut KEvent) -> NTSTATUS {
        let Ok(stream) = self.notifying() else {
            return STATUS_NOT_SUPPORTED;
        };
        let function = stream.table().UnregisterNotificationEvent;
        let name = "IMiniportWaveRTStreamNotification::UnregisterNotificationEvent";
        // SAFETY: the stream's table; the event is still there.
        let status =
            unsafe { call::driver(name, function, (stream.this(), event.cast::<KEVENT>())) };
        object::dereference(event);
        status
    }

    fn register_of(&self, request: &mut Incoming<'_>) -> Result<Answer, NTSTATUS> {
        let stream = self.rt()?;
        let mut register = KSRTAUDIO_HWREGISTER {
            Register: std::ptr::null_mut(),
            Width: 0,
            Numerator: 0,
            Denominator: 0,
            Accuracy: 0,
        };
        let (name, function) = if request.head.Id == KSPROPERTY_RTAUDIO_POSITIONREGISTER {
            (
                "IMiniportWaveRTStream::GetPositionRegister",
                stream.table().GetPositionRegister,
            )
        } else {
            (
                "IMiniportWaveRTStream::GetClockRegister",
                stream.table().GetClockRegister,
            )
        };
        // SAFETY: the stream's table; the structure lives here.
        let status = unsafe { call::driver(name, function, (stream.this(), &raw mut register)) };
        if status < 0 {
            return Err(status);
        }
        super::unsupported("a hardware register of a stream", "rtaudio.rs")
    }

    /// Asks the driver where it is.
    pub(super) fn position(&self) -> Result<KSAUDIO_POSITION, NTSTATUS> {
        if let Some(stream) = self.cyclic() {
            let (play, write) = stream.position()?;
            return Ok(KSAUDIO_POSITION {
                PlayOffset: play,
                WriteOffset: write,
            });
        }
        let stream = self.rt()?;
        let mut position = KSAUDIO_POSITION::default();
        let function = stream.table().GetPosition;
        let call = |position: *mut KSAUDIO_POSITION| {
            // SAFETY: the stream's table; the structure lives until the call returns.
            unsafe {
                call::driver(
                    "IMiniportWaveRTStream::GetPosition",
                    function,
                    (stream.this(), position),
                )
            }
        };
        // The method may be called at up to DISPATCH_LEVEL: both levels take turns.
        let asked = self.positions.replace(self.positions.get() + 1);
        let status = if asked % 2 == 1 {
            call::at_irql(Irql::DISPATCH, || call(&raw mut position))
        } else {
            call(&raw mut position)
        };
        if status < 0 {
            return Err(status);
        }
        self.check_position(&position);
        Ok(position)
    }

    fn check_position(&self, position: &KSAUDIO_POSITION) {
        let size = u64::from(
            self.buffer
                .borrow()
                .as_ref()
                .map_or(0, |buffer| buffer.size),
        );
        let frame = u64::from(self.wave.frame_bytes).max(1);
        let KSAUDIO_POSITION {
            PlayOffset: play,
            WriteOffset: write,
        } = *position;
        if size > 0 && (play >= size || write > size || !play.is_multiple_of(frame)) {
            let text = format!(
                "the offsets are {play} and {write} in a buffer of {size} bytes with frames of {frame} bytes"
            );
            finding::raise(&rules::POSITION_RANGE, text);
        }
        if self.state.get() == KSSTATE_STOP && play != 0 {
            finding::raise(
                &rules::POSITION_STATE,
                format!("the offset is {play} in STOP"),
            );
        }
    }

    fn allocate(&self, request: &mut Incoming<'_>, count: Option<u32>) -> Result<Answer, NTSTATUS> {
        if request.output.is_empty() {
            return Ok(request.value(&[0; 16]));
        }
        let requested = request.word(REQUESTED)?;
        if request.output.len() < 16 {
            return Err(STATUS_INVALID_BUFFER_SIZE);
        }
        if self.buffer.borrow().is_some() {
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        let made = self.call_allocate(requested, count)?;
        let (mdl, size, offset) = made;
        self.check_buffer(requested, mdl, size, offset);
        let mdl = mdl.cast::<Mdl>();
        let view = mdl::user_view(mdl).map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
        let address = view.address() as usize + offset as usize;
        // SAFETY: the mapping covers the pages of the MDL, in which `check_buffer` found the buffer to lie.
        let silent = unsafe { std::slice::from_raw_parts(address as *const u8, size as usize) }
            .iter()
            .all(|byte| *byte == 0);
        if !silent {
            finding::raise(
                &rules::BUFFER_SILENT,
                format!("the buffer of {size} bytes holds something else than zeros"),
            );
        }
        self.buffer.replace(Some(Buffer {
            mdl,
            size,
            notifications: count.unwrap_or(0),
            view,
        }));
        // A stream that runs may get its buffer late.
        if self.position()?.PlayOffset != 0 && self.state.get() == KSSTATE_STOP {
            finding::raise(
                &rules::STREAM_START,
                "the position is not 0 before the stream ran",
            );
        }
        let mut value = (address as u64).to_le_bytes().to_vec();
        value.extend(size.to_le_bytes());
        value.extend(0_u32.to_le_bytes());
        Ok(request.value(&value))
    }

    fn call_allocate(
        &self,
        requested: u32,
        count: Option<u32>,
    ) -> Result<(*mut MDL, u32, u32), NTSTATUS> {
        let mut mdl = std::ptr::null_mut::<MDL>();
        let (mut size, mut offset, mut cache) = (0_u32, 0_u32, 0 as MEMORY_CACHING_TYPE);
        let out = (&raw mut mdl, &raw mut size, &raw mut offset, &raw mut cache);
        let status = match count {
            None => {
                let stream = self.rt()?;
                let function = stream.table().AllocateAudioBuffer;
                let parameters = (stream.this(), requested, out.0, out.1, out.2, out.3);
                // SAFETY: the stream's table; the variables live here.
                unsafe {
                    call::driver(
                        "IMiniportWaveRTStream::AllocateAudioBuffer",
                        function,
                        parameters,
                    )
                }
            }
            Some(count) => {
                let stream = self.notifying()?;
                let function = stream.table().AllocateBufferWithNotification;
                let parameters = (stream.this(), count, requested, out.0, out.1, out.2, out.3);
                let name = "IMiniportWaveRTStreamNotification::AllocateBufferWithNotification";
                // SAFETY: as above.
                unsafe { call::driver(name, function, parameters) }
            }
        };
        if status < 0 {
            return Err(status);
        }
        if mdl.is_null() {
            finding::raise(
                &rules::BUFFER_MEMORY,
                "the buffer was allocated with success but without an MDL",
            );
            return Err(STATUS_INVALID_PARAMETER);
        }
        Ok((mdl, size, offset))
    }

    fn check_buffer(&self, requested: u32, mdl: *mut MDL, size: u32, offset: u32) {
        let frame = u32::from(self.wave.frame_bytes).max(1);
        // SAFETY: the MDL that the driver says it allocated; a bad address faults into a report.
        let room = unsafe { (*mdl.cast::<Mdl>()).byte_count };
        if u64::from(offset) + u64::from(size) > u64::from(room) {
            // What follows would reach outside of the pages.
            let text =
                format!("a buffer of {size} bytes at offset {offset} in an MDL of {room} bytes");
            finding::fatal(&rules::BUFFER_SIZE, text);
        }
        if size < requested || !size.is_multiple_of(frame) {
            let text = format!(
                "{requested} bytes were asked for, {size} given, with frames of {frame} bytes"
            );
            finding::raise(&rules::BUFFER_SIZE, text);
        }
        if !self.port_stream.owns(mdl.cast::<Mdl>()) {
            finding::raise(
                &rules::BUFFER_MEMORY,
                format!("the MDL {mdl:p} did not come from AllocatePagesForMdl"),
            );
        }
    }

    /// Takes the buffer from the client and lets the driver free it.
    pub(super) fn free_buffer(&self) {
        let Some(Buffer {
            mdl,
            size,
            notifications,
            view,
        }) = self.buffer.take()
        else {
            return;
        };
        drop(view);
        let mdl = mdl.cast::<MDL>();
        if notifications > 0 {
            let Ok(stream) = self.notifying() else { return };
            let function = stream.table().FreeBufferWithNotification;
            let name = "IMiniportWaveRTStreamNotification::FreeBufferWithNotification";
            // SAFETY: the stream's table; the buffer is the one it allocated.
            unsafe { call::driver(name, function, (stream.this(), mdl, size)) };
        } else {
            let Ok(stream) = self.rt() else { return };
            let function = stream.table().FreeAudioBuffer;
            // SAFETY: as above.
            unsafe {
                call::driver(
                    "IMiniportWaveRTStream::FreeAudioBuffer",
                    function,
                    (stream.this(), mdl, size),
                )
            };
        }
    }
}

fn event_handle(request: &Incoming<'_>) -> Result<u64, NTSTATUS> {
    let bytes = request
        .input
        .get(EVENT..EVENT + 8)
        .ok_or(STATUS_INVALID_BUFFER_SIZE)?;
    Ok(u64::from_le_bytes(
        bytes.try_into().map_err(|_| STATUS_INVALID_PARAMETER)?,
    ))
}
