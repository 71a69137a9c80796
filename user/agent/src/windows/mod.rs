//! The agent on Windows: one domain of Windows a file, each with a safe face.

pub mod certificate;
mod client;
mod conditions;
pub mod device;
pub mod endpoint;
mod evidence;
mod installation;
mod journal;
mod line;
pub mod package;
mod power;
mod property;
pub mod registry;
mod run;
mod serve;
pub mod services;
mod stream;
pub mod system;
pub mod tap;
mod verifier;
mod volume;

pub use serve::run;
