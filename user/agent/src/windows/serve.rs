//! The agent proper: says that it is up, then takes one request after the other.

use std::env;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::held;
use crate::noise::measure;
use crate::options::{Options, Where};
use crate::state::Kept;
use anyhow::{Context as _, Result, bail};
use waverig_protocol::frame::{self, FrameError};
use waverig_protocol::noise::Time;
use waverig_protocol::{MachineInfo, PAYLOAD, PROTOCOL_VERSION, Refusal, Reply, Request, Up};

use super::line::{self, Host};
use super::system::{self, Version};
use super::{certificate, conditions, evidence, installation, power, registry, verifier, volume};

/// A key that the agent makes and Windows forgets when it starts anew: who finds none is the first agent since.
pub(super) const SINCE_START: &str = r"SOFTWARE\waverig\since-start";

/// Serves the host until it closes the line; over one that outlives sessions, until the machine ends.
///
/// # Errors
/// When the line cannot be opened or is lost, or the agent's own folder cannot be used.
pub fn run(options: &Options) -> Result<()> {
    let (key, first) = registry::until_restart(SINCE_START).context(
        "the agent must be allowed to write to HKEY_LOCAL_MACHINE: start it as an administrator",
    )?;
    if first {
        verifier::note(&key)?;
    }
    let home = home(options)?;
    let kept = Kept::open(&home, first);
    let kept = kept.with_context(|| format!("{} cannot be used", home.display()))?;
    let (input, host) = line::open(&options.line)?;
    let up = Up {
        version: PROTOCOL_VERSION,
        system: Version::get().to_string(),
        boots: kept.get().boots,
    };
    host.send(&Reply::Up(up), &[])?;
    let mut agent = Agent {
        options: options.clone(),
        home,
        kept,
        host,
        greeted: false,
        recorded: 0,
    };
    agent.resume()?;
    agent.serve(&mut BufReader::new(input))
}

fn home(options: &Options) -> Result<PathBuf> {
    if let Some(home) = &options.home {
        return Ok(home.clone());
    }
    let data = env::var_os("ProgramData").context("this Windows has no ProgramData; say --home")?;
    Ok(Path::new(&data).join("waverig"))
}

/// An agent and what it knows.
pub(super) struct Agent {
    pub(super) options: Options,
    pub(super) home: PathBuf,
    pub(super) kept: Kept,
    pub(super) host: Host,
    greeted: bool,
    /// Sequence number of the driver's next record.
    pub(super) recorded: u64,
}

impl Agent {
    /// Tells what an agent before this one had begun.
    fn resume(&mut self) -> Result<()> {
        let state = self.kept.get();
        let mut lines = Vec::new();
        if let Some(what) = &state.restarting {
            lines.push(format!("this is the start that was asked for: {what}"));
        }
        if !state.nodes.is_empty() {
            let nodes = state.nodes.join(", ");
            lines.push(format!("installed before this start: {nodes}"));
        }
        self.kept.change(|state| state.restarting = None)?;
        for line in lines {
            eprintln!("waverig-agent: {line}");
        }
        Ok(())
    }

    fn serve(&mut self, input: &mut BufReader<line::Input>) -> Result<()> {
        loop {
            let mut noise = Vec::new();
            let (request, payload) = match frame::read_past_noise::<Request>(input, &mut noise) {
                Ok(request) => request,
                Err(FrameError::Closed) => return Ok(()),
                Err(error) => return Err(error).context("the host's request cannot be read"),
            };
            let last = matches!(request, Request::Shutdown) && self.options.line == Where::Stdio;
            let reply = self.answer(request, &payload).unwrap_or_else(|error| {
                let reason = format!("{error:#}");
                Reply::Refused(Refusal { reason })
            });
            self.host.send(&reply, &[])?;
            if last {
                return Ok(());
            }
        }
    }

    /// Carries out one request: its final reply, or why it was not carried out.
    fn answer(&mut self, request: Request, payload: &[u8]) -> Result<Reply> {
        let in_session = !matches!(
            request,
            Request::Hello { .. }
                | Request::Check
                | Request::Shutdown
                | Request::Restart
                | Request::PowerOff
                | Request::Verify { .. }
                | Request::Leftovers { .. }
                | Request::Collect
                | Request::Noise { .. }
        );
        if in_session && !self.greeted {
            bail!("no session was begun; say hello first");
        }
        match request {
            Request::Hello { version } => return self.hello(version),
            Request::Check => {
                let conditions = conditions::all(self.kept.get());
                return Ok(Reply::Checked { conditions });
            }
            Request::Leftovers { hardware_id } => {
                let items = installation::left(&self.kept, &hardware_id)?;
                return Ok(Reply::Left { items });
            }
            Request::Noise { waits } => {
                let noise = measure(waits).context("the host asks for no wait at all")?;
                return Ok(Reply::Noise(noise));
            }
            Request::Install {
                inf,
                hardware_id,
                device,
            } => return self.install(&inf, &hardware_id, &device),
            Request::Trust => self.trust(payload)?,
            Request::Stage { name } => self.stage(&name, payload)?,
            Request::StageHeld { name, sha256 } => {
                let bytes = held::read(&volume::labelled(PAYLOAD)?, &name, &sha256)?;
                self.stage(&name, &bytes)?;
            }
            Request::Remove => self.remove()?,
            Request::Run { scenario, .. } => self.run(&scenario)?,
            Request::Shutdown => self.end()?,
            Request::Collect => evidence::send(&self.host, &self.home)?,
            Request::Verify { drivers } => self.verify(&drivers)?,
            Request::Restart => self.shut_down(true)?,
            Request::PowerOff => self.shut_down(false)?,
            Request::TryOut { .. } => {
                bail!("Windows loads no unsigned driver: sign it, and install its package")
            }
            Request::Inspect
            | Request::Fuzz { .. }
            | Request::Faults { .. }
            | Request::Interleave { .. } => bail!(
                "{} needs a kernel that the rig controls: use --machine sim",
                request.name()
            ),
        }
        Ok(Reply::Done)
    }

    fn hello(&mut self, version: u32) -> Result<Reply> {
        if version != PROTOCOL_VERSION {
            bail!("the host speaks protocol version {version}, this agent {PROTOCOL_VERSION}");
        }
        self.greeted = true;
        self.clear_staged()?;
        Ok(Reply::Ready(MachineInfo {
            version: PROTOCOL_VERSION,
            system: Version::get().to_string(),
            qpc_frequency: system::qpc_frequency(),
            time: Time::Real,
        }))
    }

    fn trust(&mut self, der: &[u8]) -> Result<()> {
        let known = self.kept.get().certificates.iter().any(|one| one == der);
        let stands = certificate::stands_in(der)?;
        if !known && stands.len() == certificate::STORES.len() {
            let line = "the machine trusts this certificate already, and goes on doing so".into();
            return self.host.send(&Reply::Log { line }, &[]);
        }
        // Noted before it is done: a machine may stop in between.
        if !known {
            self.kept
                .change(|state| state.certificates.push(der.to_vec()))?;
        }
        certificate::trust(der)
    }

    fn verify(&mut self, drivers: &[String]) -> Result<()> {
        if drivers.is_empty() {
            if let Some(before) = self.kept.get().verifier.clone() {
                verifier::restore(&before)?;
            }
            return Ok(self.kept.change(|state| state.verifier = None)?);
        }
        let before = verifier::set_to()?;
        self.kept.change(|state| {
            state.verifier.get_or_insert(before);
        })?;
        verifier::set(drivers)
    }

    /// The session is over: the machine trusts nobody any more because of it.
    fn end(&mut self) -> Result<()> {
        self.greeted = false;
        self.clear_staged()?;
        for der in self.kept.get().certificates.clone() {
            certificate::distrust(&der)?;
            self.kept
                .change(|state| state.certificates.retain(|one| *one != der))?;
        }
        Ok(())
    }

    fn shut_down(&mut self, restart: bool) -> Result<()> {
        if self.options.line == Where::Stdio {
            bail!("the host is on this machine, which would take it along; restart it by hand");
        }
        let what = if restart { "a restart" } else { "an end" };
        self.kept
            .change(|state| state.restarting = Some(what.into()))?;
        power::shut_down(restart)
    }
}
