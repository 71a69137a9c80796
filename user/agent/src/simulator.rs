//! The simulator beside the agent: what a session asks for is handed to it, and its replies to the host.

use std::fs::File;
use std::io::{BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};
use waverig_protocol::{Reply, Request, frame};

use crate::order::Order;
use crate::places::{RESULT, SCRATCH};

/// One session's process.
pub(crate) struct Simulator {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Simulator {
    /// Starts it; what it says beside the protocol goes to the result disk.
    ///
    /// # Errors
    /// When the payload disk has none that starts.
    pub(crate) fn start(order: &Order, session: u32) -> Result<Self> {
        let program = order.program()?;
        // A result disk that is full costs the log, not the session.
        let log = File::create(format!("{RESULT}/session-{session}.log"))
            .map_or_else(|_| Stdio::null(), Stdio::from);
        let mut child = Command::new(&program)
            .args(&order.simulator[1..])
            .env("WAVERIG_SIM_SCRATCH", SCRATCH)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        Ok(Self {
            child,
            input: input.context("its input is not piped")?,
            output: BufReader::new(output.context("its output is not piped")?),
        })
    }

    /// Hands a request to it and its replies to `line`, up to and including the final one, which `told` may change.
    ///
    /// # Errors
    /// When it ends without an answer, with how it ended.
    pub(crate) fn relay(
        &mut self,
        request: &Request,
        payload: &[u8],
        line: &mut impl Write,
        told: impl Fn(&mut Reply),
    ) -> Result<()> {
        let sent = frame::write(&mut self.input, request, payload);
        loop {
            let (mut reply, payload) = match frame::read::<Reply>(&mut self.output) {
                Ok(arrived) => arrived,
                Err(error) => {
                    let status = self.child.wait()?;
                    let context = format!("the simulator ended at {}: {status}", request.name());
                    sent.context(context.clone())?;
                    return Err(error).context(context);
                }
            };
            told(&mut reply);
            let last = reply.is_final();
            frame::write(line, &reply, &payload).context("the host's line takes no more")?;
            if last {
                return Ok(());
            }
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
