//! An open driver kit: builds `waverig.sys` on hosts without the Windows Driver Kit, and with the installed one on Windows.
//!
//! Three steps, each callable alone:
//! 1. [`requirements`] says what the host needs and which command adds it; [`install`] runs those commands.
//! 2. [`prepare`] makes `target/kit/`: headers, import libraries and a copy of the locked dependencies in which `wdk-build` runs
//!    on this host. It does nothing when a stamp says that nothing changed.
//! 3. [`build`] compiles the driver into a static library with Cargo and links it with `rust-lld`, so that the image holds no
//!    path of this machine and no export.
//!
//! Every external program goes through [`Runner`], which tests replace.

mod arch;
mod driver;
mod headers;
mod host;
mod implib;
mod link;
mod patch;

mod runner;
mod stamp;
mod toolchain;
mod vendor;
mod workspace;

pub use arch::Arch;
pub use driver::{BuildOptions, Built, build};

pub use runner::{Invocation, Output, Runner, Stdio, SystemRunner};
pub use workspace::Workspace;

pub use kit::{Kit, prepare};
mod kit;
