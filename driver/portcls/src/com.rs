//! COM as a kernel driver needs it: owning pointers, and reference-counted objects with several tables.

mod object;
mod pointer;

pub use object::{Class, Face, Memory, Object, Shared, Table, add_ref, query_interface, release};
pub use pointer::{Com, Interface};
