//! Plays scenarios on a machine, several at a time, each on a fresh one.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use waverig_ci::report::Problem;
use waverig_ci::scenario::{ScenarioFile, load_all, select};
use waverig_ci::{Evidence, RunInfo};
use waverig_package::Sha256Digest;
use waverig_protocol::Severity;
use waverig_protocol::device::Device;
use waverig_protocol::scenario::Scenario;
use waverig_vm::Machine;
use waverig_vm::run::{Ending, Job, Part, run};

use crate::context::Context;
use crate::layout;
use crate::machine;
use crate::signer;
use crate::spread::spread;
use crate::stop::Usage;
use crate::verbs::Options;
use crate::verbs::package::{self, NAME};

/// How long a machine may take for one step. The simulator needs well under a second; the rest is for a busy host.
const DEADLINE: Duration = Duration::from_secs(120);

/// What is to be played, and on what.
pub(crate) struct Plan {
    pub(crate) machine: String,
    pub(crate) files: Vec<ScenarioFile>,
    pub(crate) goldens: PathBuf,
    pub(crate) seed: u64,
}

impl Plan {
    /// Reads the scenarios and checks every name the command line gives.
    ///
    /// # Errors
    /// A name that does not exist is wrong use; a scenario file that is wrong is named with its line.
    pub(crate) fn new(context: &Context, options: &Options) -> Result<Self> {
        let machine = options.machine.clone().unwrap_or_else(|| "auto".into());
        machine::check(&machine)?;
        let all = load_all(&context.layout.scenarios())?;
        let files =
            select(&all, options.filter.as_deref()).map_err(|error| Usage(error.to_string()))?;
        Ok(Self {
            machine,
            files,
            goldens: options
                .goldens
                .clone()
                .unwrap_or_else(|| context.layout.goldens()),
            seed: options.seed.unwrap_or(1),
        })
    }
}

/// One scenario that was played.
pub(crate) struct PlayedScenario {
    pub(crate) file: ScenarioFile,
    pub(crate) folder: PathBuf,
    /// What was observed; of a sweep, what belongs to none of its formats.
    pub(crate) evidence: Evidence,
    /// Of a sweep, what each of its formats gave.
    pub(crate) formats: Vec<Evidence>,
    pub(crate) duration: Duration,
}

/// All that was played.
pub(crate) struct Played {
    pub(crate) run: RunInfo,
    /// What went wrong outside of a scenario.
    pub(crate) problems: Vec<Problem>,
    /// In the order of the plan; empty when the installation gave nothing to play on.
    pub(crate) runs: Vec<PlayedScenario>,
}

/// Installs the package once by itself, then plays every scenario of the plan.
///
/// # Errors
/// When the package cannot be read or evidence cannot be written.
pub(crate) fn play(context: &Context, machine: &dyn Machine, plan: &Plan) -> Result<Played> {
    let runs = context.layout.runs(machine.kind());
    layout::make(&runs)?;
    let certificate = signer::load(context, None)?.certificate().der().to_vec();
    let folder = context.layout.package();
    let device = Device::default();
    let deadline = context.trial.deadline.unwrap_or(DEADLINE);
    let job = Job {
        seed: plan.seed,
        ..package::job(&folder, &certificate, &device, deadline)
    };
    let (install, _) = one(machine, &job, &runs.join("install"), false)?;
    let installed = install.installed.as_ref();
    let mut played = Played {
        run: RunInfo {
            machine: machine.kind().into(),
            system: install.machine.system.clone(),
            driver_sha256: installed.map_or_else(String::new, |it| it.driver_sha256.clone()),
            seed: plan.seed,
            endpoints: installed
                .iter()
                .flat_map(|it| &it.endpoints)
                .map(|endpoint| format!("{} ({})", endpoint.name, endpoint.form_factor))
                .collect(),
            cannot_prove: vec![machine.cannot_prove().into()],
            remarks: Vec::new(),
        },
        problems: install_problems(&folder, &install, &runs.join("install"))?,
        runs: Vec::new(),
    };
    // Without an endpoint nothing can be played, and each scenario would only say so again.
    if !played.run.endpoints.is_empty() && install.incomplete.is_none() {
        context.ui.say(
            "play",
            &format!("{} scenarios on {}", plan.files.len(), played.run.system),
        );
        played.runs = all(context, machine, &job, plan, &runs)?;
    }
    played.run.remarks = machine.remarks();
    Ok(played)
}

/// Installs the package and looks at what the device offers; nothing is played.
///
/// # Errors
/// When the package cannot be read or evidence cannot be written.
pub(crate) fn inspect(context: &Context, machine: &dyn Machine) -> Result<Evidence> {
    let runs = context.layout.runs(machine.kind());
    layout::make(&runs)?;
    let certificate = signer::load(context, None)?.certificate().der().to_vec();
    let (folder, device) = (context.layout.package(), Device::default());
    let job = Job {
        inspect: true,
        ..package::job(&folder, &certificate, &device, DEADLINE)
    };
    Ok(one(machine, &job, &runs.join("inspect"), false)?.0)
}

/// Plays one scenario, each step within `deadline`.
///
/// # Errors
/// When the package cannot be read or evidence cannot be written.
pub(crate) fn one_scenario(
    context: &Context,
    machine: &dyn Machine,
    file: &ScenarioFile,
    seed: u64,
    deadline: Duration,
) -> Result<PlayedScenario> {
    let runs = context.layout.runs(machine.kind());
    layout::make(&runs)?;
    let certificate = signer::load(context, None)?.certificate().der().to_vec();
    let (folder, device) = (context.layout.package(), Device::default());
    let job = Job {
        seed,
        ..package::job(&folder, &certificate, &device, deadline)
    };
    scenario(machine, &job, file, &runs.join(file.name()))
}

/// Plays the scenarios, as many at a time as the host has processors.
fn all(
    context: &Context,
    machine: &dyn Machine,
    job: &Job<'_>,
    plan: &Plan,
    runs: &Path,
) -> Result<Vec<PlayedScenario>> {
    let ui = &context.ui;
    let results = spread(&plan.files, |_, file| {
        let result = scenario(machine, job, file, &runs.join(file.name()));
        if let Ok(played) = &result {
            let seconds = played.duration.as_secs_f32();
            ui.say("", &format!("{} in {seconds:.2} s", file.name()));
        }
        result
    });
    results.into_iter().collect()
}

fn scenario(
    machine: &dyn Machine,
    job: &Job<'_>,
    file: &ScenarioFile,
    folder: &Path,
) -> Result<PlayedScenario> {
    let start = Instant::now();
    let parts = file.parts().into_iter().map(|part| part.scenario);
    let scenarios: Vec<Scenario> = parts.collect();
    let job = Job {
        device: &file.scenario.device,
        scenarios: &scenarios,
        ..*job
    };
    let (evidence, formats) = one(machine, &job, folder, file.sweep.is_some())?;
    Ok(PlayedScenario {
        file: file.clone(),
        folder: folder.to_owned(),
        evidence,
        formats,
        duration: start.elapsed(),
    })
}

/// One run on a fresh machine: what was observed, and when it is `apart`, what each scenario gave by itself.
fn one(
    machine: &dyn Machine,
    job: &Job<'_>,
    folder: &Path,
    apart: bool,
) -> Result<(Evidence, Vec<Evidence>)> {
    layout::fresh(folder)?;
    let mut whole = Evidence::none();
    let mut parts: Vec<Evidence> = Vec::new();
    let ending = run(machine, job, folder, &mut |part, reply, payload| {
        let place = match part {
            Part::Scenario(index) if apart => {
                // Each begins with what is known of the machine.
                parts.resize_with(parts.len().max(index + 1), || {
                    Evidence::on(whole.machine.clone(), whole.installed.clone())
                });
                &mut parts[index]
            }
            _ => &mut whole,
        };
        place.take(reply, payload);
    })
    .with_context(|| {
        format!(
            "cannot read the package in {}; cargo xtask package makes it anew",
            job.package.display()
        )
    })?;
    if let Ending::Broken { step, part, reason } = ending {
        let reason = format!("at {step}: {reason}");
        match part {
            Part::Scenario(index) if apart => {
                parts.resize_with(parts.len().max(index + 1), || {
                    Evidence::on(whole.machine.clone(), whole.installed.clone())
                });
                parts[index].ended_early(&reason);
            }
            _ => whole.ended_early(&reason),
        }
    }
    Ok((whole, parts))
}

/// What is wrong with the installation alone. The report of a crash goes to `folder`.
///
/// # Errors
/// When the package cannot be read or that report cannot be written.
pub(crate) fn install_problems(
    package: &Path,
    evidence: &Evidence,
    folder: &Path,
) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let mut shown = |title: &str, text: String, shown: String| {
        problems.push(Problem {
            title: title.into(),
            text,
            shown,
        });
    };
    if let Some(fault) = &evidence.fault {
        let path = folder.join("report.txt");
        let written = std::fs::write(&path, &fault.text)
            .and_then(|()| std::fs::write(path.with_extension("json"), &fault.json));
        written.with_context(|| format!("cannot write {}", path.display()))?;
        let text = format!(
            "{}; stack, registers and last calls: {}",
            fault.summary,
            path.display()
        );
        shown("the machine crashed", text, fault.head().to_owned());
    }
    for finding in &evidence.findings {
        if finding.severity == Severity::Error {
            let place = finding.place.as_deref().unwrap_or("unknown place");
            shown(
                &format!("the driver broke the rule {}", finding.rule),
                format!("{} ({place}; {})", finding.text, finding.source),
                finding.words(),
            );
        }
    }
    let mut problem = |title: &str, text: String| shown(title, text, String::new());
    if let Some(reason) = &evidence.refused {
        problem(
            "the machine refused the package",
            format!("{reason}; cargo xtask package makes it anew"),
        );
    }
    if let (None, None, Some(reason)) = (&evidence.fault, &evidence.refused, &evidence.incomplete) {
        problem("the run did not end well", reason.clone());
    }
    if let Some(installed) = &evidence.installed {
        let image = package.join(format!("{NAME}.sys"));
        let bytes =
            std::fs::read(&image).with_context(|| format!("cannot read {}", image.display()))?;
        let shipped = Sha256Digest::of(&bytes).to_string();
        if installed.driver_sha256 != shipped {
            problem(
                "the driver that was loaded is not the one in the package",
                format!(
                    "loaded {}, {} is {shipped}",
                    installed.driver_sha256,
                    image.display()
                ),
            );
        }
        if installed.endpoints.is_empty() {
            problem(
                "the machine lists no endpoint of the device",
                "the findings above and machine.log say which rule failed".into(),
            );
        }
    }
    Ok(problems)
}
