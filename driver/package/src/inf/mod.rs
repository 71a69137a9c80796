//! INF files: syntax, stamping, rules, and the plan of what an installation would do.
//!
//! Reading order: `document` is the syntax, `models` chooses the install section for a machine, [`plan()`] follows it.

mod check;
mod document;
mod error;
mod interfaces;
mod lex;
mod models;
mod plan;
mod registry;
mod rules;
mod services;
mod stamp;
mod system;
mod unused;

#[cfg(test)]
mod rule_tests;
#[cfg(test)]
mod tests;

pub use check::{Finding, Requirements, check};
pub use document::{Encoding, Entry, Inf, Section};
pub use error::{InfError, Line};
pub use interfaces::Interface;
pub use models::{Target, devices, hardware_ids};
pub use plan::{CopiedFile, DirId, InstallPlan, plan, plans};
pub use registry::{RegistryData, RegistryKey, RegistryValue};
pub use rules::Rule;
pub use services::{BinaryPath, Service};
pub use stamp::{DriverVersion, Stamp, stamp};
pub use system::SystemSection;
