//! Windows: VirtualAlloc, file mappings, vectored exceptions.

pub mod fault;
pub mod memory;
pub mod thread;
