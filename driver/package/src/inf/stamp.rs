//! From `.inx` to `.inf`: version, date, catalog and architecture filled in, the same bytes on every host.
//!
//! Source for the entries: Microsoft, "INF Version section"; the tool this stands in for is stampinf.

use std::fmt;
use std::str::FromStr;

use super::document::{Encoding, Inf};
use super::error::{InfError, Line};
use super::lex;
use crate::{Arch, Date};

/// The four parts of a driver's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DriverVersion(pub [u16; 4]);

impl fmt::Display for DriverVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, build, revision] = self.0;
        write!(f, "{major}.{minor}.{build}.{revision}")
    }
}

impl FromStr for DriverVersion {
    type Err = String;

    /// Reads `1.2.3.4`; missing parts are 0.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = [0; 4];
        for (index, part) in text.split('.').enumerate() {
            let place = parts
                .get_mut(index)
                .ok_or_else(|| format!("version {text:?} has more than four parts"))?;
            *place = part.parse().map_err(|_| {
                format!("version {text:?} is not like 1.2.3.4, each part up to 65535")
            })?;
        }
        Ok(Self(parts))
    }
}

/// What is filled in.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// `DriverVer`: the day.
    pub date: Date,
    /// `DriverVer`: the version.
    pub version: DriverVersion,
    /// `$ARCH$`
    pub arch: Arch,
    /// `CatalogFile`
    pub catalog: &'a str,
}

/// Fills in `$ARCH$` everywhere and `DriverVer` and `CatalogFile` in `[Version]`. Lines end in CR LF; the encoding stays.
///
/// # Errors
/// Whatever [`Inf::parse`] refuses, a missing `[Version]`, or a `$VARIABLE$` that nothing fills in.
pub fn stamp(file: &str, inx: &[u8], stamp: &Stamp) -> Result<Vec<u8>, InfError> {
    let error = |line, message| InfError {
        file: file.to_owned(),
        line,
        message,
    };
    let (text, encoding) = lex::decode(inx).map_err(|message| error(None, message))?;
    // Errors of syntax carry the lines of the file that people edit.
    Inf::parse(file, inx)?;
    let Date { year, month, day } = stamp.date;
    let stamped = format!(
        "DriverVer = {month:02}/{day:02}/{year:04},{}\r\nCatalogFile = {}\r\n",
        stamp.version, stamp.catalog
    );
    let mut result = String::with_capacity(text.len() + 256);
    let mut in_version = false;
    let mut done = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end().replace("$ARCH$", stamp.arch.inf_name());
        if let Some(variable) = variable(&line) {
            return Err(error(
                Some(Line(index as u32 + 1)),
                format!("nothing fills in {variable}; only $ARCH$ is known"),
            ));
        }
        let header = line
            .trim_start()
            .strip_prefix('[')
            .map(|rest| rest.split(']').next().unwrap_or_default().trim());
        if let Some(name) = header {
            in_version = name.eq_ignore_ascii_case("Version");
        }
        let key = line.split('=').next().unwrap_or_default().trim();
        if in_version
            && (key.eq_ignore_ascii_case("DriverVer") || key.eq_ignore_ascii_case("CatalogFile"))
        {
            continue;
        }
        result.push_str(&line);
        result.push_str("\r\n");
        if in_version && header.is_some() && !done {
            result.push_str(&stamped);
            done = true;
        }
    }
    if !done {
        return Err(error(None, "section [Version] is missing".into()));
    }
    let bytes = match encoding {
        Encoding::Utf16Le => [0xFEFF]
            .into_iter()
            .chain(result.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect(),
        Encoding::Ascii | Encoding::Utf8 => result.into_bytes(),
    };
    Ok(bytes)
}

/// A `$NAME$` in capitals, which stands for something a tool fills in. (`$Windows NT$` is none.)
fn variable(line: &str) -> Option<String> {
    let parts: Vec<&str> = line.split('$').collect();
    let inner = &parts[1.min(parts.len())..parts.len().saturating_sub(1).max(1.min(parts.len()))];
    inner
        .iter()
        .find(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        })
        .map(|part| format!("${part}$"))
}
