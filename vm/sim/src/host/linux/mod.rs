//! Linux: mmap, memfd, signals.

pub mod fault;
pub mod memory;
pub mod thread;
