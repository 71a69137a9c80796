//! Verdicts: what the evidence proves, and never more.

use serde::Serialize;
use waverig_protocol::Program;
use waverig_protocol::noise::Noise;

use crate::Evidence;
use crate::check::{self, Context};
use crate::golden::{Golden, GoldenError};
use crate::scenario::ScenarioFile;

/// What was found out. The order is from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The evidence shows that it is right.
    Passed,
    /// There is no evidence either way.
    NotProven,
    /// There is evidence, but the run that gave it was disturbed.
    Inconclusive,
    /// The evidence shows that it is wrong.
    Failed,
}

impl Verdict {
    /// Of evidence that is there: passed when it shows that all is right, else failed.
    pub fn of(right: bool) -> Self {
        if right { Self::Passed } else { Self::Failed }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::NotProven => "not proven",
            Self::Inconclusive => "inconclusive",
            Self::Failed => "failed",
        }
    }
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// The check's id.
    pub id: &'static str,
    /// The program it looked at.
    #[serde(skip_serializing_if = "Program::is_main")]
    pub program: Program,
    /// Its verdict.
    pub verdict: Verdict,
    /// What is still right, with units.
    pub limit: String,
    /// What was measured, with units.
    pub observed: String,
    /// What happened, when it is not right or not proven; else empty.
    pub explanation: String,
}

impl CheckResult {
    /// The check's id, with the program when it is not the main one: `capture-exact of tap-client-1`.
    pub fn name(&self) -> String {
        match self.program {
            Program::Main => self.id.to_owned(),
            other => format!("{} of {other}", self.id),
        }
    }
}

/// What was run, the same for all scenarios.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunInfo {
    /// Kind of machine: `sim`, `qemu`, ….
    pub machine: String,
    /// What ran there.
    pub system: String,
    /// SHA-256 of the driver file that was loaded, lower-case hexadecimal.
    pub driver_sha256: String,
    /// The run's seed.
    pub seed: u64,
    /// The endpoints it lists once the package is installed.
    pub endpoints: Vec<String>,
    /// What this kind of machine cannot prove.
    pub cannot_prove: Vec<String>,
    /// How the machine was run.
    pub remarks: Vec<String>,
}

impl RunInfo {
    /// The command that runs one scenario again.
    pub fn replay(&self, scenario: &str) -> String {
        format!(
            "cargo xtask vm-test --machine {} --filter {scenario} --seed {}",
            self.machine, self.seed
        )
    }
}

/// What was found out about one scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScenarioReport {
    /// The scenario's name.
    pub scenario: String,
    /// What it shows.
    pub about: String,
    /// The worst verdict of its checks.
    pub verdict: Verdict,
    /// Each check that applies to it.
    pub checks: Vec<CheckResult>,
    /// How late the machine's own timers were at most, where its time is real.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// The crash report in one line, if there was a crash.
    pub fault: Option<String>,
    /// The crash and the broken rules as people read them, in several lines each.
    pub diagnostics: Vec<String>,
    /// What was measured, to look at.
    #[serde(skip)]
    pub pictures: Vec<Picture>,
    /// What was run.
    pub run: RunInfo,
    /// The command that runs it again.
    pub replay: String,
}

/// A picture for the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What it shows.
    pub title: String,
    /// It, as inline SVG.
    pub svg: String,
}

impl ScenarioReport {
    /// The checks people should look at: those that did not pass. After a crash that is the crash alone, because
    /// everything else that did not pass follows from it.
    pub fn complaints(&self) -> impl Iterator<Item = &CheckResult> {
        let crashed = self.fault.is_some();
        self.checks.iter().filter(move |check| {
            check.verdict != Verdict::Passed && (!crashed || check.id == check::NO_FAULT)
        })
    }
}

/// Judges a scenario by all checks that apply to it and its programs.
pub fn judge(
    file: &ScenarioFile,
    evidence: &Evidence,
    golden: Result<&Golden, &GoldenError>,
    run: &RunInfo,
) -> ScenarioReport {
    let evidence = &*check::aligned(file, evidence);
    let contexts = Context::all(file, evidence, golden, run.seed);
    let checks: Vec<_> = contexts
        .iter()
        .flat_map(|context| {
            check::CHECKS
                .iter()
                .filter_map(|check| check.result(context))
        })
        .collect();
    ScenarioReport {
        pictures: check::pictures::of(&contexts, &checks),
        scenario: file.name().to_owned(),
        about: file.scenario.about.clone(),
        verdict: checks
            .iter()
            .map(|check| check.verdict)
            .max()
            .unwrap_or(Verdict::NotProven),
        checks,
        noise: evidence.noise(),
        fault: evidence.fault.as_ref().map(|fault| fault.summary.clone()),
        diagnostics: evidence.diagnostics(),
        run: run.clone(),
        replay: run.replay(file.name()),
    }
}
