//! Client of the driver's tap: rendered frames with their times.
//!
//! Nothing here does I/O. [`request`] makes the bytes that go into an ioctl, [`Session`], [`Block`] and [`status`] read the bytes
//! that come out, [`Reader`] checks that blocks follow each other without a hole that was not reported. A program that keeps
//! reads pended uses these directly: request bytes out, reply bytes in. [`Client`] puts them together for one ioctl at a time
//! over a [`Transport`].
#![forbid(unsafe_code)]

mod block;
mod client;
mod error;
mod reader;
pub mod request;
mod session;

pub use block::{Block, Format};
pub use client::{Client, ClientError, Transport};
pub use error::Error;
pub use reader::{Gap, Reader, Step};
pub use session::{Session, status};
pub use waverig_interface::{BlockFlags, SampleKind, Status, ioctl};

#[cfg(test)]
mod tests;
