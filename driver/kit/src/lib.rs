//! An open driver kit: builds the workspace's drivers on hosts without the Windows Driver Kit, and with the installed one on Windows.
//!
//! [`requirements`] says what the host needs and which command adds it; [`install`] runs those commands. [`build`] then
//! 1. makes `target/kit/`: headers, import libraries and a copy of the locked dependencies in which `wdk-build` runs on this
//!    host, unless a stamp says that nothing changed;
//! 2. compiles the driver into a static library with Cargo and links it with `rust-lld`, so that the image holds no path of this
//!    machine and no export.
//!
//! [`build_cpp`] compiles drivers in C++ with the same headers and libraries, for trying the rig on drivers that are not this one.
//!
//! [`build_programs`] builds the workspace's own programs for Windows, for people to have.
//!
//! Every external program goes through [`Runner`], which tests replace.

mod arch;
mod cpp;
mod driver;
mod files;
mod headers;
mod host;
mod implib;
mod kit;
mod layout;
mod link;
mod packages;
mod patch;
mod pins;
mod programs;
mod requirements;
mod runner;
mod stamp;
#[cfg(test)]
mod testing;
mod toolchain;
mod vendor;
mod wdk;
mod workspace;

pub use arch::Arch;
pub use cpp::{CppDriver, build_cpp};
pub use driver::{BuildOptions, Built, SOURCES, build, lint};
pub use pins::{Pin, pins};
pub use programs::{PROGRAMS, build_programs};
pub use requirements::{Privilege, Requirement, install, install_line, privilege, requirements};
pub use runner::{Invocation, Output, Runner, Stdio, SystemRunner};
pub use wdk::kit_program;
pub use workspace::Workspace;
