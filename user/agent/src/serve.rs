//! The agent proper: says that it is up, then takes one request after the other.

use std::fs::{self, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use waverig_agent::held;
use waverig_agent::noise::measure;
use waverig_protocol::frame::{self, FrameError};
use waverig_protocol::window::Windowed;
use waverig_protocol::{PROTOCOL_VERSION, Refusal, Reply, Request, Up};

use crate::order::Order;
use crate::places::{BOOTS, PAYLOAD, PORT, RESULT};
use crate::simulator::Simulator;
use crate::{conditions, init, power, sabotage};

/// Serves the host until the machine ends.
///
/// # Errors
/// When the line cannot be opened or is lost, or the simulator ends unasked: the next agent starts afresh.
pub(crate) fn run() -> Result<()> {
    let order = Order::read()?;
    let port = match &order.line {
        Some(port) => port.clone(),
        None => init::port(PORT)?,
    };
    let mut line = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&port)
        .with_context(|| format!("cannot open {}", port.display()))?;
    if order.line.is_some() {
        // Bytes as they are: no echo, no signals, no other line ends.
        let raw = tcgetattr(&line).and_then(|mut settings| {
            settings.make_raw();
            // What an agent before this one has not read is nothing for this one.
            tcsetattr(&line, OptionalActions::Flush, &settings)
        });
        raw.with_context(|| format!("{} is no serial port", port.display()))?;
    }
    let mut input: Box<dyn Read> = Box::new(line.try_clone()?);
    if order.line.is_some() {
        let mut told = line.try_clone()?;
        let tell = move |window: &Reply| frame::write(&mut told, window, &[]);
        input = Box::new(Windowed::begin(input, tell)?);
    }
    let boots = fs::read_to_string(BOOTS).unwrap_or_default();
    let up = Up {
        version: PROTOCOL_VERSION,
        system: system(),
        boots: boots.trim().parse().unwrap_or(0),
    };
    frame::write(&mut line, &Reply::Up(up), &[])?;
    requests(&order, &mut BufReader::new(input), &mut line)
}

fn requests(order: &Order, input: &mut impl Read, line: &mut fs::File) -> Result<()> {
    let mut session: Option<Simulator> = None;
    let mut sessions = 0;
    loop {
        let (request, payload) = match frame::read_past_noise::<Request>(input, &mut Vec::new()) {
            Ok(request) => request,
            Err(FrameError::Closed) => bail!("the host closed the line"),
            Err(error) => return Err(error).context("the host's request cannot be read"),
        };
        sabotage::before(order, &request, line);
        let (request, payload) = match request {
            Request::StageHeld { name, sha256 } => {
                match held::read(Path::new(PAYLOAD), &name, &sha256) {
                    Ok(bytes) => (Request::Stage { name }, bytes),
                    Err(error) => {
                        refuse(line, &format!("{error:#}"))?;
                        continue;
                    }
                }
            }
            other => (other, payload),
        };
        if matches!(request, Request::Shutdown)
            && let Err(error) = fs::write(format!("{RESULT}/session-{sessions}.end"), "well\n")
        {
            let text = format!("the result disk takes no more ({error}): logs are not whole");
            frame::write(line, &Reply::Log { line: text }, &[])?;
        }
        match &request {
            Request::Check => {
                let conditions = conditions::all();
                frame::write(line, &Reply::Checked { conditions }, &[])?;
            }
            // What there is lies on the disk that goes home.
            Request::Collect => frame::write(line, &Reply::Done, &[])?,
            Request::Verify { .. } => refuse(line, "Linux has no Driver Verifier")?,
            Request::Noise { waits } => match measure(*waits) {
                Some(noise) => frame::write(line, &Reply::Noise(noise), &[])?,
                None => refuse(line, "the host asks for no wait at all")?,
            },
            Request::Restart => {
                frame::write(line, &Reply::Done, &[])?;
                return Err(power::restart()).context("the machine cannot start anew");
            }
            Request::PowerOff => {
                frame::write(line, &Reply::Done, &[])?;
                return Err(power::off()).context("the machine cannot end");
            }
            Request::Hello { .. } => {
                sessions += 1;
                let begun = session.insert(Simulator::start(order, sessions)?);
                begun.relay(&request, &payload, line, |reply| {
                    if let Reply::Ready(info) = reply {
                        info.system = format!("{} in {}", info.system, system());
                    }
                })?;
            }
            _ => match &mut session {
                Some(begun) => begun.relay(&request, &payload, line, |_| {})?,
                None => refuse(line, "no session was begun; say hello first")?,
            },
        }
        if matches!(request, Request::Shutdown) {
            session = None;
        }
    }
}

fn refuse(line: &mut impl Write, reason: &str) -> Result<()> {
    let reply = Reply::Refused(Refusal {
        reason: reason.into(),
    });
    Ok(frame::write(line, &reply, &[])?)
}

/// The operating system with its build.
fn system() -> String {
    let name = rustix::system::uname();
    format!(
        "{} {}",
        name.sysname().to_string_lossy(),
        name.release().to_string_lossy()
    )
}
