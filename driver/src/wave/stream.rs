//! A stream: one open pin. What it plays lies in the cable, under its lock; this object owns the memory and the timer.

use super::{buffer, format, stream_table};
use crate::cable::{Buffer, Cable, Playing, Ring, SharedCable, State};
use crate::pool::Pool;
use crate::timer::Timer;
use crate::{fault, tap, trace};
use waverig_engine::{
    DeviceClock, Format, Geometry, Notifications, PacketError, Qpc, State as PlayState, WritePacket,
};
use waverig_interface::EventKind;
use waverig_portcls::com::{Class, Com, Object, Shared, Table};
use waverig_portcls::status::{
    STATUS_DATA_LATE_ERROR, STATUS_DATA_OVERRUN, STATUS_DEVICE_NOT_CONNECTED,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
};
use waverig_portcls::{
    DRMRIGHTS, IPortWaveRTStream, KEVENT, KSAUDIO_POSITION, KSAUDIO_PRESENTATION_POSITION,
    KSDATAFORMAT, KSSTATE, MDL, NTSTATUS,
};
use wdk_sys::{PEX_TIMER, PVOID};

/// The object that PortCls holds.
///
/// Fields are dropped from the top: the timer waits for its callback, which uses the cable, so it goes first.
pub(super) struct Stream {
    /// Fires at what the cable sets it for; the cable's address is its context.
    _timer: Timer,
    cable: SharedCable,
    port: Com<IPortWaveRTStream>,
    format: Format,
}

// SAFETY: the tables are those of their interfaces, begin with this class's IUnknown, and expect a Stream.
unsafe impl Class<3> for Stream {
    type Memory = Pool;
    const TABLES: [Table; 3] = stream_table::TABLES;
}

/// What a client gets for its request of a buffer.
pub(super) struct Allocated {
    pub(super) mdl: *mut MDL,
    pub(super) bytes: u32,
}

impl Stream {
    /// A stream in STOP at position 0. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES` when the cable already plays a stream, or without memory.
    pub(super) fn create(
        cable: SharedCable,
        port: Com<IPortWaveRTStream>,
        format: Format,
    ) -> Result<Shared<Self, 3>, NTSTATUS> {
        let timer = Timer::new(
            Some(timer_fired),
            core::ptr::from_ref::<Cable>(&cable).cast(),
        )?;
        let source = cable.source;
        let playing = Playing::new(source, format, cable.frequency, timer.handle());
        cable.state(|state| {
            if state.playing.is_some() {
                return Err(STATUS_INSUFFICIENT_RESOURCES);
            }
            state.playing = Some(playing);
            state.format = tap::tap_format(&format);
            trace::note(
                source,
                EventKind::StreamOpened,
                tap::noted_format(&state.format),
            );
            Ok(())
        })?;
        // When there is no memory for the object, dropping the value closes the stream again.
        Object::create(Self {
            _timer: timer,
            cable,
            port,
            format,
        })
    }

    /// As [`Cable::at_now`], with the stream, its clock and the ring it feeds. IRQL ≤ DISPATCH_LEVEL.
    fn at_now<R>(
        &self,
        act: impl FnOnce(&mut Playing, &DeviceClock, &mut Ring, Qpc) -> R,
    ) -> Result<R, NTSTATUS> {
        self.cable.at_now(|state, now, _| {
            let State {
                playing,
                clock,
                tap,
                ..
            } = state;
            let playing = playing.as_mut().ok_or(STATUS_INVALID_DEVICE_STATE)?;
            Ok(act(playing, clock, tap, now))
        })
    }

    /// A running stream keeps its format; a stopped one takes none but its own: Windows opens a new pin. PASSIVE_LEVEL.
    ///
    /// # Safety
    /// `format` is as `IMiniportWaveRTStream::SetFormat` gets it.
    pub(super) unsafe fn set_format(&self, format: *const KSDATAFORMAT) -> Result<(), NTSTATUS> {
        // SAFETY: says the caller.
        let bytes = unsafe { format::bytes(format) }?;
        let format = format::accept(bytes, &self.cable.capability)?;
        self.at_now(|playing, _, _, _| match playing.stream().state() {
            PlayState::Run => Err(STATUS_INVALID_PARAMETER),
            _ if self.format == format => Ok(()),
            _ => Err(STATUS_NOT_SUPPORTED),
        })?
    }

    /// PASSIVE_LEVEL.
    pub(super) fn set_state(&self, state: KSSTATE) -> Result<(), NTSTATUS> {
        let wanted = u32::try_from(state)
            .ok()
            .and_then(PlayState::from_ks)
            .ok_or(STATUS_INVALID_PARAMETER)?;
        if wanted == PlayState::Pause && fault::runs_through_pauses() {
            return Ok(());
        }
        self.cable.at_now(|state, now, _| {
            if wanted == PlayState::Run && state.gone {
                return Err(STATUS_DEVICE_NOT_CONNECTED);
            }
            let State {
                playing,
                clock,
                tap,
                ..
            } = state;
            let playing = playing.as_mut().ok_or(STATUS_INVALID_DEVICE_STATE)?;
            playing.set_state(wanted, now, clock, tap);
            Ok(())
        })?;
        if wanted == PlayState::Stop {
            fault::at_stop();
        }
        Ok(())
    }

    /// Where the stream is, exact to the frame. IRQL ≤ DISPATCH_LEVEL.
    pub(super) fn position(&self) -> Result<KSAUDIO_POSITION, NTSTATUS> {
        self.at_now(|playing, _, _, _| {
            let offset = playing.stream().byte_offset().into();
            KSAUDIO_POSITION {
                PlayOffset: offset,
                WriteOffset: offset,
            }
        })
    }

    /// A buffer of at least `requested` bytes. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// `STATUS_INVALID_PARAMETER` for a size of 0 or a count that there is not, `STATUS_INVALID_DEVICE_STATE` when there is a
    /// buffer, `STATUS_INSUFFICIENT_RESOURCES`.
    pub(super) fn allocate(
        &self,
        requested: u32,
        notifications: Notifications,
    ) -> Result<Allocated, NTSTATUS> {
        let frame_bytes = self.format.frame_bytes();
        let refused = |status: &NTSTATUS| {
            let values = [trace::status(*status), requested.into(), 0];
            trace::note(self.cable.source, EventKind::BufferRefused, values);
        };
        let (geometry, buffer) = Geometry::for_request(requested, frame_bytes, notifications)
            .map_err(buffer::refusal)
            .and_then(|geometry| Ok((geometry, buffer::allocate(&self.port, &geometry)?)))
            .inspect_err(refused)?;
        let attached = self.at_now(|playing, _, _, _| playing.attach(buffer, geometry));
        if let Err(status) = attached.flatten().inspect_err(refused) {
            buffer::free(&self.port, buffer);
            return Err(status);
        }
        let packet = geometry.packet().map_or(0, |packet| packet.get());
        let values = [geometry.bytes().into(), packet, 0];
        trace::note(self.cable.source, EventKind::Buffer, values);
        Ok(Allocated {
            mdl: buffer.mdl,
            bytes: geometry.bytes(),
        })
    }

    /// Frees the buffer, whatever the state is. PASSIVE_LEVEL.
    pub(super) fn free(&self) {
        let buffer: Option<Buffer> = self
            .at_now(|playing, _, _, _| playing.detach())
            .ok()
            .flatten();
        if let Some(buffer) = buffer {
            buffer::free(&self.port, buffer);
            trace::note(self.cable.source, EventKind::BufferFreed, [0; 3]);
        }
    }

    /// PASSIVE_LEVEL.
    pub(super) fn add_event(&self, event: *mut KEVENT) -> Result<(), NTSTATUS> {
        self.at_now(|playing, _, _, _| playing.add_event(event))?
    }

    /// PASSIVE_LEVEL.
    pub(super) fn remove_event(&self, event: *mut KEVENT) -> Result<(), NTSTATUS> {
        self.at_now(|playing, _, _, _| playing.remove_event(event))?
    }

    /// The client has written a packet. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// Those of `IMiniportWaveRTOutputStream::SetWritePacket`.
    pub(super) fn set_write_packet(&self, write: WritePacket) -> Result<(), NTSTATUS> {
        self.at_now(|playing, clock, ring, now| playing.set_write_packet(write, now, clock, ring))?
            .map_err(packet_refusal)
    }

    /// Packets played completely; clients see the lower 32 bits. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// `STATUS_NOT_SUPPORTED` without notifications.
    pub(super) fn packet_count(&self) -> Result<u32, NTSTATUS> {
        let count = self.at_now(|playing, _, _, _| playing.packets())?;
        count.map(|count| count as u32).map_err(packet_refusal)
    }

    /// Frames played, and when that was so. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// `STATUS_NOT_SUPPORTED` without notifications.
    pub(super) fn presentation(&self) -> Result<KSAUDIO_PRESENTATION_POSITION, NTSTATUS> {
        self.at_now(|playing, clock, _, now| {
            playing.packets().map_err(packet_refusal)?;
            let (frames, qpc) = playing.stream().presentation(now, clock);
            Ok(KSAUDIO_PRESENTATION_POSITION {
                u64PositionInBlocks: frames.0,
                u64QPCPosition: qpc.0.cast_unsigned(),
            })
        })?
    }

    /// The client has written up to this offset in the buffer. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// `STATUS_INVALID_PARAMETER` for an offset outside of the buffer or inside a frame.
    pub(super) fn set_write_position(&self, bytes: u32) -> Result<(), NTSTATUS> {
        self.at_now(|playing, clock, ring, now| {
            playing.set_write_position(bytes, now, clock, ring)
        })?
        .map_err(|_| STATUS_INVALID_PARAMETER)
    }

    /// Content that must not be copied, or not leave through a digital output, does not get into the tap. PASSIVE_LEVEL.
    pub(super) fn set_rights(&self, rights: DRMRIGHTS) -> Result<(), NTSTATUS> {
        let protected = rights.CopyProtect != 0 || rights.DigitalOutputDisable != 0;
        self.at_now(|playing, clock, ring, now| playing.set_protected(protected, now, clock, ring))
    }
}

/// The status for a packet that is refused (DDI page of `SetWritePacket`).
const fn packet_refusal(error: PacketError) -> NTSTATUS {
    match error {
        PacketError::NoPackets => STATUS_NOT_SUPPORTED,
        PacketError::Invalid => STATUS_INVALID_PARAMETER,
        PacketError::Ended => STATUS_INVALID_DEVICE_STATE,
        PacketError::Late => STATUS_DATA_LATE_ERROR,
        PacketError::Overrun => STATUS_DATA_OVERRUN,
    }
}

impl Drop for Stream {
    /// The stream ends like at a STOP; then nobody sets the timer any more, and dropping it waits for its callback.
    /// PASSIVE_LEVEL.
    fn drop(&mut self) {
        // An error would mean that there is no stream, and then nothing is to be stopped.
        let _ = self.at_now(|playing, clock, ring, now| {
            playing.set_state(PlayState::Stop, now, clock, ring)
        });
        self.free();
        self.cable.state(|state| {
            if let Some(playing) = state.playing.take() {
                state.starvation.clone_from(playing.stream().starvation());
                let values = [
                    state.tap.generation().into(),
                    state.starvation.clear.frames,
                    state.starvation.clear.runs,
                ];
                trace::note(self.cable.source, EventKind::StreamClosed, values);
            }
        });
    }
}

/// The timer's callback. DISPATCH_LEVEL.
unsafe extern "C" fn timer_fired(_: PEX_TIMER, cable: PVOID) {
    // SAFETY: the context is the cable, which the stream keeps alive until it has waited for this callback.
    let cable = unsafe { &*cable.cast::<Cable>() };
    cable.at_now(|state, _, _| {
        if let Some(playing) = &mut state.playing {
            playing.timer_fired();
        }
    });
}
