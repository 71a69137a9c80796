//! What a tap client does about the clock: steers it, lets go of it, and asks what it does.

use waverig_protocol::timeline::Event;
use waverig_tap::{Steering, ioctl, request};

use super::Tap;
use crate::kernel::kernel;
use crate::nt::status::{
    NtStatus, STATUS_BUFFER_TOO_SMALL, STATUS_CANCELLED, STATUS_INVALID_PARAMETER,
    STATUS_SHARING_VIOLATION,
};
use crate::user::UserError;

/// Bytes a reply about the clock may have.
const CLOCK_ROOM: usize = 128;

impl Tap {
    /// Steers the clock, or lets go of it, and notes what the driver answered.
    pub(in crate::user) fn steer(&self, ppb: Option<i32>) -> Result<(), UserError> {
        let input = ppb.map_or_else(request::release, request::steer);
        let reply = self.control(ioctl::STEER, &input);
        let answer = reply
            .as_ref()
            .err()
            .map_or(0, |status| status.0.cast_unsigned());
        self.state.own().note(Event::Steer { ppb, answer });
        reply.map_or(Ok(()), |reply| self.note_clock(&reply).map(|_| ()))
    }

    /// Asks what the clock does, and notes it; gives the position that it told.
    pub(in crate::user) fn clock(&self) -> Result<u64, UserError> {
        let reply = self.control(ioctl::CLOCK, &[]);
        let reply =
            reply.map_err(|status| UserError(format!("the tap's CLOCK failed with {status}")))?;
        self.note_clock(&reply)
    }

    /// Requests about the clock that no driver may take: each with the answer it must get. While somebody else steers, that may
    /// be the reason too.
    pub(in crate::user) fn ask_for_too_much(&self) -> Result<(), UserError> {
        let told = self.control(ioctl::CLOCK, &[]);
        let told =
            told.map_err(|status| UserError(format!("the tap's CLOCK failed with {status}")))?;
        let told = waverig_tap::clock(&told).map_err(|error| UserError(error.to_string()))?;
        let taken = told.steering == Steering::AnotherHandle as u32;
        let [mut unknown, mut reserved, mut idle] =
            [request::steer(1), request::steer(1), request::release()];
        unknown[0] = 3;
        reserved[12] = 1;
        idle[4] = 1;
        let steer = request::steer;
        for (what, input, expect) in [
            (
                "a rate above the bound",
                &steer(1_000_001)[..],
                STATUS_INVALID_PARAMETER,
            ),
            (
                "a rate below the bound",
                &steer(-1_000_001),
                STATUS_INVALID_PARAMETER,
            ),
            (
                "the lowest number",
                &steer(i32::MIN),
                STATUS_INVALID_PARAMETER,
            ),
            (
                "the highest number",
                &steer(i32::MAX),
                STATUS_INVALID_PARAMETER,
            ),
            ("an unknown action", &unknown, STATUS_INVALID_PARAMETER),
            ("a reserved field", &reserved, STATUS_INVALID_PARAMETER),
            ("a rate to let go with", &idle, STATUS_INVALID_PARAMETER),
            ("15 bytes", &steer(1)[..15], STATUS_BUFFER_TOO_SMALL),
            ("nothing", &[], STATUS_BUFFER_TOO_SMALL),
        ] {
            let answer = self.control(ioctl::STEER, input).err();
            if answer != Some(expect) && !(taken && answer == Some(STATUS_SHARING_VIOLATION)) {
                return Err(UserError(format!(
                    "STEER with {what} must fail with {expect}; the driver answered {answer:?}"
                )));
            }
        }
        Ok(())
    }

    fn control(&self, code: u32, input: &[u8]) -> Result<Vec<u8>, NtStatus> {
        let handle = self.state.handle.borrow();
        let handle = handle.as_ref().ok_or(STATUS_CANCELLED)?;
        handle.control(code, input, CLOCK_ROOM)
    }

    fn note_clock(&self, reply: &[u8]) -> Result<u64, UserError> {
        let clock = waverig_tap::clock(reply).map_err(|error| UserError(error.to_string()))?;
        if clock.qpc != kernel().now().0.cast_signed() {
            return Err(UserError(format!(
                "the tap's clock is told for tick {}",
                clock.qpc
            )));
        }
        self.state.own().note(Event::Clock {
            device_ticks: clock.device_ticks,
            device_fraction: clock.device_fraction,
            slope_ppb: clock.slope_ppb,
            target_ppb: clock.target_ppb,
            steering: clock.steering,
            generation: clock.generation,
            position: clock.position,
        });
        Ok(clock.position)
    }
}
