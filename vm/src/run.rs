//! One run: the steps every kind of machine goes through, in order.

use std::fs;
use std::path::Path;
use std::time::Duration;

use waverig_protocol::scenario::Scenario;
use waverig_protocol::{PROTOCOL_VERSION, Reply, Request};

use crate::{CapturePiece, Crash, Link, LinkError, Machine, Outcome};

/// What is installed and played.
pub struct Job<'a> {
    /// Folder that holds the driver package; every file in it is staged.
    pub package: &'a Path,
    /// File name of the INF in it.
    pub inf: &'a str,
    /// Hardware id of the device node.
    pub hardware_id: &'a str,
    /// Certificate the machine shall trust, DER.
    pub certificate: &'a [u8],
    /// What is played; `None` installs and removes only.
    pub scenario: Option<&'a Scenario>,
    /// Seeds what the machine may choose freely.
    pub seed: u64,
    /// How long each step may take.
    pub deadline: Duration,
}

/// Runs `job` on a fresh `machine`; evidence the machine writes itself goes to `evidence`.
///
/// Nothing the machine does is an error here: a refusal, a crash or a missed deadline is part of the outcome.
///
/// # Errors
/// When a file of the package cannot be read.
pub fn run(machine: &dyn Machine, job: &Job<'_>, evidence: &Path) -> std::io::Result<Outcome> {
    let files = package_files(job.package)?;
    let mut outcome = Outcome::default();
    let mut step = "boot";
    if let Err(error) = steps(machine, job, files, evidence, &mut outcome, &mut step) {
        // A machine that could still report has the better story; the broken line is only its echo.
        outcome.crash.get_or_insert_with(|| Crash {
            step,
            summary: error.to_string(),
            report: None,
        });
    }
    Ok(outcome)
}

fn package_files(folder: &Path) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push((
                entry.file_name().to_string_lossy().into_owned(),
                fs::read(entry.path())?,
            ));
        }
    }
    files.sort();
    Ok(files)
}

fn steps(
    machine: &dyn Machine,
    job: &Job<'_>,
    files: Vec<(String, Vec<u8>)>,
    evidence: &Path,
    outcome: &mut Outcome,
    step: &mut &'static str,
) -> Result<(), LinkError> {
    let mut guest = Guest {
        link: machine.boot(evidence)?,
        deadline: job.deadline,
        outcome,
        step,
    };
    guest.ask(
        "boot",
        &Request::Hello {
            version: PROTOCOL_VERSION,
        },
        &[],
    )?;
    guest.ask("trust", &Request::Trust, job.certificate)?;
    for (name, bytes) in files {
        guest.ask("stage", &Request::Stage { name }, &bytes)?;
    }
    let install = Request::Install {
        inf: job.inf.into(),
        hardware_id: job.hardware_id.into(),
    };
    guest.ask("install", &install, &[])?;
    if guest.outcome.installed.is_some() {
        if let Some(scenario) = job.scenario {
            let run = Request::Run {
                scenario: scenario.clone(),
                seed: job.seed,
            };
            guest.ask("run", &run, &[])?;
        }
        guest.ask("remove", &Request::Remove, &[])?;
    }
    guest.ask("shutdown", &Request::Shutdown, &[])?;
    guest.outcome.complete = guest.outcome.refused.is_none();
    Ok(())
}

/// A booted machine and where its replies go.
struct Guest<'a> {
    link: Link,
    deadline: Duration,
    outcome: &'a mut Outcome,
    step: &'a mut &'static str,
}

impl Guest<'_> {
    fn ask(
        &mut self,
        step: &'static str,
        request: &Request,
        payload: &[u8],
    ) -> Result<(), LinkError> {
        *self.step = step;
        let outcome = &mut *self.outcome;
        let mut crashed = false;
        self.link
            .request(request, payload, self.deadline, |reply, payload| {
                crashed |= matches!(reply, Reply::Fault { .. });
                record(outcome, step, reply, payload);
            })?;
        if crashed {
            return Err(LinkError("the machine crashed".into()));
        }
        Ok(())
    }
}

fn record(outcome: &mut Outcome, step: &'static str, reply: Reply, payload: Vec<u8>) {
    match reply {
        Reply::Ready(info) => outcome.machine = Some(info),
        Reply::Installed(installed) => outcome.installed = Some(installed),
        Reply::Refused(refusal) => outcome.refused = Some(refusal.reason),
        Reply::Events { events } => outcome.events.extend(events),
        Reply::Capture { first_frame } => outcome.capture.push(CapturePiece {
            first_frame,
            bytes: payload,
        }),
        Reply::Finding(finding) => outcome.findings.push(finding),
        Reply::Fault { summary, text } => {
            outcome.crash = Some(Crash {
                step,
                summary,
                report: Some(text),
            });
        }
        Reply::Done | Reply::Log { .. } => {}
    }
}
