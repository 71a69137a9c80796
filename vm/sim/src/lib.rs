//! The embedded test machine: runs the real .sys in a process of its own.
