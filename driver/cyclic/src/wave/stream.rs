//! A stream: one open pin. What it plays lies in the cable, under its lock; this object owns the cyclic buffer and the timer.

use super::notifier::Notifier;
use super::{format, stream_table};
use crate::cable::{Buffer, Cable, Line, Playing, SharedCable};
use crate::fault;
use crate::pool::{Pool, PoolBox};
use crate::trace;
use core::ptr::null_mut;
use waverig_engine::{Format, Geometry, Notifications, State as PlayState};
use waverig_interface::EventKind;
use waverig_portcls::com::{Class, Com, Object, Shared, Table};
use waverig_portcls::status::{
    STATUS_DEVICE_NOT_CONNECTED, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_UNSUCCESSFUL,
};
use waverig_portcls::{
    IDmaChannel, IPortWaveCyclic, IServiceGroup, KSDATAFORMAT, KSSTATE, NTSTATUS,
};

/// Length of the cyclic buffer: more than twice what the port copies ahead ("WaveCyclic Latency").
const BUFFER_MS: u32 = 100;
/// Until the port says otherwise; it says the same in all current releases.
const INTERVAL_MS: u32 = 10;

/// The object that PortCls holds.
pub(super) struct Stream {
    cable: SharedCable,
    format: Format,
    /// Whose buffer it is; kept, because the buffer goes with it.
    _channel: Com<IDmaChannel>,
    notifier: PoolBox<Notifier>,
}

/// What `NewStream` hands over, each with a reference.
pub(super) struct Made {
    pub(super) stream: Shared<Stream, 1>,
    pub(super) channel: Com<IDmaChannel>,
    pub(super) group: Com<IServiceGroup>,
}

// SAFETY: the table is that of its interface, begins with this class's IUnknown, and expects such a stream.
unsafe impl Class<1> for Stream {
    type Memory = Pool;
    const TABLES: [Table; 1] = stream_table::TABLES;
}

impl Stream {
    /// A stream in STOP at position 0, with its buffer. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES` when the cable has a stream already, or without memory.
    pub(super) fn create(
        cable: SharedCable,
        port: Com<IPortWaveCyclic>,
        format: Format,
    ) -> Result<Made, NTSTATUS> {
        let frames = |ms: u32| format.rate.hertz().div_ceil(1000).saturating_mul(ms);
        let bytes = frames(BUFFER_MS).saturating_mul(format.frame_bytes().into());
        let geometry = Geometry::for_request(bytes, format.frame_bytes(), Notifications::None)
            .map_err(|_| STATUS_INVALID_PARAMETER)?;
        let (channel, buffer) = allocate(&port, &geometry)?;
        let notifier = Notifier::new(cable.clone(), port, frames(INTERVAL_MS))?;
        let group = notifier.group();
        let mut line = line(format, &cable)?;
        cable.state(|state| {
            let (place, ..) = Playing::place(state);
            if place.is_some() {
                return Err(STATUS_INSUFFICIENT_RESOURCES);
            }
            line.attach(buffer, geometry)?;
            *place = Some(line);
            Playing::opened(state, &format);
            Ok(())
        })?;
        let values = [geometry.bytes().into(), 0, Playing::NOTED];
        trace::note(cable.source, EventKind::Buffer, values);
        // When there is no memory for an object around it, dropping the value closes the stream again.
        let stream = Object::create(Self {
            cable,
            format,
            _channel: channel.clone(),
            notifier,
        })?;
        Ok(Made {
            stream,
            channel,
            group,
        })
    }

    /// As [`Cable::at_now`], with the stream that plays. IRQL ≤ DISPATCH_LEVEL.
    fn at_now<R>(&self, act: impl FnOnce(&mut Playing) -> R) -> Result<R, NTSTATUS> {
        self.cable.at_now(|state, _, _| {
            let playing = state.playing.as_mut();
            Ok(act(playing.ok_or(STATUS_INVALID_DEVICE_STATE)?))
        })
    }

    /// A running stream keeps its format; a stopped one takes none but its own. PASSIVE_LEVEL.
    ///
    /// # Safety
    /// `format` is as `IMiniportWaveCyclicStream::SetFormat` gets it.
    pub(super) unsafe fn set_format(&self, format: *const KSDATAFORMAT) -> Result<(), NTSTATUS> {
        // SAFETY: says the caller.
        let bytes = unsafe { format::bytes(format) }?;
        let format = format::accept(bytes, &self.cable.capability)?;
        self.at_now(|playing| match playing.state() {
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
        self.cable.at_now(|state, now, _| {
            if wanted == PlayState::Run && state.gone {
                return Err(STATUS_DEVICE_NOT_CONNECTED);
            }
            let (playing, clock, ring) = Playing::place(state);
            let playing = playing.as_mut().ok_or(STATUS_INVALID_DEVICE_STATE)?;
            playing.set_state(wanted, now, clock, ring);
            Ok(())
        })?;
        self.notifier.arm();
        if wanted == PlayState::Stop {
            fault::at_stop();
        }
        Ok(())
    }

    /// Where the stream is in its buffer, exact to the frame. IRQL ≤ DISPATCH_LEVEL.
    pub(super) fn position(&self) -> Result<u32, NTSTATUS> {
        self.at_now(|playing| playing.byte_offset())
    }

    /// The port is to be notified every so many milliseconds; the bytes that are played in that time. PASSIVE_LEVEL.
    pub(super) fn notify_every(&self, ms: u32) -> u32 {
        let frames = u64::from(self.format.rate.hertz()).saturating_mul(ms.into()) / 1000;
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        self.notifier.set_every(frames);
        frames.saturating_mul(self.format.frame_bytes().into())
    }

    /// Bytes of the stream as units of 100 ns. Any IRQL.
    pub(super) fn normalize(&self, bytes: i64) -> i64 {
        const SECOND: i128 = 10_000_000;
        let frame = i128::from(self.format.frame_bytes());
        let second = frame.saturating_mul(self.format.rate.hertz().into());
        let units = i128::from(bytes).saturating_mul(SECOND).checked_div(second);
        i64::try_from(units.unwrap_or(0)).unwrap_or(i64::MAX)
    }
}

/// A DMA channel of the port's with a buffer of zeros.
///
/// # Errors
/// What the port answers.
fn allocate(
    port: &Com<IPortWaveCyclic>,
    geometry: &Geometry,
) -> Result<(Com<IDmaChannel>, Buffer), NTSTATUS> {
    let mut channel = null_mut();
    let bytes = geometry.bytes();
    // SAFETY: the port is alive; a place for a pointer, which owns a reference on success. There is no hardware: width and speed are
    // not used (the page says -1), and the buffer may lie anywhere.
    unsafe {
        let status = (port.vtbl().NewMasterDmaChannel)(
            port.this(),
            &mut channel,
            null_mut(),
            null_mut(),
            bytes,
            1,
            1,
            -1,
            -1,
        );
        crate::portcls::check(status)?;
        let channel = Com::from_raw(channel).ok_or(STATUS_UNSUCCESSFUL)?;
        let table = channel.vtbl();
        crate::portcls::check((table.AllocateBuffer)(channel.this(), bytes, null_mut()))?;
        let base = (table.SystemAddress)(channel.this()).cast::<u8>();
        if base.is_null() {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        base.write_bytes(0, bytes as usize);
        let mdl = null_mut();
        Ok((channel, Buffer { mdl, base }))
    }
}

/// A stream in a block of its own; not inlined, because it is built on the stack, of which a kernel thread has little.
#[inline(never)]
fn line(format: Format, cable: &Cable) -> Result<PoolBox<Playing>, NTSTATUS> {
    PoolBox::new(Playing::open(format, cable)?)
}

impl Drop for Stream {
    /// The stream ends like at a STOP; the buffer goes with its channel, after this. PASSIVE_LEVEL.
    fn drop(&mut self) {
        self.cable.at_now(|state, now, _| {
            let (playing, clock, ring) = Playing::place(state);
            if let Some(playing) = playing {
                playing.set_state(PlayState::Stop, now, clock, ring);
            }
        });
        self.notifier.arm();
        let line = self.cable.state(|state| {
            let mut line = Playing::place(state).0.take()?;
            line.detach();
            line.closed(state);
            Some(line)
        });
        // What it had allocated is given back without the lock.
        drop(line);
        let values = [0, 0, Playing::NOTED];
        trace::note(self.cable.source, EventKind::BufferFreed, values);
    }
}
