//! What an agent decides without its operating system: compiled and tested on every host.

pub mod audclnt;
pub mod held;
pub mod inf;
pub mod interface;
pub mod names;
pub mod noise;
pub mod options;
pub mod plan;
pub mod state;
pub mod wave;
