//! The cable's clock: how its rate is steered, and what it does.
//!
//! *Device time* is what the streams of a cable count their frames by: the performance counter, in ticks, but running faster or
//! slower by a slope in parts per billion. In between two changes of the slope it is a straight line, exact to 1e-9 ticks:
//! `device(q) = device(qpc) + (q − qpc) · (1 + slope_ppb / 1e9)`. The slope changes only when the counter is a multiple of
//! [`ClockState::grid_ticks`], by at most [`ClockState::step_ppb`], until it is the target. Device time itself never jumps.

/// What [`Steer`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SteerAction {
    /// The rate goes to `wanted_ppb`; the handle owns the clock from now on.
    Steer = 1,
    /// The handle lets go of the clock, if it has it; `wanted_ppb` must be 0.
    Release = 2,
}

impl SteerAction {
    /// The action of a wire value.
    pub const fn from_wire(value: u32) -> Option<Self> {
        Some(match value {
            1 => Self::Steer,
            2 => Self::Release,
            _ => return None,
        })
    }
}

/// Input of [`ioctl::STEER`](crate::ioctl::STEER). 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Steer {
    /// A [`SteerAction`] as its wire value.
    pub action: u32,
    /// The wanted rate: parts per billion above (below 0: under) the nominal one.
    pub wanted_ppb: i32,
    /// Must be 0.
    pub reserved: [u32; 2],
}

/// Who steers the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Steering {
    /// Nobody: its target is the nominal rate.
    Nobody = 0,
    /// The handle that asks.
    ThisHandle = 1,
    /// Another handle.
    AnotherHandle = 2,
}

impl Steering {
    /// The meaning of a wire value.
    pub const fn from_wire(value: u32) -> Option<Self> {
        Some(match value {
            0 => Self::Nobody,
            1 => Self::ThisHandle,
            2 => Self::AnotherHandle,
            _ => return None,
        })
    }
}

/// What the clock does: a snapshot, from which its future follows as long as nobody steers. 64 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ClockState {
    /// QPC time of the snapshot.
    pub qpc: i64,
    /// Device time then, in whole ticks.
    pub device_ticks: i64,
    /// The rest of it, in 1e-9 ticks.
    pub device_fraction: u32,
    /// The slope now, in parts per billion above the nominal rate.
    pub slope_ppb: i32,
    /// Where the slope goes.
    pub target_ppb: i32,
    /// Furthest from 0 that a rate may be wanted.
    pub bound_ppb: u32,
    /// The slope moves when the counter is a multiple of this.
    pub grid_ticks: i64,
    /// Furthest that the slope moves at once.
    pub step_ppb: u32,
    /// A [`Steering`] as its wire value.
    pub steering: u32,
    /// Generation of the current or last stream, 0 if there was none.
    pub generation: u32,
    /// Always 0.
    pub reserved: u32,
    /// Frames it has played at the snapshot since it last left STOP.
    pub position: u64,
}
