//! Goldens: what came out when it was right, kept as the play list that regenerates it, its hash, and its timing.

mod bless;
mod capture;
mod record;
mod sweep;
mod timing;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

pub use bless::{BlessError, Blessing, bless, bless_sweep};
pub use capture::CaptureGolden;
pub(crate) use capture::{audio, format_name, sample_name};
pub use record::{Given, GoldenRecorder, RecordGolden};
pub use sweep::SweepGolden;
pub use timing::TimingGolden;

use crate::scenario::ScenarioFile;

/// The goldens of one scenario.
#[derive(Clone, Debug)]
pub struct Golden {
    /// What came out of the tap.
    pub capture: CaptureGolden,
    /// When notifications came and positions were asked for.
    pub timing: TimingGolden,
    /// What recorders were given; `None` when there are none.
    pub record: Option<RecordGolden>,
    /// What came out of the main tap of those that play on its cable after the main player; `None` when there are none.
    pub players: Option<RecordGolden>,
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
fn paths(folder: &Path, name: &str) -> [PathBuf; 4] {
    let files = ["capture.toml", "timing.toml", "record.toml", "players.toml"];
    files.map(|file| folder.join(name).join(file))
}

/// The file of a sweep's golden.
fn sweep_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(name).join("sweep.txt")
}

/// Stands for the golden of one format: its sweep has one for all.
pub(crate) fn own_golden() -> GoldenError {
    GoldenError {
        kind: GoldenErrorKind::Missing,
        text: "a sweep's golden is compared with the whole".into(),
    }
}

/// Reads the golden of a scenario from `folder/<name>/`.
///
/// # Errors
/// When a file is missing, unreadable or corrupt; see [`GoldenError`].
pub fn load(folder: &Path, file: &ScenarioFile) -> Result<Golden, GoldenError> {
    let [capture, timing, record, players] = paths(folder, file.name());
    let given = |path: &Path, of: Given, count: usize| match count {
        0 => Ok(None),
        _ => parsed(path, file, |text| RecordGolden::parse(text, of, count)).map(Some),
    };
    let later = file.scenario.players_on(1).len() - 1;
    Ok(Golden {
        capture: parsed(&capture, file, |text| {
            CaptureGolden::parse(text, &file.scenario)
        })?,
        timing: parsed(&timing, file, TimingGolden::parse)?,
        record: given(
            &record,
            Given::Recorders,
            file.scenario.recorders_given().len(),
        )?,
        players: given(&players, Given::Players, later)?,
    })
}

/// Reads the golden of a sweep from `folder/<name>/`.
///
/// # Errors
/// As [`load`].
pub fn load_sweep(folder: &Path, file: &ScenarioFile) -> Result<SweepGolden, GoldenError> {
    parsed(&sweep_path(folder, file.name()), file, SweepGolden::parse)
}

fn parsed<T>(
    path: &Path,
    file: &ScenarioFile,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, GoldenError> {
    let error = |kind, what: &str| GoldenError {
        kind,
        text: format!(
            "golden {} {what}; to make it anew: cargo xtask bless --filter {}",
            path.display(),
            file.name()
        ),
    };
    let text = fs::read_to_string(path).map_err(|failure| match failure.kind() {
        std::io::ErrorKind::NotFound => error(GoldenErrorKind::Missing, "is missing"),
        std::io::ErrorKind::InvalidData => {
            error(GoldenErrorKind::Corrupt, "is corrupt: it is no UTF-8 text")
        }
        _ => error(
            GoldenErrorKind::Unreadable,
            &format!("cannot be read: {failure}"),
        ),
    })?;
    parse(&text).map_err(|what| error(GoldenErrorKind::Corrupt, &format!("is corrupt: {what}")))
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
