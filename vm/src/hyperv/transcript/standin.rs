//! The agent behind the pipe of a transcript: greets, answers for itself, and hands sessions to a simulator.

use std::ffi::OsString;
use std::io::{self, BufReader, PipeReader, PipeWriter, Write as _};
use std::path::{MAIN_SEPARATOR_STR, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use waverig_protocol::frame;
use waverig_protocol::noise::{Hns, Noise};
use waverig_protocol::{
    Finding, HELD, Installed, MachineInfo, PROTOCOL_VERSION, Refusal, Reply, Request, Severity, Up,
    hash,
};

use super::Agent;
use crate::{Ends, disk};

/// The simulator's program.
#[derive(Clone, Debug)]
pub struct Simulator {
    /// The file.
    pub program: PathBuf,
    /// What it is told.
    pub args: Vec<OsString>,
    /// Where it keeps what is staged.
    pub scratch: PathBuf,
}

/// The names of the requests that an agent was given.
pub type Heard = Arc<Mutex<Vec<&'static str>>>;

/// Starts an agent in a thread; gives the host's ends of its line, and notes in `heard` what it is asked.
///
/// # Errors
/// When this host gives no pipes.
pub fn standin(
    agent: Agent,
    simulator: Option<Simulator>,
    heard: Option<Heard>,
) -> io::Result<Ends> {
    let (host_reads, output) = io::pipe()?;
    let (input, host_writes) = io::pipe()?;
    let child: Arc<Mutex<Option<Child>>> = Arc::default();
    let standin = Standin {
        agent,
        simulator,
        heard: heard.unwrap_or_default(),
        input: BufReader::new(input),
        output,
        child: Arc::clone(&child),
        boots: 1,
    };
    thread::spawn(move || {
        if let Err(error) = standin.serve() {
            // The host learns it by the end of the line.
            eprintln!("the agent behind the transcript's pipe: {error}");
        }
    });
    Ok(Ends {
        input: Box::new(host_reads),
        output: Box::new(host_writes),
        close: Box::new(move || {
            end(&child);
            String::new()
        }),
    })
}

/// Its end of the line.
struct Standin {
    agent: Agent,
    simulator: Option<Simulator>,
    heard: Heard,
    input: BufReader<PipeReader>,
    output: PipeWriter,
    /// The session's process: ended with the line.
    child: Arc<Mutex<Option<Child>>>,
    boots: u32,
}

/// What a session is handed to.
struct Session {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// What an agent is after the moment at which it may go wrong.
#[derive(PartialEq, Eq)]
enum Wrong {
    /// As it was.
    Nothing,
    /// Another, which has greeted.
    Anew,
    /// As it was, and has refused what it was asked.
    Refused,
    /// Of no more use.
    Over,
}

impl Standin {
    fn serve(mut self) -> io::Result<()> {
        self.output.write_all(self.agent.noise.as_bytes())?;
        if self.goes_wrong("boot")? == Wrong::Over {
            return Ok(());
        }
        self.greet()?;
        let mut session: Option<Session> = None;
        // Until the host closes the line.
        while let Ok((request, payload)) = frame::read::<Request>(&mut self.input) {
            self.heard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(request.name());
            let (request, payload) = match self.staged(request, payload) {
                Ok(request) => request,
                Err(reason) => {
                    self.say(&Reply::Refused(Refusal { reason }), &[])?;
                    continue;
                }
            };
            match self.goes_wrong(request.name())? {
                Wrong::Nothing => {}
                // One that begins does not know what was asked of the one before it.
                Wrong::Anew | Wrong::Refused => continue,
                Wrong::Over => return Ok(()),
            }
            match &request {
                Request::Check => {
                    let conditions = self.agent.conditions.as_deref().unwrap_or("[]");
                    let conditions = serde_json::from_str(conditions)?;
                    self.say(&Reply::Checked { conditions }, &[])?;
                }
                Request::Collect => {
                    for (name, text) in self.agent.collects.clone() {
                        self.say(&Reply::File { name, offset: 0 }, text.as_bytes())?;
                    }
                    self.say(&Reply::Done, &[])?;
                }
                Request::Noise { waits } => {
                    let late = Hns(self.agent.late);
                    let noise = Noise {
                        waits: *waits,
                        high: late,
                        most: late,
                    };
                    self.say(&Reply::Noise(noise), &[])?;
                }
                Request::Restart => {
                    self.say(&Reply::Done, &[])?;
                    self.boots += 1;
                    self.greet()?;
                }
                Request::Hello { .. } if self.simulator.is_some() => {
                    let begun = self.begin()?;
                    self.relay(session.insert(begun), &request, &payload)?;
                }
                _ => match &mut session {
                    Some(begun) => self.relay(begun, &request, &payload)?,
                    None => self.alone(&request)?,
                },
            }
            // The line ends with the machine.
            let over = matches!(request, Request::PowerOff)
                || self.agent.stdio && matches!(request, Request::Shutdown);
            if over {
                break;
            }
        }
        end(&self.child);
        Ok(())
    }

    /// A file that it is to take from its disk, as if it had come over the line.
    ///
    /// # Errors
    /// Why it does not take it.
    fn staged(&self, request: Request, payload: Vec<u8>) -> Result<(Request, Vec<u8>), String> {
        let Request::StageHeld { name, sha256 } = request else {
            return Ok((request, payload));
        };
        let disk = self.agent.payload.as_deref();
        let disk = disk.ok_or("no volume has the label PAYLOAD")?;
        let bytes = disk::read(&file(disk), &format!("{HELD}/{name}"))
            .map_err(|error| format!("{name} on the payload disk cannot be read: {error}"))?;
        if hash::sha256(&bytes) == sha256 {
            Ok((Request::Stage { name }, bytes))
        } else {
            Err(format!("{name} is not what the host put there"))
        }
    }

    fn greet(&mut self) -> io::Result<()> {
        let up = Up {
            version: PROTOCOL_VERSION,
            system: "a transcript".into(),
            boots: self.boots,
        };
        self.say(&Reply::Up(up), &[])
    }

    fn say(&mut self, reply: &Reply, payload: &[u8]) -> io::Result<()> {
        frame::write(&mut self.output, reply, payload)
    }

    /// Does at `now` what it is to do wrong; what it is then.
    fn goes_wrong(&mut self, now: &str) -> io::Result<Wrong> {
        if self.agent.at.as_deref() != Some(now) {
            return Ok(Wrong::Nothing);
        }
        if let Some(disk) = &self.agent.result {
            for (name, text) in &self.agent.leaves {
                disk::add(&file(disk), name, text.as_bytes())?;
            }
        }
        match self.agent.does.as_deref() {
            // Reads on, and says nothing any more.
            Some("hang") => {
                io::copy(&mut self.input, &mut io::sink())?;
                Ok(Wrong::Over)
            }
            Some("restart") => {
                self.agent.at = None;
                self.boots += 1;
                self.greet()?;
                Ok(Wrong::Anew)
            }
            Some("refuse") => {
                let reason = format!("no {now} here");
                self.say(&Reply::Refused(Refusal { reason }), &[])?;
                Ok(Wrong::Refused)
            }
            Some("break-rule") => {
                let finding = Finding {
                    rule: now.into(),
                    severity: Severity::Error,
                    text: format!("{now} broke it"),
                    place: None,
                    source: "a transcript".into(),
                    shown: String::new(),
                };
                self.say(&Reply::Finding(finding), &[])?;
                Ok(Wrong::Nothing)
            }
            _ => Ok(Wrong::Over),
        }
    }

    fn begin(&self) -> io::Result<Session> {
        let Some(simulator) = &self.simulator else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let mut child = Command::new(&simulator.program)
            .args(&simulator.args)
            .env("WAVERIG_SIM_SCRATCH", &simulator.scratch)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let mut place = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut last) = place.replace(child) {
            last.wait()?;
        }
        Ok(Session {
            input,
            output: BufReader::new(output),
        })
    }

    fn relay(
        &mut self,
        session: &mut Session,
        request: &Request,
        payload: &[u8],
    ) -> io::Result<()> {
        frame::write(&mut session.input, request, payload)?;
        loop {
            let (reply, payload) =
                frame::read::<Reply>(&mut session.output).map_err(io::Error::other)?;
            self.say(&reply, &payload)?;
            if reply.is_final() {
                return Ok(());
            }
        }
    }

    /// What it says when nothing is behind it.
    fn alone(&mut self, request: &Request) -> io::Result<()> {
        let reply = match request {
            Request::Hello { .. } => Reply::Ready(MachineInfo {
                version: PROTOCOL_VERSION,
                system: "a transcript".into(),
                qpc_frequency: 10_000_000,
                time: self.agent.time,
            }),
            Request::Install { .. } | Request::TryOut { .. } => Reply::Installed(Installed {
                driver_sha256: String::new(),
                endpoints: Vec::new(),
            }),
            Request::Leftovers { .. } => Reply::Left {
                items: self.agent.left.clone(),
            },
            _ => Reply::Done,
        };
        self.say(&reply, &[])
    }
}

/// A file with Windows' separators, on whatever host a transcript is played.
fn file(name: &str) -> PathBuf {
    PathBuf::from(name.replace('\\', MAIN_SEPARATOR_STR))
}

fn end(child: &Mutex<Option<Child>>) {
    let mut place = child.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(mut child) = place.take() {
        let _ = child.kill();
        let _ = child.wait();
    }
}
