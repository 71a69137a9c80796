//! This host itself as a machine: a Windows that is thrown away afterwards, as hosted CI runners are.
//!
//! The agent is a child process, as the simulator is; what it changes, it changes here. So the host must be one that nobody needs, test
//! signing must be on already (turning it on takes a restart, which no CI job survives), one run has it at a time, and after everything,
//! failures and a killed run included, an agent removes what was installed: it keeps a list of that in a folder of its own.
//! There is no restart, so no Driver Verifier, and a bug check ends the job without a word.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use waverig_protocol::{Condition, PROTOCOL_VERSION, Reply, Request};

use crate::collect::{COLLECTED, Keep};
use crate::dump::Own;
use crate::line::{Ends, Line};
use crate::link::{Behind, Cause, end};
use crate::turn::{Turn, Turns};
use crate::{Link, LinkError, Machine, interrupt};

/// The condition that decides whether Windows loads a driver that is signed for tests.
const TEST_SIGNING: &str = "test-signing";

/// How a host may be one that nobody needs: GitHub's variable of that name ("Variables reference", docs.github.com).
const ENVIRONMENT: (&str, &str) = ("RUNNER_ENVIRONMENT", "github-hosted");

/// Whether this host may be changed, and why: somebody said so, or it is a hosted runner, which is thrown away after its job.
///
/// # Errors
/// Why not, and what to do.
pub fn disposable(
    told: bool,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<&'static str, String> {
    let (name, hosted) = ENVIRONMENT;
    match variable(name) {
        _ if told => Ok("--disposable says that nobody needs this host"),
        Some(value) if value == hosted => Ok("a hosted runner, thrown away after its job"),
        _ => Err(format!(
            "the machine runner installs a driver and trusts a certificate on this host itself; on one that nobody needs say --disposable ({name} is not {hosted})"
        )),
    }
}

/// Starts agents.
pub trait Agents: Send + Sync {
    /// Starts one. What it says beside the protocol goes to `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    fn start(&self, log: &Path) -> io::Result<Ends>;
}

/// The agent's program.
pub struct Program {
    /// The file.
    pub program: PathBuf,
    /// What it is told.
    pub args: Vec<String>,
}

impl Agents for Program {
    fn start(&self, log: &Path) -> io::Result<Ends> {
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // An agent of the same session adds to what the last one said.
            .stderr(File::options().create(true).append(true).open(log)?)
            .spawn()?;
        let (Some(output), Some(input)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let child = Mutex::new(child);
        Ok(Ends {
            input: Box::new(input),
            output: Box::new(output),
            close: Box::new(move || end(&mut child.lock().unwrap_or_else(PoisonError::into_inner))),
        })
    }
}

/// What runs here, and how.
pub struct Config {
    /// A file that the run holds locked: one for the whole host.
    pub lock: PathBuf,
    /// How long an agent may take until it is up, and for each answer outside of a session.
    pub deadline: Duration,
    /// Hardware id of the driver's device nodes: what has it is this rig's.
    pub hardware_id: String,
    /// The driver that dumps are searched for.
    pub own: Option<Own>,
    /// Why this host may be changed.
    pub why: &'static str,
}

/// The machine.
pub struct Runner {
    agents: Arc<dyn Agents>,
    config: Config,
    /// One session at a time: they would install the same driver.
    turns: Arc<Turns>,
    known: Mutex<Option<Known>>,
    _lock: File,
}

impl Runner {
    /// Takes this host; starts nothing.
    ///
    /// # Errors
    /// When another run has it.
    pub fn new(config: Config, agents: Arc<dyn Agents>) -> Result<Self, LinkError> {
        let path = &config.lock;
        let told = |what: &dyn std::fmt::Display| {
            LinkError(format!(
                "this host cannot be taken, {}: {what}",
                path.display()
            ))
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| told(&error))?;
        }
        let lock = File::create(path).map_err(|error| told(&error))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => {
                told(&"another run installs its driver here; wait for it")
            }
            fs::TryLockError::Error(error) => told(&error),
        })?;
        Ok(Self {
            agents,
            config,
            turns: Turns::new(1),
            known: Mutex::default(),
            _lock: lock,
        })
    }

    /// An agent that is up.
    fn agent(
        &self,
        log: &Path,
        behind: impl FnOnce(Closing) -> Box<dyn Behind>,
    ) -> Result<Link, LinkError> {
        up(&*self.agents, log, self.config.deadline, behind)
    }

    /// Before the first session: whether a driver can be loaded at all, and what a killed run has left goes.
    fn prepare(&self, log: &Path) -> Result<(), LinkError> {
        let Config {
            hardware_id,
            deadline,
            ..
        } = &self.config;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_some() {
            return Ok(());
        }
        let (conditions, mut link) = checked(&*self.agents, log, *deadline)?;
        let found = link.left(hardware_id, *deadline)?;
        drop(link);
        if !found.is_empty() {
            remove(&*self.agents, log, hardware_id, *deadline).map_err(|error| {
                LinkError(format!(
                    "of a driver with the hardware id {hardware_id} this is here already and cannot be removed: {error}; remove it by hand (pnputil /enum-drivers), or take another host"
                ))
            })?;
        }
        *known = Some(Known { conditions, found });
        Ok(())
    }
}

/// What is known of the host when the first session begins.
struct Known {
    /// What it fulfils.
    conditions: Vec<Condition>,
    /// What was left there, and is removed.
    found: Vec<String>,
}

/// What this host fulfils; nothing is changed.
///
/// # Errors
/// When no driver that is signed for tests can be loaded here, or no agent says so.
pub fn probe(
    agents: &dyn Agents,
    log: &Path,
    deadline: Duration,
) -> Result<Vec<Condition>, LinkError> {
    Ok(checked(agents, log, deadline)?.0)
}

/// The same, and the agent that said so.
fn checked(
    agents: &dyn Agents,
    log: &Path,
    deadline: Duration,
) -> Result<(Vec<Condition>, Link), LinkError> {
    let mut link = up(agents, log, deadline, |closing| Box::new(closing))?;
    let conditions = link.check(deadline)?;
    signs(&conditions).map_err(LinkError)?;
    Ok((conditions, link))
}

/// Whether Windows loads drivers that are signed for tests, as the agent says.
///
/// # Errors
/// Why the machine is refused.
fn signs(conditions: &[Condition]) -> Result<(), String> {
    let next = "turn it on (`bcdedit /set testsigning on`, Secure Boot off) and restart, or use another machine: --machine sim";
    let condition = conditions
        .iter()
        .find(|condition| condition.name == TEST_SIGNING);
    match condition {
        Some(Condition {
            holds: Some(true), ..
        }) => Ok(()),
        Some(Condition {
            holds: Some(false),
            text,
            ..
        }) => Err(format!("test signing is off on this host: {text}; {next}")),
        Some(Condition {
            holds: None, text, ..
        }) => Err(format!(
            "whether test signing is on here is unknown: {text}; {next}"
        )),
        None => Err(format!(
            "the agent does not say whether test signing is on here; {next}"
        )),
    }
}

/// Starts an agent and waits until it is up.
fn up(
    agents: &dyn Agents,
    log: &Path,
    deadline: Duration,
    behind: impl FnOnce(Closing) -> Box<dyn Behind>,
) -> Result<Link, LinkError> {
    let Ends {
        input,
        output,
        close,
    } = agents
        .start(log)
        .map_err(|error| LinkError(format!("the agent cannot be started: {error}")))?;
    let line = Line::strict(input, output);
    let mut link = Link::new(line, behind(Closing(Some(close))));
    link.up(deadline)?;
    Ok(link)
}

/// Has an agent remove whatever agents have installed, and another one look whether it is gone.
fn remove(
    agents: &dyn Agents,
    log: &Path,
    hardware_id: &str,
    deadline: Duration,
) -> Result<(), LinkError> {
    let mut link = up(agents, log, deadline, |closing| Box::new(closing))?;
    let hello = Request::Hello {
        version: PROTOCOL_VERSION,
    };
    let mut refused = Vec::new();
    for request in [hello, Request::Remove, Request::Shutdown] {
        // A refusal may mean that there is nothing to remove; what counts is what is there afterwards.
        link.request(&request, &[], deadline, |reply, _| {
            if let Reply::Refused(refusal) = reply {
                refused.push(format!("{}: {}", request.name(), refusal.reason));
            }
        })?;
    }
    link.finish(deadline);
    let mut link = up(agents, log, deadline, |closing| Box::new(closing))?;
    let left = link.left(hardware_id, deadline)?;
    if left.is_empty() {
        return Ok(());
    }
    Err(LinkError([left, refused].concat().join("; ")))
}

/// Behind an agent that installs nothing: it is ended.
struct Closing(Option<Box<dyn Fn() -> String + Send>>);

impl Closing {
    fn close(&mut self) -> String {
        self.0.take().map(|close| close()).unwrap_or_default()
    }
}

impl Behind for Closing {
    fn end(&mut self, _: Option<Cause>) -> String {
        self.close()
    }

    /// Lets it end by itself, which closes the line.
    fn finish(mut self: Box<Self>, line: Line, deadline: Duration) {
        line.until_closed(deadline);
        self.close();
    }
}

impl Session {
    /// What this host wrote about what happened, as another agent sends it.
    fn sent(&self) -> Vec<String> {
        let link = up(&*self.agents, &self.log, self.deadline, |closing| {
            Box::new(closing)
        });
        match link {
            Ok(mut link) => link.collect_to(&self.keep, self.deadline),
            Err(error) => vec![format!("nothing is collected: {error}")],
        }
    }
}

/// Behind a session: whatever ends it, what was installed is removed.
struct Session {
    closing: Closing,
    agents: Arc<dyn Agents>,
    log: PathBuf,
    hardware_id: String,
    keep: Keep,
    deadline: Duration,
    _turn: Turn,
    over: bool,
    collected: bool,
}

impl Behind for Session {
    fn end(&mut self, cause: Option<Cause>) -> String {
        if std::mem::replace(&mut self.over, true) {
            return String::new();
        }
        let how = self.closing.close();
        let collected = match cause {
            Some(_) if !self.collected => self.sent(),
            _ => Vec::new(),
        };
        let removed = remove(&*self.agents, &self.log, &self.hardware_id, self.deadline);
        let removed = match removed {
            Ok(()) => "what was installed is removed".into(),
            // The agent's list stays, so the next run tries again.
            Err(error) => {
                let text = format!("WHAT WAS INSTALLED MAY STILL BE HERE ({error})");
                if cause.is_none() {
                    eprintln!("runner: {text}");
                }
                text
            }
        };
        let mut told = vec![how];
        told.extend(collected);
        told.push(removed);
        told.retain(|part| !part.is_empty());
        told.join("; ")
    }

    fn collect(&mut self) -> Option<Vec<String>> {
        self.collected = true;
        Some(self.sent())
    }

    /// Its agent has ended by then.
    fn left(&mut self) -> Option<Result<Vec<String>, LinkError>> {
        let link = up(&*self.agents, &self.log, self.deadline, |closing| {
            Box::new(closing)
        });
        Some(link.and_then(|mut link| link.left(&self.hardware_id, self.deadline)))
    }

    /// The run itself had it removed.
    fn finish(mut self: Box<Self>, line: Line, deadline: Duration) {
        self.over = true;
        line.until_closed(deadline);
        self.closing.close();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end(None);
    }
}

impl Machine for Runner {
    fn kind(&self) -> &'static str {
        "runner"
    }

    fn cannot_prove(&self) -> &'static str {
        "what needs a restart: Driver Verifier, a crash dump, start with the system; and how other builds of Windows than this host's treat the driver"
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = vec![format!(
            "this host itself was the machine: {}",
            self.config.why
        )];
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            let found = known.found.iter();
            remarks.extend(
                found.map(|item| format!("was here before this run, and was removed: {item}")),
            );
            remarks.extend(known.conditions.iter().map(crate::condition_in_words));
        }
        remarks
    }

    fn boot(&self, evidence: &Path) -> Result<Link, LinkError> {
        if interrupt::pending() {
            return Err(interrupt::before_start());
        }
        let turn = self.turns.take()?;
        let log = evidence.join("agent.log");
        self.prepare(&log)?;
        self.agent(&log, |closing| {
            Box::new(Session {
                closing,
                agents: Arc::clone(&self.agents),
                log: log.clone(),
                hardware_id: self.config.hardware_id.clone(),
                keep: Keep {
                    folder: evidence.join(COLLECTED),
                    own: self.config.own.clone(),
                },
                deadline: self.config.deadline,
                _turn: turn,
                over: false,
                collected: false,
            })
        })
    }
}

#[cfg(test)]
mod tests;
