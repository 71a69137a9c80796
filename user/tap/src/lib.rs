//! Client of the driver's tap: rendered frames with their times.
//!
//! Nothing here does I/O. [`request`] makes the bytes that go into an ioctl, [`Session`], [`Block`] and [`status`] read the bytes
//! that come out, [`Reader`] checks that blocks follow each other without a hole that was not reported. The program that
//! has the handle, and keeps reads pended, carries request bytes out and reply bytes in.
//!
//! A program that shares its memory instead of asking for each block reads it with [`Shared`].
#![forbid(unsafe_code)]

mod block;
mod error;
mod events;
mod reader;
pub mod request;
mod session;
mod shared;
#[cfg(feature = "told")]
pub mod told;

pub use block::{Block, Format};
pub use error::Error;
pub use events::{Events, Recorded};
pub use reader::{Gap, Reader, Step};
pub use session::{Session, clock, status};
pub use shared::{Shared, Words};
pub use waverig_interface::{
    BlockFlags, ClockState, EventKind, EventRecord, SampleKind, Status, Steering, ioctl,
};

#[cfg(test)]
mod tests;
