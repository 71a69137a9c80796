//! The agent on Windows: one domain of Windows a file, each with a safe face.

mod certificate;
mod client;
mod conditions;
mod device;
mod endpoint;
mod evidence;
mod installation;
mod journal;
mod line;
mod package;
mod power;
mod property;
mod registry;
mod run;
mod serve;
mod services;
mod stream;
mod system;
mod tap;
mod verifier;
mod volume;

pub(crate) use serve::run;
