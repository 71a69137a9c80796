//! Goldens: what came out when it was right, kept as the play list that regenerates it, its hash, and its timing.

mod bless;
mod capture;
mod timing;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

pub use bless::{BlessError, Blessing, bless};
pub use capture::CaptureGolden;
pub(crate) use capture::{audio, sha256};
pub use timing::TimingGolden;

use crate::scenario::ScenarioFile;

/// The goldens of one scenario.
#[derive(Clone, Debug)]
pub struct Golden {
    /// What came out of the tap.
    pub capture: CaptureGolden,
    /// When notifications came and positions were asked for.
    pub timing: TimingGolden,
}

/// Why a golden cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoldenErrorKind {
    /// There is none yet.
    Missing,
    /// The file is there but cannot be read.
    Unreadable,
    /// The file is no golden, or not one of this scenario.
    Corrupt,
}

/// A golden that cannot be used; the text names the file and the command that makes a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldenError {
    /// What is wrong with it.
    pub kind: GoldenErrorKind,
    text: String,
}

impl fmt::Display for GoldenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for GoldenError {}

/// The files of a scenario's golden.
fn paths(folder: &Path, name: &str) -> [PathBuf; 2] {
    ["capture.toml", "timing.toml"].map(|file| folder.join(name).join(file))
}

/// Reads the golden of a scenario from `folder/<name>/`.
///
/// # Errors
/// When a file is missing, unreadable or corrupt; see [`GoldenError`].
pub fn load(folder: &Path, file: &ScenarioFile) -> Result<Golden, GoldenError> {
    let [capture, timing] = paths(folder, file.name());
    let error = |path: &Path, kind, what: &str| GoldenError {
        kind,
        text: format!(
            "golden {} {what}; to make it anew: cargo xtask bless --filter {}",
            path.display(),
            file.name()
        ),
    };
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|failure| {
            if failure.kind() == std::io::ErrorKind::NotFound {
                error(path, GoldenErrorKind::Missing, "is missing")
            } else if failure.kind() == std::io::ErrorKind::InvalidData {
                error(
                    path,
                    GoldenErrorKind::Corrupt,
                    "is corrupt: it is no UTF-8 text",
                )
            } else {
                let what = format!("cannot be read: {failure}");
                error(path, GoldenErrorKind::Unreadable, &what)
            }
        })
    };
    let corrupt = |path: &Path| {
        let path = path.to_owned();
        move |what: String| {
            error(
                &path,
                GoldenErrorKind::Corrupt,
                &format!("is corrupt: {what}"),
            )
        }
    };
    Ok(Golden {
        capture: CaptureGolden::parse(&read(&capture)?, &file.scenario)
            .map_err(corrupt(&capture))?,
        timing: TimingGolden::parse(&read(&timing)?).map_err(corrupt(&timing))?,
    })
}

/// A TOML error in one line: place and message.
fn toml_error(text: &str, error: &toml::de::Error) -> String {
    let line = error
        .span()
        .map_or(1, |span| 1 + text[..span.start].matches('\n').count());
    format!("line {line}: {}", error.message().trim_end())
}

#[cfg(test)]
mod tests;
