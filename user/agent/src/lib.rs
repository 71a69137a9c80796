//! What an agent decides without its operating system: compiled and tested on every host. And what it does on Windows (`windows`), which the
//! installer shares.

pub mod audclnt;
pub mod held;
pub mod inf;
pub mod interface;
pub mod names;
pub mod noise;
pub mod options;
pub mod plan;
pub mod problem;
pub mod state;
pub mod wave;
#[cfg(windows)]
pub mod windows;
