//! The embedded test machine: a process that maps the unmodified `.sys`, binds its imports to functions of this
//! crate, and plays the NT kernel, the port class driver and the audio client in virtual time.
//!
//! One process is one machine with one thread: one simulated processor, or two that take turns (`processor`). Addresses of
//! this process are the addresses of the simulated kernel.
// A pointer that a driver hands over is as good as the driver. A bad one faults, and the fault ends the run with
// a report that names the place, so functions that follow such pointers are not marked unsafe one by one.
#![allow(clippy::not_unsafe_ptr_arg_deref)]

#[cfg(not(target_arch = "x86_64"))]
compile_error!("the simulator runs x86-64 driver code directly: build it for an x86-64 host");

mod address;
pub mod alone;
pub mod call;
pub mod coverage;
pub mod debugger;
pub mod endpoints;
pub mod finding;
mod fuzz;
mod gate;
pub mod host;
pub mod image;
pub mod imports;
mod inlined;
mod interleave;
pub mod kernel;
mod lives;
#[cfg(test)]
mod mock;
pub mod nt;
pub mod parent;
pub mod pnp;
mod portcls;
mod processor;
mod profile;
pub mod program;
pub mod random;
pub mod report;
pub mod rules;
pub mod sched;
mod seh;
pub mod session;
mod tally;
mod threads;
pub mod time;
pub mod user;
mod wdf;

pub use kernel::{Kernel, Options, kernel};
