//! Replies other than blocks.

use waverig_interface::wire::Wire;
use waverig_interface::{
    Block as Header, ClockState, HelloReply, Status, Steering, VERSION_MAX, VERSION_MIN,
};

use crate::Error;

/// What was agreed on with the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Version of the interface.
    pub version: u16,
    /// Bytes of a block's header; the output buffer of a read needs as many more than the frames.
    pub header_bytes: usize,
    /// Ticks of the performance counter per second.
    pub qpc_frequency: i64,
    /// Least number of frames the driver keeps for a client that does not read.
    pub ring_frames: u32,
}

impl Session {
    /// Reads the reply to [`request::hello`](crate::request::hello).
    pub fn decode(reply: &[u8]) -> Result<Self, Error> {
        let hello: HelloReply = decode("HELLO", reply)?;
        if !(VERSION_MIN..=VERSION_MAX).contains(&hello.version) {
            return Err(Error::Version(hello.version));
        }
        if hello.qpc_frequency <= 0 {
            return Err(Error::Field {
                field: "HelloReply.qpc_frequency",
                value: hello.qpc_frequency.cast_unsigned(),
            });
        }
        let header_bytes = usize::try_from(hello.block_header_bytes).unwrap_or(usize::MAX);
        if !(Header::BYTES..=MOST_HEADER_BYTES).contains(&header_bytes) {
            return Err(Error::Field {
                field: "HelloReply.block_header_bytes",
                value: hello.block_header_bytes.into(),
            });
        }
        Ok(Self {
            version: hello.version,
            header_bytes,
            qpc_frequency: hello.qpc_frequency,
            ring_frames: hello.ring_frames,
        })
    }
}

/// No version of the interface will need a larger header than a page.
const MOST_HEADER_BYTES: usize = 4_096;

/// Reads the reply to [`ioctl::STATUS`](crate::ioctl::STATUS).
pub fn status(reply: &[u8]) -> Result<Status, Error> {
    let status: Status = decode("STATUS", reply)?;
    if status.state > waverig_interface::StreamState::Run as u32 {
        return Err(Error::Field {
            field: "Status.state",
            value: status.state.into(),
        });
    }
    Ok(status)
}

/// Reads the reply to [`ioctl::CLOCK`](crate::ioctl::CLOCK) or [`ioctl::STEER`](crate::ioctl::STEER).
pub fn clock(reply: &[u8]) -> Result<ClockState, Error> {
    let clock: ClockState = decode("CLOCK", reply)?;
    let beyond = |ppb: i32| ppb.unsigned_abs() > clock.bound_ppb;
    let rules = [
        (
            clock.device_fraction >= 1_000_000_000,
            "ClockState.device_fraction",
            clock.device_fraction.into(),
        ),
        // The clock would stand still or go backwards.
        (
            clock.bound_ppb >= 1_000_000_000,
            "ClockState.bound_ppb",
            clock.bound_ppb.into(),
        ),
        (
            beyond(clock.slope_ppb),
            "ClockState.slope_ppb",
            i64::from(clock.slope_ppb).cast_unsigned(),
        ),
        (
            beyond(clock.target_ppb),
            "ClockState.target_ppb",
            i64::from(clock.target_ppb).cast_unsigned(),
        ),
        (
            clock.grid_ticks <= 0,
            "ClockState.grid_ticks",
            clock.grid_ticks.cast_unsigned(),
        ),
        (clock.step_ppb == 0, "ClockState.step_ppb", 0),
        (
            Steering::from_wire(clock.steering).is_none(),
            "ClockState.steering",
            clock.steering.into(),
        ),
    ];
    match rules.into_iter().find(|(broken, ..)| *broken) {
        Some((_, field, value)) => Err(Error::Field { field, value }),
        None => Ok(clock),
    }
}

pub(crate) fn decode<T: Wire>(reply: &'static str, bytes: &[u8]) -> Result<T, Error> {
    T::from_wire(bytes).ok_or(Error::Short {
        reply,
        need: T::BYTES,
        got: bytes.len(),
    })
}
