//! A cable of a device: the stream that plays, the stream that records, the tap's ring and its clients, under one lock.
//!
//! Everything that tells anybody how far either stream is goes through [`Cable::at_now`]: it takes the lock, moves every frame that is
//! due out of the player's buffer, clears its place, puts what was played into the recorder's buffer, signals the notifications
//! that this completes, and only then lets the caller look. So no client can overwrite a frame that was not taken, no place
//! is played twice, and no frame is told to be recorded that is not there.

mod alarm;
mod events;
mod line;
mod playing;
mod recording;
mod registered;
mod side;
mod view;

pub(crate) use line::Line;
pub(crate) use playing::Playing;
pub(crate) use recording::Recording;
pub(crate) use registered::Registered;
pub(crate) use side::{Buffer, Side};

use crate::fault::{self, Deliberate};
use crate::irp::Completions;
use crate::lock::SpinLock;
use crate::pool::{self, Pool, PoolBox};
use crate::tap::{Clients, Owner};
use crate::time;
use crate::timer::Timer;
use crate::topology::Controls;
use crate::trace::Source;
use alarm::Alarm;
use alloc::vec::Vec;
use waverig_engine::{
    Capability, DeviceClock, Qpc, QpcFrequency, Settings, Starvation, State as PlayState, Tap,
    storage_bytes,
};
use waverig_interface::{CableNumber, TapFormat};
use waverig_portcls::com::{Class, Object, Shared, Table};
use waverig_portcls::status::{
    STATUS_DEVICE_NOT_CONNECTED, STATUS_INSUFFICIENT_RESOURCES, STATUS_UNSUCCESSFUL,
};
use waverig_portcls::{IUnknownVtbl, NTSTATUS};
use wdk_sys::{PEX_TIMER, PVOID};

/// Which way audio goes through a filter, seen from its clients.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Clients play to it.
    Render,
    /// Clients record from it.
    Capture,
}

/// A cable. Referenced by the adapter, its miniports, its streams and its open tap handles.
pub(crate) struct Cable {
    /// Who notes what happens here.
    pub(crate) source: Source,
    /// Which of the device's cables it is.
    pub(crate) number: CableNumber,
    /// Scale of every time.
    pub(crate) frequency: QpcFrequency,
    /// Which formats the device takes.
    pub(crate) capability: Capability,
    /// Volume and mute of the render endpoint, stored and not applied.
    render_controls: Controls,
    /// The same of the capture endpoint.
    capture_controls: Controls,
    /// The cable lock.
    state: SpinLock<State>,
}

/// The tap's ring.
pub(crate) type Ring = Tap<Vec<u8>>;

/// A reference on a cable.
pub(crate) type SharedCable = Shared<Cable, 1>;

/// What the cable lock guards.
pub(crate) struct State {
    /// The clock of every stream of this cable.
    pub(crate) clock: DeviceClock,
    /// Who steers it.
    pub(crate) owner: Owner,
    /// Rendered frames for the tap's clients.
    pub(crate) tap: Ring,
    /// Bytes in the largest frame of any format that the device takes.
    pub(crate) max_frame_bytes: u16,
    /// The render stream, while one is open.
    pub(crate) playing: Option<PoolBox<Playing>>,
    /// The capture stream, while one is open.
    pub(crate) recording: Option<PoolBox<Recording>>,
    /// `None` only while the cable is made and when it ends.
    alarm: Option<Alarm>,
    /// Open tap handles.
    pub(crate) clients: Clients,
    /// Format of the stream, or of the last one.
    pub(crate) format: TapFormat,
    /// What the last stream starved of, when it was closed.
    pub(crate) starvation: PoolBox<Starvation>,
    /// The device is started; if not, reads are refused.
    pub(crate) present: bool,
    /// The device was stopped or is gone: no stream runs any more.
    pub(crate) gone: bool,
}

impl Cable {
    /// PASSIVE_LEVEL. Not inlined: the value is built on the stack, of which a kernel thread has little.
    #[inline(never)]
    pub(crate) fn create(
        device: Source,
        number: CableNumber,
        settings: &Settings,
    ) -> Result<SharedCable, NTSTATUS> {
        let capability = Capability::of(settings);
        let tap = Tap::new(pool::zeros(storage_bytes(capability.second_bytes()))?);
        let frequency = time::frequency().ok_or(STATUS_UNSUCCESSFUL)?;
        let cable = Object::create(Self {
            source: device.of_cable(number.get()),
            number,
            frequency,
            capability,
            render_controls: Controls::new(capability.preferred().channels),
            capture_controls: Controls::new(capability.preferred().channels),
            state: SpinLock::new(State {
                clock: DeviceClock::new(frequency).ok_or(STATUS_INSUFFICIENT_RESOURCES)?,
                owner: Owner::nobody(),
                tap: tap.ok_or(STATUS_INSUFFICIENT_RESOURCES)?,
                max_frame_bytes: capability.frame_bytes(),
                playing: None,
                recording: None,
                alarm: None,
                clients: Clients::new(),
                format: TapFormat::default(),
                starvation: PoolBox::new(Starvation::default())?,
                present: false,
                gone: false,
            }),
        })?;
        let context = core::ptr::from_ref::<Self>(&cable).cast();
        let timer = Timer::new(Some(timer_fired), context)?;
        cable.state(|state| state.alarm = Some(Alarm::new(timer)));
        Ok(cable)
    }

    /// Consumes what is due, clears it, reports it; then `act`; then answers the reads that can be answered and sets the timer
    /// for what comes next. IRQL ≤ DISPATCH_LEVEL, no lock held but the caller's own outside this driver.
    pub(crate) fn at_now<R>(&self, act: impl FnOnce(&mut State, Qpc, &mut Completions) -> R) -> R {
        let mut done = Completions::default();
        let (result, mut more) = {
            let mut state = self.state.lock();
            let now = time::now();
            state.advance(now);
            let result = act(&mut state, now, &mut done);
            (result, self.serve(&mut state, now, &mut done))
        };
        done.finish();
        while more {
            let mut done = Completions::default();
            more = self.serve(&mut self.state.lock(), time::now(), &mut done);
            done.finish();
        }
        result
    }

    /// Answers a portion of the reads and sets the timer; `true` when reads are left that no timer will come for.
    /// DISPATCH_LEVEL, under the cable lock.
    fn serve(&self, state: &mut State, now: Qpc, done: &mut Completions) -> bool {
        let all = state
            .clients
            .answer(self.source, &state.tap, state.format, done);
        let timed = state.set_timer(now, self.frequency);
        !all && !timed
    }

    /// The device is started. PASSIVE_LEVEL.
    pub(crate) fn arrive(&self) {
        self.state(|state| (state.present, state.gone) = (true, false));
    }

    /// The device is stopped or gone. Streams that run end, the tap's clients are given what it has played until now, and then
    /// their reads are given back; no more are taken. PASSIVE_LEVEL.
    pub(crate) fn leave(&self) {
        self.at_now(|state, now, _| {
            (state.present, state.gone) = (false, true);
            let State {
                playing,
                recording,
                clock,
                tap,
                ..
            } = state;
            if let Some(playing) = playing {
                playing.set_state(PlayState::Stop, now, clock, tap);
            }
            if let Some(recording) = recording {
                recording.set_state(PlayState::Stop, now, clock, tap);
            }
        });
        let mut done = Completions::default();
        if !fault::is(Deliberate::KeepReads) {
            self.state(|state| {
                let clients = &mut state.clients;
                clients.give_back(self.source, STATUS_DEVICE_NOT_CONNECTED, &mut done);
            });
        }
        done.finish();
    }

    /// Volume and mute of an endpoint. Any IRQL.
    pub(crate) const fn controls(&self, direction: Direction) -> &Controls {
        match direction {
            Direction::Render => &self.render_controls,
            Direction::Capture => &self.capture_controls,
        }
    }

    /// Looks at the state as it is. For what has nothing to do with time. IRQL ≤ DISPATCH_LEVEL.
    pub(crate) fn state<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.state.lock())
    }
}

impl State {
    /// DISPATCH_LEVEL, under the cable lock.
    fn advance(&mut self, now: Qpc) {
        self.clock.pass(now);
        if let Some(playing) = &mut self.playing {
            let taken_for = fault::clock::now(now, self.clock.target());
            playing.advance(taken_for, &self.clock, &mut self.tap);
        }
        if let Some(recording) = &mut self.recording {
            recording.advance(now, &self.clock, &self.tap);
        }
    }

    /// Whether it is set. DISPATCH_LEVEL, under the cable lock.
    fn set_timer(&mut self, now: Qpc, frequency: QpcFrequency) -> bool {
        let clock = &self.clock;
        let played = self.playing.as_ref().and_then(|playing| {
            let wanted = self.clients.frames_missing(&self.tap, self.format);
            playing.deadline(wanted, clock)
        });
        let recording = self.recording.as_ref();
        let recorded = recording.and_then(|recording| recording.deadline(clock));
        let deadline = side::earlier(played, recorded);
        if let Some(alarm) = &mut self.alarm {
            alarm.set(deadline, now, frequency);
        }
        deadline.is_some()
    }
}

impl Drop for Cable {
    /// Waits for the timer's callback, which uses the cable, so the timer goes first. PASSIVE_LEVEL: whoever has a reference
    /// gives it back there.
    fn drop(&mut self) {
        let alarm = self.state(|state| state.alarm.take());
        drop(alarm);
    }
}

/// The timer's callback. DISPATCH_LEVEL.
unsafe extern "C" fn timer_fired(_: PEX_TIMER, cable: PVOID) {
    // SAFETY: the context is the cable, which waits for this callback before it ends.
    let cable = unsafe { &*cable.cast::<Cable>() };
    cable.at_now(|state, _, _| {
        if let Some(alarm) = &mut state.alarm {
            alarm.fired();
        }
    });
    fault::in_timer();
}

// SAFETY: the table is this class's IUnknown and nothing else.
unsafe impl Class<1> for Cable {
    type Memory = Pool;
    const TABLES: [Table; 1] = [Table {
        vtbl: (&raw const UNKNOWN).cast(),
        iids: &[],
    }];
}

/// Nobody but the driver knows a cable; the object only counts its references.
static UNKNOWN: IUnknownVtbl = Cable::UNKNOWN;
