//! What the host and the program inside a test machine say to each other, over any byte stream.
//!
//! The host asks ([`Request`]), the machine answers each request with zero or more [`Reply`] messages, the last of
//! which is final ([`Reply::is_final`]). The host owns every deadline; the machine never waits for the host.
//! [`frame`] puts messages on the line, [`device`] says how the device is set up, [`scenario`] what is to be played, [`timeline`]
//! what was observed, [`inspection`] what an installed device offers, [`fuzz`] and [`fault`] what hostile programs and failing
//! services are to do.

pub mod device;
pub mod diagnostic;
pub mod fault;
pub mod frame;
pub mod fuzz;
pub mod hash;
pub mod inspection;
pub mod interleave;
mod message;
pub mod noise;
mod program;
pub mod scenario;
pub mod timeline;
pub mod window;

/// Label of the payload disk's volume.
pub const PAYLOAD: &str = "PAYLOAD";
/// Folder on a payload disk with files that are staged from there.
pub const HELD: &str = "held";

pub use message::{
    Condition, Endpoint, Finding, Installed, MachineInfo, PROTOCOL_VERSION, Recorded, Refusal,
    Reply, Request, Severity, Up,
};
pub use program::Program;
