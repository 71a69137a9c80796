//! Reports: files per scenario, JUnit and a summary per run, and a summary for the terminal.

mod annotations;
pub(crate) mod diagnostics;
mod escape;
mod files;
mod html;
mod junit;
mod markdown;
mod terminal;

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

pub use annotations::annotations;
pub use files::{write_scenario, write_sweep};
pub use html::html;
pub use junit::junit;
pub use markdown::markdown;
pub use terminal::terminal;

use waverig_protocol::Finding;

use crate::faults::Tally;
use crate::interleave::Interleaved;
use crate::verdict::{CheckResult, RunInfo, ScenarioReport, Verdict};

/// What a whole run found.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// What was run.
    pub run: RunInfo,
    /// The scenarios, in the order they ran.
    pub scenarios: Vec<ScenarioReport>,
    /// What went wrong outside of a scenario: a refused package, a machine that did not boot, a leak at unload.
    pub problems: Vec<Problem>,
    /// What came of services that failed, when that was tried.
    pub faults: Option<Tally>,
    /// What came of interleavings of two processors, when that was tried.
    pub interleaved: Option<Interleaved>,
    /// How long each scenario took on the host, in the same order; may be empty.
    pub durations: Vec<Duration>,
}

/// Something that went wrong outside of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What, in a few words.
    pub title: String,
    /// What exactly, where, and what to do.
    pub text: String,
    /// The same as people read it, in several lines; may be empty.
    pub shown: String,
}

impl From<&Finding> for Problem {
    /// A rule that was broken while no scenario ran.
    fn from(finding: &Finding) -> Self {
        let place = finding
            .place
            .as_ref()
            .map(|place| format!(" at {place}"))
            .unwrap_or_default();
        Self {
            title: finding.rule.clone(),
            text: format!("{}{place} (rule: {})", finding.text, finding.source),
            shown: finding.words(),
        }
    }
}

impl RunReport {
    /// The worst verdict; a problem is a failure, and a run without scenarios proves nothing.
    pub fn verdict(&self) -> Verdict {
        let faults = self.faults.as_ref().map(Tally::verdict);
        let interleaved = self.interleaved.as_ref().map(Interleaved::verdict);
        if !self.problems.is_empty() || [faults, interleaved].contains(&Some(Verdict::Failed)) {
            return Verdict::Failed;
        }
        self.scenarios
            .iter()
            .map(|each| each.verdict)
            .max()
            .unwrap_or(Verdict::NotProven)
    }

    fn duration(&self, index: usize) -> Duration {
        self.durations.get(index).copied().unwrap_or_default()
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.scenarios
            .iter()
            .filter(|each| each.verdict == verdict)
            .count()
    }

    /// The checks of all scenarios that did not pass.
    fn complaints(&self) -> impl Iterator<Item = (&ScenarioReport, &CheckResult)> {
        self.scenarios
            .iter()
            .flat_map(|scenario| scenario.complaints().map(move |check| (scenario, check)))
    }
}

/// Writes `junit.xml`, `summary.md` and `report.html` into a folder, which is made when it is not there.
///
/// # Errors
/// Names the file that could not be written.
pub fn write_run(folder: &Path, report: &RunReport) -> io::Result<()> {
    let junit = junit(report).map_err(io::Error::other)?;
    write(folder, "junit.xml", &junit)?;
    write(folder, "report.html", html(report).as_bytes())?;
    write(folder, "summary.md", markdown(report).as_bytes())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = folder.join(name);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&path, bytes))
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot write {}: {error}", path.display()),
            )
        })
}

#[cfg(test)]
mod tests;
