//! Add-registry sections as typed values.
//!
//! Source: Microsoft, "INF AddReg directive"; flag values from setupapi.h (`FLG_ADDREG_*`).

use super::document::{Entry, Inf};
use super::error::{InfError, Line};

/// The key that `HKR` means where the values are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryKey {
    /// The device's software key (driver key): `AddReg` of the install section.
    Driver,
    /// The device's hardware key: `AddReg` of the `.HW` section. `DeviceType` and `Security` without a subkey set the
    /// device object's properties.
    Device,
    /// An interface's `Device Parameters` key: `AddReg` of an add-interface section.
    Interface,
    /// The service's key: `AddReg` of a service-install section.
    Service,
    /// `HKEY_LOCAL_MACHINE`, which only an INF that is taken as it is found may name.
    Machine,
}

/// A registry value's type and data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryData {
    /// `REG_SZ`
    Sz(String),
    /// `REG_EXPAND_SZ`
    ExpandSz(String),
    /// `REG_MULTI_SZ`
    MultiSz(Vec<String>),
    /// `REG_DWORD`
    Dword(u32),
    /// `REG_QWORD`
    Qword(u64),
    /// `REG_BINARY`
    Binary(Vec<u8>),
    /// `REG_NONE`
    None(Vec<u8>),
    /// The key alone, without a value.
    Key,
}

/// One value an installation writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryValue {
    /// Which key the path starts at.
    pub key: RegistryKey,
    /// The path below it, possibly empty.
    pub subkey: String,
    /// The value's name; empty for the default value.
    pub name: String,
    /// Type and data.
    pub data: RegistryData,
    /// Whether a value that is already there is replaced.
    pub overwrite: bool,
    /// Where the INF says so.
    pub line: Line,
}

const BINVALUETYPE: u32 = 0x1;
const NOCLOBBER: u32 = 0x2;
const DELVAL: u32 = 0x4;
const APPEND: u32 = 0x8;
const KEYONLY: u32 = 0x10;
const TYPE_MASK: u32 = 0xFFFF_0000 | BINVALUETYPE;
const TYPE_SZ: u32 = 0;
const TYPE_BINARY: u32 = BINVALUETYPE;
const TYPE_MULTI_SZ: u32 = 0x0001_0000;
const TYPE_DWORD: u32 = 0x0001_0000 | BINVALUETYPE;
const TYPE_EXPAND_SZ: u32 = 0x0002_0000;
const TYPE_NONE: u32 = 0x0002_0000 | BINVALUETYPE;
const TYPE_QWORD: u32 = 0x000B_0000 | BINVALUETYPE;

/// The values of the add-registry sections that an `AddReg` directive names.
pub(super) fn add_reg(
    inf: &Inf,
    directive: &Entry,
    key: RegistryKey,
) -> Result<Vec<RegistryValue>, InfError> {
    let mut values = Vec::new();
    for name in directive.names() {
        for entry in &inf.referenced(name, directive.line)?.entries {
            match value(inf, entry, key) {
                Ok(value) => values.push(value),
                Err(error) => inf.pass_over(error)?,
            }
        }
    }
    Ok(values)
}

fn value(inf: &Inf, entry: &Entry, key: RegistryKey) -> Result<RegistryValue, InfError> {
    let error = |message: String| inf.error(entry.line, message);
    let root = entry.field(0);
    if entry.key.is_some() {
        return Err(error(
            "`=` in a registry line; the form is HKR,subkey,name,flags,value".into(),
        ));
    }
    let mut key = key;
    if !root.eq_ignore_ascii_case("HKR") {
        let outside = error(format!(
            "registry root {root}: an isolated package writes below HKR only (infverif 1304)"
        ));
        if !root.eq_ignore_ascii_case("HKLM") {
            return Err(outside);
        }
        inf.pass_over(outside)?;
        key = RegistryKey::Machine;
    }
    let flags = number(entry.field(3)).map_err(&error)? as u32;
    if flags & (DELVAL | APPEND) != 0 {
        return Err(error(format!(
            "flags {flags:#x} delete or append to a value; write the whole value (infverif 1305)"
        )));
    }
    let data = if flags & KEYONLY != 0 {
        RegistryData::Key
    } else {
        data(flags & TYPE_MASK, entry).map_err(&error)?
    };
    Ok(RegistryValue {
        key,
        subkey: entry.field(1).to_owned(),
        name: entry.field(2).to_owned(),
        data,
        overwrite: flags & NOCLOBBER == 0,
        line: entry.line,
    })
}

fn data(kind: u32, entry: &Entry) -> Result<RegistryData, String> {
    let fields = entry.fields.get(4..).unwrap_or_default();
    let text = || match fields {
        [] => Ok(String::new()),
        [text] => Ok(text.clone()),
        _ => Err("a string value with an unquoted comma; quote it".to_owned()),
    };
    Ok(match kind {
        TYPE_SZ => RegistryData::Sz(text()?),
        TYPE_EXPAND_SZ => RegistryData::ExpandSz(text()?),
        TYPE_MULTI_SZ => RegistryData::MultiSz(
            fields
                .iter()
                .filter(|field| !field.is_empty())
                .cloned()
                .collect(),
        ),
        TYPE_BINARY => RegistryData::Binary(bytes(fields)?),
        TYPE_NONE => RegistryData::None(bytes(fields)?),
        TYPE_DWORD => RegistryData::Dword(match fields {
            [one] => {
                u32::try_from(number(one)?).map_err(|_| format!("{one} does not fit a DWORD"))?
            }
            _ => u32::from_le_bytes(
                bytes(fields)?
                    .try_into()
                    .map_err(|_| "a DWORD is one number or four bytes")?,
            ),
        }),
        TYPE_QWORD => RegistryData::Qword(match fields {
            [one] => number(one)?,
            _ => u64::from_le_bytes(
                bytes(fields)?
                    .try_into()
                    .map_err(|_| "a QWORD is one number or eight bytes")?,
            ),
        }),
        other => return Err(format!("value type {other:#x} is unknown")),
    })
}

/// Decimal or `0x` hexadecimal; nothing is 0.
pub(super) fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.get(..2) {
        _ if text.is_empty() => return Ok(0),
        Some("0x" | "0X") => u64::from_str_radix(&text[2..], 16),
        _ => text.parse(),
    };
    parsed.map_err(|_| format!("{text:?} is not a number"))
}

fn bytes(fields: &[String]) -> Result<Vec<u8>, String> {
    let digits = |field: &String| {
        let digits = field
            .strip_prefix("0x")
            .or(field.strip_prefix("0X"))
            .unwrap_or(field);
        u8::from_str_radix(digits, 16)
            .map_err(|_| format!("{field:?} is not a byte in hexadecimal"))
    };
    fields
        .iter()
        .filter(|field| !field.is_empty())
        .map(digits)
        .collect()
}
