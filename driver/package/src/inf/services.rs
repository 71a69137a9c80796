//! `AddService` and service-install sections.
//!
//! Source: Microsoft, "INF AddService directive"; constants from winsvc.h and setupapi.h.

use super::document::{Entry, Inf};
use super::error::{InfError, Line};
use super::plan::DirId;
use super::registry::{RegistryKey, RegistryValue, add_reg, number};

/// `SPSVCINST_ASSOCSERVICE`: the service is the device's function driver.
const ASSOCIATED: u32 = 0x2;

/// A service an installation creates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The service's name.
    pub name: String,
    /// `SPSVCINST_*` of the `AddService` line.
    pub flags: u32,
    /// Whether it is the device's function driver.
    pub function_driver: bool,
    /// The name people see.
    pub display_name: Option<String>,
    /// `SERVICE_*` type: 1 is a kernel driver.
    pub kind: u32,
    /// Start type: 3 is on demand, which PnP drivers use.
    pub start: u32,
    /// Error control: 1 is normal.
    pub error_control: u32,
    /// The image.
    pub binary: BinaryPath,
    /// Values of the service's own key.
    pub registry: Vec<RegistryValue>,
    /// The `AddService` line.
    pub line: Line,
}

impl Service {
    /// Whether creating one or the other comes to the same.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let values = |service: &Self| {
            let values = service.registry.iter();
            let values = values.map(|v| (v.subkey.clone(), v.name.clone(), v.data.clone()));
            values.collect::<Vec<_>>()
        };
        (self.kind, self.start, self.error_control, &self.binary)
            == (other.kind, other.start, other.error_control, &other.binary)
            && self.display_name == other.display_name
            && values(self) == values(other)
    }
}

/// `%13%\name.sys`: a folder and a file in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinaryPath {
    /// The folder.
    pub directory: DirId,
    /// The path below it, with backslashes.
    pub file: String,
}

impl BinaryPath {
    /// Reads a path that starts with a DIRID.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, file) = text.strip_prefix('%')?.split_once('%')?;
        let file = file.strip_prefix('\\').unwrap_or(file);
        Some(Self {
            directory: DirId(id.parse().ok()?),
            file: file.to_owned(),
        })
        .filter(|path| !path.file.is_empty())
    }
}

/// The service of an `AddService` directive; `None` for the null service `AddService = ,2`.
pub(super) fn add_service(inf: &Inf, directive: &Entry) -> Result<Option<Service>, InfError> {
    let error = |line, message: String| inf.error(line, message);
    let name = directive.field(0);
    let flags = number(directive.field(1)).map_err(|message| error(directive.line, message))?;
    let flags = u32::try_from(flags).map_err(|_| {
        error(
            directive.line,
            format!("flags {flags:#x} do not fit 32 bits"),
        )
    })?;
    if name.is_empty() {
        return Ok(None);
    }
    let section = inf.referenced(directive.field(2), directive.line)?;
    let required = |key: &str| {
        let entry = section
            .entry(key)
            .ok_or_else(|| error(section.line, format!("[{}] lacks {key}", section.name)))?;
        number(entry.field(0))
            .map(|number| number as u32)
            .map_err(|message| error(entry.line, message))
    };
    let binary = section.entry("ServiceBinary").ok_or_else(|| {
        error(
            section.line,
            format!("[{}] lacks ServiceBinary", section.name),
        )
    })?;
    let path = BinaryPath::parse(binary.field(0)).ok_or_else(|| {
        error(
            binary.line,
            format!(
                "{:?} is not a path such as %13%\\driver.sys",
                binary.field(0)
            ),
        )
    })?;
    let mut registry = Vec::new();
    for entry in &section.entries {
        match entry
            .key
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase()
            .as_str()
        {
            "addreg" => registry.extend(add_reg(inf, entry, RegistryKey::Service)?),
            "displayname" | "description" | "servicetype" | "starttype" | "errorcontrol"
            | "servicebinary" | "loadordergroup" | "dependencies" | "security" => {}
            other => {
                inf.pass_over(error(
                    entry.line,
                    format!("{other:?} is not known in a service-install section"),
                ))?;
            }
        }
    }
    Ok(Some(Service {
        name: name.to_owned(),
        flags,
        function_driver: flags & ASSOCIATED != 0,
        display_name: section
            .entry("DisplayName")
            .map(|entry| entry.field(0).to_owned()),
        kind: required("ServiceType")?,
        start: required("StartType")?,
        error_control: required("ErrorControl")?,
        binary: path,
        registry,
        line: directive.line,
    }))
}
