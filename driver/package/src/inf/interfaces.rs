//! `AddInterface` and add-interface sections.
//!
//! Source: Microsoft, "INF AddInterface directive".

use super::document::{Entry, Inf};
use super::error::{InfError, Line};
use super::registry::{RegistryKey, RegistryValue, add_reg};
use crate::Guid;

/// A device interface an installation registers. The driver enables it later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The interface class, e.g. `KSCATEGORY_AUDIO`.
    pub category: Guid,
    /// The reference string: for KS, the subdevice's name.
    pub reference: String,
    /// Values of the interface's own key.
    pub registry: Vec<RegistryValue>,
    /// The `AddInterface` line.
    pub line: Line,
}

/// The interface of an `AddInterface` directive.
pub(super) fn add_interface(inf: &Inf, directive: &Entry) -> Result<Interface, InfError> {
    let category = directive
        .field(0)
        .parse()
        .map_err(|message: String| inf.error(directive.line, message))?;
    let mut registry = Vec::new();
    if !directive.field(2).is_empty() {
        for entry in &inf.referenced(directive.field(2), directive.line)?.entries {
            if !entry.is("AddReg") {
                let key = entry.key.as_deref().unwrap_or_default();
                inf.pass_over(inf.error(
                    entry.line,
                    format!("{key:?} is not known in an add-interface section; only AddReg is"),
                ))?;
                continue;
            }
            registry.extend(add_reg(inf, entry, RegistryKey::Interface)?);
        }
    }
    Ok(Interface {
        category,
        reference: directive.field(1).to_owned(),
        registry,
        line: directive.line,
    })
}
