//! Reference signals: generated with the same bits on every host, from any frame on, and measured again.
//!
//! A [`Generator`] turns a signal and a format of the protocol into bytes. [`tone`] measures a sine, [`compare`] finds
//! the first difference between two captures, [`wav`] writes files that any audio editor opens.

pub mod compare;
mod counter;
mod generator;
pub mod sample;
mod sine;
pub mod tone;
pub mod wav;

pub use generator::{Generator, SignalError};
