//! A stream: one open pin. What it plays or records lies in the cable, under its lock; this object owns the memory.

use super::{buffer, format, stream_table};
use crate::cable::{Buffer, Cable, Line, Playing, Recording, Ring, SharedCable};
use crate::fault::{self, Deliberate};
use crate::pool::{Pool, PoolBox};
use crate::trace;
use core::marker::PhantomData;
use waverig_engine::{
    DeviceClock, Format, Geometry, Notifications, PacketError, Qpc, ReadPacket, State as PlayState,
    WritePacket,
};
use waverig_interface::EventKind;
use waverig_portcls::com::{Class, Com, Table};
use waverig_portcls::status::{
    STATUS_DATA_LATE_ERROR, STATUS_DATA_OVERRUN, STATUS_DEVICE_NOT_CONNECTED,
    STATUS_DEVICE_NOT_READY, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED,
};
use waverig_portcls::{
    DRMRIGHTS, IPortWaveRTStream, KEVENT, KSAUDIO_POSITION, KSAUDIO_PRESENTATION_POSITION,
    KSDATAFORMAT, KSSTATE, MDL, NTSTATUS,
};

/// The object that PortCls holds.
pub(super) struct Stream<L: Line> {
    cable: SharedCable,
    port: Com<IPortWaveRTStream>,
    format: Format,
    line: PhantomData<fn() -> L>,
}

// SAFETY: the tables are those of their interfaces, begin with this class's IUnknown, and expect such a stream.
unsafe impl Class<3> for Stream<Playing> {
    type Memory = Pool;
    const TABLES: [Table; 3] = stream_table::RENDER;
}

// SAFETY: as above.
unsafe impl Class<2> for Stream<Recording> {
    type Memory = Pool;
    const TABLES: [Table; 2] = stream_table::CAPTURE;
}

/// What a client gets for its request of a buffer.
pub(super) struct Allocated {
    pub(super) mdl: *mut MDL,
    pub(super) bytes: u32,
}

impl<L: Line> Stream<L> {
    /// A stream in STOP at position 0. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES` when the cable already has a stream of this direction, or without memory.
    pub(super) fn open(
        cable: SharedCable,
        port: Com<IPortWaveRTStream>,
        format: Format,
    ) -> Result<Self, NTSTATUS> {
        let line = line::<L>(format, &cable)?;
        cable.state(|state| {
            let (place, ..) = L::place(state);
            if place.is_some() {
                return Err(STATUS_INSUFFICIENT_RESOURCES);
            }
            *place = Some(line);
            L::opened(state, &format);
            Ok(())
        })?;
        // When there is no memory for an object around it, dropping the value closes the stream again.
        Ok(Self {
            cable,
            port,
            format,
            line: PhantomData,
        })
    }

    /// As [`Cable::at_now`], with the stream, its clock and the ring. IRQL ≤ DISPATCH_LEVEL.
    fn at_now<R>(
        &self,
        act: impl FnOnce(&mut L, &DeviceClock, &mut Ring, Qpc) -> R,
    ) -> Result<R, NTSTATUS> {
        self.cable.at_now(|state, now, _| {
            let (line, clock, ring) = L::place(state);
            let line = line.as_mut().ok_or(STATUS_INVALID_DEVICE_STATE)?;
            Ok(act(line, clock, ring, now))
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
        self.at_now(|line, _, _, _| match line.state() {
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
        if wanted == PlayState::Pause && fault::is(Deliberate::RunThroughPause)
            || wanted == PlayState::Stop && fault::is(Deliberate::StopPauses)
        {
            return Ok(());
        }
        self.cable.at_now(|state, now, _| {
            if wanted == PlayState::Run && state.gone {
                return Err(STATUS_DEVICE_NOT_CONNECTED);
            }
            let (line, clock, ring) = L::place(state);
            let line = line.as_mut().ok_or(STATUS_INVALID_DEVICE_STATE)?;
            line.set_state(wanted, now, clock, ring);
            Ok(())
        })?;
        if wanted == PlayState::Stop {
            fault::at_stop();
        }
        Ok(())
    }

    /// Where the stream is, exact to the frame. IRQL ≤ DISPATCH_LEVEL.
    pub(super) fn position(&self) -> Result<KSAUDIO_POSITION, NTSTATUS> {
        self.at_now(|line, _, _, _| {
            let offset = line.byte_offset().into();
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
            let values = [trace::status(*status), requested.into(), L::NOTED];
            trace::note(self.cable.source, EventKind::BufferRefused, values);
        };
        let (geometry, buffer) = Geometry::for_request(requested, frame_bytes, notifications)
            .map_err(buffer::refusal)
            .and_then(|geometry| Ok((geometry, buffer::allocate(&self.port, &geometry)?)))
            .inspect_err(refused)?;
        let attached = self.at_now(|line, _, _, _| line.attach(buffer, geometry));
        if let Err(status) = attached.flatten().inspect_err(refused) {
            buffer::free(&self.port, buffer);
            return Err(status);
        }
        let packet = geometry.packet().map_or(0, |packet| packet.get());
        let values = [geometry.bytes().into(), packet, L::NOTED];
        trace::note(self.cable.source, EventKind::Buffer, values);
        Ok(Allocated {
            mdl: buffer.mdl,
            bytes: geometry.bytes(),
        })
    }

    /// Frees the buffer, whatever the state is. PASSIVE_LEVEL.
    pub(super) fn free(&self) {
        let buffer: Option<Buffer> = self.at_now(|line, _, _, _| line.detach()).ok().flatten();
        if let Some(buffer) = buffer {
            buffer::free(&self.port, buffer);
            trace::note(self.cable.source, EventKind::BufferFreed, [0, 0, L::NOTED]);
        }
    }

    /// PASSIVE_LEVEL.
    pub(super) fn add_event(&self, event: *mut KEVENT) -> Result<(), NTSTATUS> {
        self.at_now(|line, _, _, _| line.side().add_event(event))?
    }

    /// PASSIVE_LEVEL.
    pub(super) fn remove_event(&self, event: *mut KEVENT) -> Result<(), NTSTATUS> {
        self.at_now(|line, _, _, _| line.side().remove_event(event))?
    }
}

/// A stream in a block of its own; not inlined, because it is built on the stack, of which a kernel thread has little.
#[inline(never)]
fn line<L: Line>(format: Format, cable: &Cable) -> Result<PoolBox<L>, NTSTATUS> {
    PoolBox::new(L::open(format, cable)?)
}

impl Stream<Playing> {
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
        let protected = protected && !fault::is(Deliberate::CopyAll);
        self.at_now(|playing, clock, ring, now| playing.set_protected(protected, now, clock, ring))
    }
}

impl Stream<Recording> {
    /// The next packet that is complete, and when it began. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// `STATUS_DEVICE_NOT_READY` when there is none, `STATUS_NOT_SUPPORTED` without notifications.
    pub(super) fn read_packet(&self) -> Result<(ReadPacket, Qpc), NTSTATUS> {
        let packet = self.at_now(|recording, clock, _, _| recording.read_packet(clock))?;
        packet
            .map_err(packet_refusal)?
            .ok_or(STATUS_DEVICE_NOT_READY)
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

impl<L: Line> Drop for Stream<L> {
    /// The stream ends like at a STOP. PASSIVE_LEVEL.
    fn drop(&mut self) {
        // An error would mean that there is no stream, and then nothing is to be stopped.
        let _ = self.at_now(|line, clock, ring, now| {
            line.set_state(PlayState::Stop, now, clock, ring);
        });
        self.free();
        let line = self.cable.state(|state| {
            let line = L::place(state).0.take()?;
            line.closed(state);
            Some(line)
        });
        // What it had allocated is given back without the lock.
        drop(line);
    }
}
