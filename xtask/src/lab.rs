//! What verbs share that live through many machines with the package that is there, and want to know what breaks a rule.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use waverig_protocol::device::Device;
use waverig_protocol::{Reply, Severity};
use waverig_vm::Machine;
use waverig_vm::run::{Ending, Job, Part, run};

use crate::context::Context;
use crate::signer;
use crate::subject::{self, Subject};
use crate::verbs::package::{self, Driver};
use crate::{layout, machine};

/// The simulator, the package, and who signed it.
pub(crate) struct Lab {
    machine: Box<dyn Machine>,
    /// File name of the INF, the hardware id, and the image when it is in no package.
    inf: String,
    hardware_id: String,
    unsigned: Option<String>,
    package: PathBuf,
    certificate: Vec<u8>,
    runs: PathBuf,
}

impl Lab {
    /// With the package that is there, else with a new one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn new(context: &Context) -> Result<Self> {
        Self::on(context, machine::select(context, "sim")?)
    }

    /// The same on a simulator that was built otherwise.
    ///
    /// # Errors
    /// When the package cannot be made.
    pub(crate) fn on(context: &Context, machine: Box<dyn Machine>) -> Result<Self> {
        package::ensure(context)?;
        Self::with(context, machine, &package::WAVERIG)
    }

    /// With whatever driver the command line names.
    ///
    /// # Errors
    /// When its package cannot be made, or a file cannot be read.
    pub(crate) fn about(context: &Context, subject: &Subject) -> Result<Self> {
        let machine = machine::select(context, "sim")?;
        let package = subject.prepare(context)?;
        let lab = Self::with(context, machine, &package::WAVERIG)?;
        Ok(match subject {
            Subject::Own(driver) => Self {
                inf: driver.inf.into(),
                hardware_id: driver.hardware_id.into(),
                package,
                ..lab
            },
            Subject::Other { driver, inf } => Self {
                inf: subject::name(inf),
                hardware_id: String::new(),
                unsigned: Some(subject::name(driver)),
                package,
                ..lab
            },
        })
    }

    /// With the package of one of the drivers, which is there.
    ///
    /// # Errors
    /// Without a machine, or with a certificate that is damaged.
    pub(crate) fn of(context: &Context, driver: &'static Driver) -> Result<Self> {
        Self::with(context, machine::select(context, "sim")?, driver)
    }

    fn with(context: &Context, machine: Box<dyn Machine>, driver: &'static Driver) -> Result<Self> {
        Ok(Self {
            runs: context.layout.runs(machine.kind()),
            machine,
            inf: driver.inf.into(),
            hardware_id: driver.hardware_id.into(),
            unsigned: None,
            package: driver.package(&context.layout),
            certificate: signer::load(context, None)?.certificate().der().to_vec(),
        })
    }

    /// Where a machine of this name leaves its evidence.
    pub(crate) fn folder(&self, name: &str, number: usize) -> PathBuf {
        self.runs.join(format!("{name}-{number}"))
    }

    /// Installs the package on such a device; what else is done, the caller adds.
    pub(crate) fn job<'a>(&'a self, device: &'a Device, deadline: Duration) -> Job<'a> {
        Job {
            inf: &self.inf,
            hardware_id: &self.hardware_id,
            unsigned: self.unsigned.as_deref(),
            ..package::job(&self.package, &self.certificate, device, deadline)
        }
    }

    /// Runs a job on a fresh machine, whose evidence goes to `folder`; `each` gets what the machine says. What it complains of is the
    /// result: broken rules, a crash, a refusal, and when it says nothing of that kind, that it did not come to its end.
    ///
    /// # Errors
    /// When the package cannot be read.
    pub(crate) fn run(
        &self,
        job: &Job<'_>,
        folder: &Path,
        each: &mut dyn FnMut(Reply),
    ) -> Result<Vec<String>> {
        self.run_with(job, folder, &mut |_, reply, _| each(reply))
    }

    /// The same for who wants to know what a reply is about, and what comes with it.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) fn run_with(
        &self,
        job: &Job<'_>,
        folder: &Path,
        each: &mut dyn FnMut(Part, Reply, Vec<u8>),
    ) -> Result<Vec<String>> {
        layout::fresh(folder)?;
        let mut texts = Vec::new();
        let ending = run(
            &*self.machine,
            job,
            folder,
            &mut |part, reply, payload| match reply {
                Reply::Finding(finding) if finding.severity == Severity::Error => {
                    texts.push(finding.words());
                }
                Reply::Fault { text, .. } => texts.push(text),
                Reply::Refused(refusal) => texts.push(refusal.reason),
                other => each(part, other, payload),
            },
        )
        .with_context(|| {
            format!(
                "cannot read what is installed, in {}; cargo xtask package makes the product's package anew",
                self.package.display()
            )
        })?;
        if let Ending::Broken { step, reason, .. } = ending
            && texts.is_empty()
        {
            texts.push(format!("at {step}: {reason}"));
        }
        Ok(texts)
    }
}
