//! One run: the steps every kind of machine goes through, in order.

use std::fs;
use std::path::Path;
use std::time::Duration;

use waverig_protocol::device::Device;
use waverig_protocol::fault::Lives;
use waverig_protocol::fuzz::Round;
use waverig_protocol::interleave::Order;
use waverig_protocol::noise::Time;
use waverig_protocol::scenario::Scenario;
use waverig_protocol::{Finding, PROTOCOL_VERSION, Refusal, Reply, Request, Severity, hash};

use crate::{Link, LinkError, Machine};

/// Waits that say how late a machine's timers are, before and after each scenario: half a second each.
const WAITS: u32 = 500;

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
    /// File name of an image that is tried out as it is, unsigned and in no package; the hardware id is then the first of the INF.
    pub unsigned: Option<&'a str>,
    /// How the device is set up.
    pub device: &'a Device,
    /// What is played, one after the other; nothing installs and removes only.
    pub scenarios: &'a [Scenario],
    /// Whether to look at what the installed device offers.
    pub inspect: bool,
    /// What hostile programs do afterwards.
    pub round: Option<&'a Round>,
    /// Lives in which services fail.
    pub lives: Option<&'a Lives>,
    /// Which interleavings of two processors are tried afterwards.
    pub order: Option<&'a Order>,
    /// Seeds what the machine may choose freely.
    pub seed: u64,
    /// How long each step may take.
    pub deadline: Duration,
}

impl<'a> Job<'a> {
    /// Installs the package and removes it again; what else is to happen, whoever makes it says.
    #[must_use]
    pub fn new(
        package: &'a Path,
        (inf, hardware_id): (&'a str, &'a str),
        certificate: &'a [u8],
        device: &'a Device,
        deadline: Duration,
    ) -> Self {
        Self {
            package,
            inf,
            hardware_id,
            certificate,
            unsigned: None,
            device,
            scenarios: &[],
            inspect: false,
            round: None,
            lives: None,
            order: None,
            seed: 0,
            deadline,
        }
    }
}

/// What a reply is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The machine: booting, installing, removing.
    Machine,
    /// The scenario of this index.
    Scenario(usize),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every step that was called for was carried out, removal and shut-down included.
    Complete,
    /// The machine gave no (further) answer, or reported that it crashed.
    Broken {
        /// The step it was in: `install`, `run`, ….
        step: &'static str,
        /// What that step was about.
        part: Part,
        /// What happened.
        reason: String,
    },
}

/// Runs `job` on a fresh `machine`; `each` gets every reply with what it is about and its payload, in order. Evidence the machine writes
/// itself goes to `evidence`.
///
/// Nothing the machine does is an error here: a refusal, a crash or a missed deadline is how it went.
///
/// # Errors
/// When a file of the package cannot be read.
pub fn run(
    machine: &dyn Machine,
    job: &Job<'_>,
    evidence: &Path,
    each: &mut dyn FnMut(Part, Reply, Vec<u8>),
) -> std::io::Result<Ending> {
    let files = package_files(job.package)?;
    let mut step = ("boot", Part::Machine);
    Ok(
        match steps(machine, job, files, evidence, each, &mut step) {
            Ok(()) => Ending::Complete,
            Err(error) => Ending::Broken {
                step: step.0,
                part: step.1,
                reason: error.to_string(),
            },
        },
    )
}

pub(crate) fn package_files(folder: &Path) -> std::io::Result<Vec<(String, Vec<u8>)>> {
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
    each: &mut dyn FnMut(Part, Reply, Vec<u8>),
    step: &mut (&'static str, Part),
) -> Result<(), LinkError> {
    let mut guest = Guest {
        link: machine.boot(evidence)?,
        deadline: job.deadline,
        each,
        step,
        time: Time::Virtual,
        wrong: false,
        left: false,
    };
    let session = guest.session(job, files);
    let ended = session.and_then(|()| guest.leftovers(job.hardware_id));
    // Why, the operating system may have written down.
    if guest.time == Time::Real && (guest.wrong || ended.is_err()) {
        for line in guest.link.collect(job.deadline) {
            (guest.each)(Part::Machine, Reply::Log { line }, Vec::new());
        }
    }
    ended?;
    let Guest {
        link, each, left, ..
    } = guest;
    if left {
        if let Some(line) = link.retire() {
            each(Part::Machine, Reply::Log { line }, Vec::new());
        }
    } else {
        link.finish(job.deadline);
    }
    Ok(())
}

/// A booted machine and where its replies go.
struct Guest<'a> {
    link: Link,
    deadline: Duration,
    each: &'a mut dyn FnMut(Part, Reply, Vec<u8>),
    step: &'a mut (&'static str, Part),
    /// Whose time the machine measures in.
    time: Time,
    /// Whether a rule was broken, or anything but a scenario refused: of a scenario the refusal itself says why.
    wrong: bool,
    /// Whether the session left something in the machine.
    left: bool,
}

impl Guest<'_> {
    /// From the first word to the last; whatever the machine refuses, the session goes on to its end.
    fn session(&mut self, job: &Job<'_>, files: Vec<(String, Vec<u8>)>) -> Result<(), LinkError> {
        let hello = Request::Hello {
            version: PROTOCOL_VERSION,
        };
        self.ask("boot", &hello, &[])?;
        self.ask("trust", &Request::Trust, job.certificate)?;
        self.stage(files)?;
        let install = match job.unsigned {
            Some(driver) => Request::TryOut {
                driver: driver.into(),
                inf: job.inf.into(),
            },
            None => Request::Install {
                inf: job.inf.into(),
                hardware_id: job.hardware_id.into(),
                device: Box::new(job.device.clone()),
            },
        };
        if self.ask("install", &install, &[])? {
            if job.inspect {
                self.ask("inspect", &Request::Inspect, &[])?;
            }
            for (index, scenario) in job.scenarios.iter().enumerate() {
                self.noise(index)?;
                let run = Request::Run {
                    scenario: Box::new(scenario.clone()),
                    seed: job.seed,
                };
                self.ask_about(Part::Scenario(index), "run", &run, &[])?;
                self.noise(index)?;
            }
            if let Some(round) = job.round {
                let round = round.clone();
                self.ask("fuzz", &Request::Fuzz { round }, &[])?;
            }
            if let Some(lives) = job.lives {
                let lives = Box::new(lives.clone());
                self.ask("faults", &Request::Faults { lives }, &[])?;
            }
            if let Some(order) = job.order {
                let order = order.clone();
                self.ask("interleave", &Request::Interleave { order }, &[])?;
            }
            self.ask("remove", &Request::Remove, &[])?;
        }
        self.ask("shutdown", &Request::Shutdown, &[])?;
        Ok(())
    }

    /// Has the machine take the package from its payload disk, if it has one with these files, else over the line. A guest that does not find
    /// them there loses nothing but time: its refusal is told, and what is left comes over the line.
    fn stage(&mut self, files: Vec<(String, Vec<u8>)>) -> Result<(), LinkError> {
        let (mut held, mut refused) = (false, None);
        for (name, bytes) in files {
            if refused.is_none() && self.link.payload().holds(&name, &bytes) {
                held = true;
                let name = name.clone();
                let sha256 = hash::sha256(&bytes);
                let request = Request::StageHeld { name, sha256 };
                refused = self.put(Part::Machine, "stage", &request, &[])?;
                if refused.is_none() {
                    continue;
                }
            }
            self.ask("stage", &Request::Stage { name }, &bytes)?;
        }
        if let Some(Refusal { reason }) = &refused {
            let line = format!("the package comes over the line, not from its disk: {reason}");
            (self.each)(Part::Machine, Reply::Log { line }, Vec::new());
        }
        if held {
            let why = refused.as_ref().map(|refusal| &*refusal.reason);
            self.link.payload().staged(why);
        }
        Ok(())
    }

    /// Whether the machine did it (and did not refuse).
    fn ask(
        &mut self,
        step: &'static str,
        request: &Request,
        payload: &[u8],
    ) -> Result<bool, LinkError> {
        self.ask_about(Part::Machine, step, request, payload)
    }

    /// What a session has left on a real machine is a finding: whoever installs the driver must be able to get rid of it.
    fn leftovers(&mut self, hardware_id: &str) -> Result<(), LinkError> {
        if self.time != Time::Real {
            return Ok(());
        }
        *self.step = ("leftovers", Part::Machine);
        for text in self.link.left(hardware_id, self.deadline)? {
            let finding = Finding {
                rule: "leftovers".into(),
                severity: Severity::Error,
                text,
                place: None,
                source: "docs/machines.md: a session leaves nothing".into(),
                shown: String::new(),
            };
            (self.wrong, self.left) = (true, true);
            (self.each)(Part::Machine, Reply::Finding(finding), Vec::new());
        }
        Ok(())
    }

    /// How late a real machine's own timers are just before or after this scenario; virtual ones never are.
    fn noise(&mut self, scenario: usize) -> Result<(), LinkError> {
        if self.time == Time::Real {
            let request = Request::Noise { waits: WAITS };
            self.ask_about(Part::Scenario(scenario), "noise", &request, &[])?;
        }
        Ok(())
    }

    /// The same, about this; what it refuses is told.
    fn ask_about(
        &mut self,
        part: Part,
        step: &'static str,
        request: &Request,
        payload: &[u8],
    ) -> Result<bool, LinkError> {
        let refused = self.put(part, step, request, payload)?;
        let done = refused.is_none();
        if let Some(refusal) = refused {
            self.wrong |= part == Part::Machine;
            (self.each)(part, Reply::Refused(refusal), Vec::new());
        }
        Ok(done)
    }

    /// Asks, and hands on every reply but a refusal, which it gives.
    fn put(
        &mut self,
        part: Part,
        step: &'static str,
        request: &Request,
        payload: &[u8],
    ) -> Result<Option<Refusal>, LinkError> {
        *self.step = (step, part);
        let mut crash = None;
        let mut refused = None;
        let mut broken = false;
        let (each, time) = (&mut *self.each, &mut self.time);
        self.link
            .request(request, payload, self.deadline, |reply, payload| {
                match &reply {
                    Reply::Fault { summary, .. } => crash = Some(summary.clone()),
                    Reply::Finding(finding) => broken |= finding.severity == Severity::Error,
                    Reply::Ready(info) => *time = info.time,
                    _ => {}
                }
                match reply {
                    Reply::Refused(refusal) => refused = Some(refusal),
                    other => each(part, other, payload),
                }
            })?;
        self.wrong |= broken;
        match crash {
            Some(summary) => Err(LinkError(summary)),
            None => Ok(refused),
        }
    }
}
