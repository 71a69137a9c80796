//! Steering the cable's clock: who may, and what is told. Requests and promises are those of `waverig_interface::ioctl`.

use super::client::Clients;
use crate::cable::{Cable, State};
use crate::irp::Irp;
use crate::trace::{self, Source};
use core::ptr::null_mut;
use waverig_engine::{DeviceClock, Ppb, Qpc};
use waverig_interface::wire::Wire;
use waverig_interface::{ClockState, EventKind, Steer, SteerAction, Steering};
use waverig_portcls::status::{
    STATUS_BUFFER_TOO_SMALL, STATUS_DEVICE_NOT_CONNECTED, STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER, STATUS_SHARING_VIOLATION,
};
use wdk_sys::{NTSTATUS, PFILE_OBJECT};

/// The handle that steers, by its file object; null while none does.
pub(crate) struct Owner(PFILE_OBJECT);

// SAFETY: the file object only serves as a key.
unsafe impl Send for Owner {}

impl Owner {
    pub(crate) const fn nobody() -> Self {
        Self(null_mut())
    }

    /// What a handle is told.
    pub(super) fn seen_by(&self, file: PFILE_OBJECT) -> Steering {
        match self.0 {
            owner if owner.is_null() => Steering::Nobody,
            owner if owner == file => Steering::ThisHandle,
            _ => Steering::AnotherHandle,
        }
    }

    /// The handle lets go of the clock, if it has it, and that is noted. Under the cable lock, which is held since `now` was passed.
    pub(super) fn release(
        &mut self,
        file: PFILE_OBJECT,
        source: Source,
        clock: &mut DeviceClock,
        now: Qpc,
    ) {
        if self.seen_by(file) == Steering::ThisHandle {
            self.0 = null_mut();
            // The nominal rate is never out of bound.
            let _ = clock.steer(Ppb::ZERO, now);
            note(source, clock);
        }
    }
}

/// Notes what is wanted of the clock, and what it does.
fn note(source: Source, clock: &DeviceClock) {
    let wanted = i64::from(clock.target().0).cast_unsigned();
    let present = i64::from(clock.piece().slope.0).cast_unsigned();
    trace::note(source, EventKind::Steered, [wanted, present, 0]);
}

/// PASSIVE_LEVEL.
pub(super) fn clock(cable: &Cable, irp: &Irp) -> Result<ClockState, NTSTATUS> {
    cable.at_now(|state, now, _| {
        greeted(&mut state.clients, irp)?;
        Ok(told(state, irp.file(), now, cable))
    })
}

/// PASSIVE_LEVEL. After an error nothing has changed.
pub(super) fn steer(cable: &Cable, irp: &mut Irp) -> Result<ClockState, NTSTATUS> {
    let request = Steer::from_wire(irp.input()).ok_or(STATUS_BUFFER_TOO_SMALL)?;
    if irp.output().len() < <ClockState as Wire>::BYTES {
        return Err(STATUS_BUFFER_TOO_SMALL);
    }
    let action = SteerAction::from_wire(request.action).ok_or(STATUS_INVALID_PARAMETER)?;
    if request.reserved != [0; 2] || (action == SteerAction::Release && request.wanted_ppb != 0) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let file = irp.file();
    cable.at_now(|state, now, _| {
        greeted(&mut state.clients, irp)?;
        if !state.present {
            return Err(STATUS_DEVICE_NOT_CONNECTED);
        }
        if state.owner.seen_by(file) == Steering::AnotherHandle {
            return Err(STATUS_SHARING_VIOLATION);
        }
        match action {
            SteerAction::Steer => {
                let steered = state.clock.steer(Ppb(request.wanted_ppb), now);
                steered.map_err(|_| STATUS_INVALID_PARAMETER)?;
                state.owner = Owner(file);
                note(cable.source, &state.clock);
            }
            SteerAction::Release => {
                state
                    .owner
                    .release(file, cable.source, &mut state.clock, now);
            }
        }
        Ok(told(state, file, now, cable))
    })
}

/// The handle is open and has said HELLO.
fn greeted(clients: &mut Clients, irp: &Irp) -> Result<(), NTSTATUS> {
    let client = clients.find(irp.file()).ok_or(STATUS_INVALID_HANDLE)?;
    client.greeted()
}

/// DISPATCH_LEVEL, under the cable lock.
fn told(state: &State, file: PFILE_OBJECT, now: Qpc, cable: &Cable) -> ClockState {
    let clock = &state.clock;
    let (device_ticks, device_fraction) = clock.at(now).ticks();
    let stream = state.playing.as_ref().map(|playing| playing.stream());
    ClockState {
        qpc: now.0,
        device_ticks,
        device_fraction,
        slope_ppb: clock.piece().slope.0,
        target_ppb: clock.target().0,
        bound_ppb: DeviceClock::BOUND.0.unsigned_abs(),
        grid_ticks: DeviceClock::GRID.to_qpc(cable.frequency).0,
        step_ppb: DeviceClock::STEP.0.unsigned_abs(),
        steering: state.owner.seen_by(file) as u32,
        generation: state.tap.generation(),
        reserved: 0,
        position: stream.map_or(0, |stream| stream.position().0),
    }
}
