//! The machine's side of the protocol: one request at a time over standard input and output.

mod evidence;
mod line;
mod staging;

use std::path::PathBuf;
use std::process::ExitCode;

use waverig_protocol::device::Device as Settings;
use waverig_protocol::fault::Lives;
use waverig_protocol::frame::{self, FrameError};
use waverig_protocol::noise::Time;
use waverig_protocol::scenario::Disturbance;
use waverig_protocol::{Installed, MachineInfo, PROTOCOL_VERSION, Refusal, Reply, Request};

use crate::kernel::{Options, kernel};
use crate::pnp::Device;
use crate::pnp::node::State;
use crate::time::QPC_FREQUENCY;
use crate::user;
use crate::user::journal::{Digester, Journal};
use crate::{coverage, debugger, fuzz, interleave, lives, profile, program, report, sched};
use evidence::Evidence;
use staging::Staging;

/// What its program is told on the command line beside the line itself.
#[derive(Debug, Default)]
pub struct Setup {
    /// Folder with what is to be noted when it is executed, and for what was: [`coverage`].
    pub coverage: Option<PathBuf>,
    /// Folder for what a debugger needs: the machine waits for one before DriverEntry ([`debugger`]).
    pub debugger: Option<PathBuf>,
    /// What PDBs call the folder of the driver's sources, and where that is.
    pub sources: Option<(String, PathBuf)>,
}

impl Setup {
    /// Reads the words behind the verb.
    ///
    /// # Errors
    /// On a word that means nothing.
    pub fn from(words: &[String]) -> Result<Self, String> {
        let mut setup = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let folder = words.next().map(PathBuf::from);
            match (word.as_str(), folder) {
                ("--coverage", Some(folder)) => setup.coverage = Some(folder),
                ("--debugger", Some(folder)) => setup.debugger = Some(folder),
                ("--sources", Some(pair)) => {
                    let pair = pair.to_string_lossy();
                    let Some((prefix, folder)) = pair.split_once('=') else {
                        return Err(format!("--sources takes PREFIX=FOLDER, not {pair}"));
                    };
                    setup.sources = Some((prefix.to_owned(), folder.into()));
                }
                _ => {
                    return Err(format!(
                        "{word} means nothing to a session, or lacks a folder"
                    ));
                }
            }
        }
        Ok(setup)
    }
}

/// Serves the protocol on standard input and output until the host says `Shutdown` or closes the line.
pub fn main_stdio(setup: &Setup) -> ExitCode {
    line::open(std::io::stdout());
    report::set_sink(line::fault);
    if let Some((prefix, folder)) = &setup.sources {
        report::set_sources(prefix, folder);
    }
    if let Some(folder) = &setup.debugger {
        debugger::start(folder);
    }
    if let Some(folder) = &setup.coverage
        && let Err(error) = coverage::start(folder)
    {
        eprintln!("the machine cannot note what is executed: {error:#}");
        return ExitCode::FAILURE;
    }
    if let Err(error) = program::start(Options::default()) {
        eprintln!("the machine cannot start: {error:#}");
        return ExitCode::FAILURE;
    }
    let mut session = Session::default();
    let mut input = std::io::stdin().lock();
    loop {
        match frame::read::<Request>(&mut input) {
            Ok((Request::Shutdown, _)) => {
                // Before the answer: the host may end the process as soon as it has that.
                drop(session);
                coverage::write();
                line::send(&Reply::Done, &[]);
                return ExitCode::SUCCESS;
            }
            Ok((request, payload)) => {
                let reply = session
                    .answer(request, payload)
                    .unwrap_or_else(|reason| Reply::Refused(Refusal { reason }));
                session.evidence.send_printed();
                session.evidence.send_new();
                line::send(&reply, &[]);
            }
            Err(FrameError::Closed) => return ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("the host's request cannot be read: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
}

/// What the host has set up so far.
#[derive(Default)]
struct Session {
    greeted: bool,
    staging: Option<Staging>,
    certificates: Vec<Vec<u8>>,
    /// The nodes on which the package is installed.
    devices: Vec<Device>,
    evidence: Evidence,
    /// Sequence number of the driver's next record.
    recorded: u64,
}

impl Session {
    /// Carries out one request: its final reply, or why it was not carried out.
    fn answer(&mut self, request: Request, payload: Vec<u8>) -> Result<Reply, String> {
        if !self.greeted && !matches!(request, Request::Hello { .. }) {
            return Err("the first request must be Hello".into());
        }
        match request {
            Request::Hello { version } => self.hello(version),
            Request::Trust => {
                self.certificates.push(payload);
                Ok(Reply::Done)
            }
            Request::Stage { name } => {
                self.staging()?.add(&name, &payload)?;
                Ok(Reply::Done)
            }
            Request::StageHeld { name, .. } => Err(format!(
                "{name} cannot be staged from a disk: a simulator has none"
            )),
            Request::Install {
                inf,
                hardware_id,
                device,
            } => self.install(&inf, &hardware_id, &device),
            Request::TryOut { driver, inf } => self.try_out(&driver, &inf),
            Request::Run { scenario, seed } => {
                // What a scenario does to its device happens to the first node.
                let device = self
                    .devices
                    .first()
                    .ok_or("nothing can be played before a package is installed")?;
                let mut target = user::Target::default();
                for device in &self.devices {
                    target.append(device.target()?);
                }
                kernel().random.reseed(seed);
                report::set_replay(&format!(
                    "cargo xtask vm-test --filter {} --seed {seed}",
                    scenario.name
                ));
                profile::start();
                let journal = Journal::new(line::ToHost);
                if let Some(frames) = scenario.digest_frames {
                    journal.fold(Digester::new(frames, scenario.format.rate));
                    kernel().nt.pool.begin_long_run();
                }
                let played = user::play(&scenario, &target, Some(device.node()), &journal);
                profile::stop(&scenario.name);
                journal.flush();
                if let Err(error) = played {
                    self.evidence.program_failed(&error.to_string());
                }
                let came_back = scenario.disturbances.iter().any(Disturbance::ends_streams)
                    && device.node().state() == State::Started;
                if came_back && let Err(what) = fuzz::after::plays(&device.target()?) {
                    let text = format!("after the device came back {what}");
                    self.evidence.program_failed(&text);
                }
                let read = |tap: String| user::record::read(&tap, self.recorded);
                // A device that is gone has taken its record with it.
                let there = device.node().state() == State::Started;
                let read = if there {
                    target.tap(1).and_then(read).map(Some)
                } else {
                    Ok(None)
                };
                match read {
                    Ok(None) => {}
                    Ok(Some(read)) => {
                        self.recorded = read.next;
                        let (records, lost) = (read.records, read.lost);
                        line::send(&Reply::Recorded { records, lost }, &[]);
                    }
                    Err(error) => self.evidence.program_failed(&error.to_string()),
                }
                Ok(Reply::Done)
            }
            Request::Inspect => {
                let device = self.devices.first();
                let inspection = device.ok_or("no device is installed")?.inspect();
                Ok(Reply::Inspected {
                    inspection: Box::new(inspection),
                })
            }
            Request::Fuzz { round } => {
                let device = self
                    .devices
                    .first()
                    .ok_or("nothing can be attacked before a package is installed")?;
                let played = fuzz::play(&device.links()?, &round)?;
                if let Some((iteration, what)) = played.found {
                    line::send(&Reply::FuzzFound { iteration, what }, &[]);
                }
                Ok(Reply::Fuzzed(played.tally))
            }
            Request::Faults { lives } => {
                let [device] = &mut self.devices[..] else {
                    return Err("services fail on one installed device".into());
                };
                for plan in &lives.plans {
                    match lives::live(device, &lives, plan, &|device| tell(device, &lives)) {
                        Ok(life) if kernel().findings.is_empty() => {
                            line::send(&Reply::Lived(Box::new(life)), &[]);
                            continue;
                        }
                        Ok(_) => {}
                        Err(what) => self.evidence.program_failed(&what),
                    }
                    if let Some((plan, failed)) = lives::current() {
                        line::send(&Reply::FaultFound { plan, failed }, &[]);
                    }
                    break;
                }
                lives::end(device)?;
                Ok(Reply::Done)
            }
            Request::Interleave { order } => {
                let device = self
                    .devices
                    .first()
                    .ok_or("nothing can be interleaved before a package is installed")?;
                let played = interleave::play(device, &order)?;
                if let Some((schedule, what)) = played.found {
                    line::send(&Reply::InterleaveFound { schedule, what }, &[]);
                }
                Ok(Reply::Interleaved(Box::new(played.tally)))
            }
            Request::Remove => {
                if self.devices.is_empty() {
                    return Err("no device is installed".into());
                }
                for device in std::mem::take(&mut self.devices) {
                    device.remove()?;
                    sched::settle();
                }
                Ok(Reply::Done)
            }
            // Answered where the line is read: the machine ends with it.
            Request::Shutdown => Ok(Reply::Done),
            Request::Check
            | Request::Restart
            | Request::PowerOff
            | Request::Verify { .. }
            | Request::Leftovers { .. }
            | Request::Noise { .. }
            | Request::Collect => Err("the simulator has no operating system around it".into()),
        }
    }

    fn hello(&mut self, version: u32) -> Result<Reply, String> {
        if version != PROTOCOL_VERSION {
            return Err(format!(
                "the host speaks protocol version {version}, this machine {PROTOCOL_VERSION}"
            ));
        }
        self.greeted = true;
        Ok(Reply::Ready(MachineInfo {
            version: PROTOCOL_VERSION,
            system: "simulator".into(),
            qpc_frequency: QPC_FREQUENCY.cast_signed(),
            time: Time::Virtual,
        }))
    }

    fn staging(&mut self) -> Result<&mut Staging, String> {
        if self.staging.is_none() {
            self.staging = Some(Staging::new()?);
        }
        self.staging
            .as_mut()
            .ok_or_else(|| "no staging folder".into())
    }

    fn install(
        &mut self,
        inf: &str,
        hardware_id: &str,
        settings: &Settings,
    ) -> Result<Reply, String> {
        if !self.devices.is_empty() {
            return Err("a device is installed already; remove it first".into());
        }
        let staging = self.staging.as_ref().ok_or("no file was staged")?;
        let mut all: Option<Installed> = None;
        for number in 0..settings.nodes {
            let device = Device::install(
                staging.folder(),
                inf,
                hardware_id,
                settings,
                number,
                &self.certificates,
            );
            let device = match device {
                Ok(device) => device,
                Err(error) => {
                    // A refusal changes nothing.
                    for device in std::mem::take(&mut self.devices) {
                        device.remove()?;
                    }
                    return Err(error);
                }
            };
            let installed = device.installed();
            match &mut all {
                None => all = Some(installed),
                Some(all) => all.endpoints.extend(installed.endpoints),
            }
            self.devices.push(device);
        }
        all.map(Reply::Installed)
            .ok_or_else(|| "a package is installed on at least one node".into())
    }

    fn try_out(&mut self, driver: &str, inf: &str) -> Result<Reply, String> {
        if !self.devices.is_empty() {
            return Err("a device is installed already; remove it first".into());
        }
        let folder = self.staging.as_ref().ok_or("no file was staged")?.folder();
        let device = Device::try_out(&folder.join(driver), &folder.join(inf), None)?;
        let installed = device.installed();
        self.devices.push(device);
        Ok(Reply::Installed(installed))
    }
}

/// Plays what is played in a life, and tells the host what is seen and what the driver recorded.
fn tell(device: &Device, lives: &Lives) -> Result<(), String> {
    let target = device.target()?;
    kernel().random.reseed(lives.seed);
    let journal = Journal::new(line::ToHost);
    let played = user::play(&lives.scenario, &target, Some(device.node()), &journal);
    journal.flush();
    played.map_err(|error| error.to_string())?;
    // The driver was loaded anew: its record begins with this life.
    let read = user::record::read(&target.tap(1).map_err(|error| error.to_string())?, 0);
    let read = read.map_err(|error| error.to_string())?;
    let (records, lost) = (read.records, read.lost);
    line::send(&Reply::Recorded { records, lost }, &[]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Kernel;
    use waverig_protocol::scenario::{Client, Format, Sample, Scenario, Signal};

    fn check(requests: Vec<Request>, expect: &str) {
        Kernel::boot(Options::default());
        let mut session = Session::default();
        let mut last = String::new();
        for request in requests {
            last = match session.answer(request, Vec::new()) {
                Ok(reply) => format!("{reply:?}"),
                Err(reason) => reason,
            };
        }
        assert!(last.contains(expect), "{last:?} does not say {expect:?}");
    }

    fn hello() -> Request {
        Request::Hello {
            version: PROTOCOL_VERSION,
        }
    }

    fn run() -> Request {
        let scenario = Scenario::of(
            Signal::Counter,
            Format {
                rate: 48_000,
                channels: 2,
                sample: Sample::Pcm16,
            },
            Client::EventDriven { packet_frames: 480 },
            1,
        );
        let scenario = Box::new(scenario);
        Request::Run { scenario, seed: 1 }
    }

    #[test]
    fn requests_out_of_order_are_refused() {
        check(vec![hello()], "Ready");
        check(vec![Request::Hello { version: 99 }], "version 99");
        check(vec![Request::Remove], "must be Hello");
        check(vec![hello(), Request::Remove], "no device");
        check(vec![hello(), Request::Inspect], "no device");
        check(vec![hello(), run()], "before a package is installed");
        let install = Request::Install {
            inf: "a.inf".into(),
            hardware_id: "x".into(),
            device: Box::default(),
        };
        check(vec![hello(), install], "no file was staged");
        check(
            vec![
                hello(),
                Request::Stage {
                    name: "../x".into(),
                },
            ],
            "bare file name",
        );
    }
}
