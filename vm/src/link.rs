//! A booted machine's line: one request at a time, every answer within a deadline.

use std::fmt;
use std::io::Write;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use waverig_protocol::frame::{self, FrameError};
use waverig_protocol::{Reply, Request};

/// Why a machine gave no (further) answer.
#[derive(Debug)]
pub struct LinkError(pub(crate) String);

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LinkError {}

type Arrival = Result<(Reply, Vec<u8>), FrameError>;

/// The line to a machine that is a child process. Dropping it ends the process.
pub struct Link {
    child: Child,
    to_machine: Option<Box<dyn Write + Send>>,
    from_machine: Receiver<Arrival>,
    reader: Option<JoinHandle<()>>,
}

/// Replies that may wait in memory before the machine has to.
const BACKLOG: usize = 64;

impl Link {
    /// Takes over a child whose standard input and output are piped.
    pub(crate) fn over_stdio(mut child: Child) -> Result<Self, LinkError> {
        let (Some(stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(LinkError(
                "the machine's standard input and output are not piped".into(),
            ));
        };
        let (arrived, from_machine) = sync_channel(BACKLOG);
        let reader = std::thread::spawn(move || {
            loop {
                let arrival = frame::read(&mut stdout);
                let last = arrival.is_err();
                if arrived.send(arrival).is_err() || last {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            to_machine: Some(Box::new(stdin)),
            from_machine,
            reader: Some(reader),
        })
    }

    /// Sends a request and hands each reply to `each`, up to and including the final one.
    ///
    /// # Errors
    /// When the machine ends, garbles the line, or has not given its final reply when `deadline` has passed; the text
    /// says which. The machine is of no use afterwards.
    pub fn request(
        &mut self,
        request: &Request,
        payload: &[u8],
        deadline: Duration,
        mut each: impl FnMut(Reply, Vec<u8>),
    ) -> Result<(), LinkError> {
        let end = Instant::now() + deadline;
        // A machine that died before it read the request is reported by its silence below, with its exit status.
        let sent = match &mut self.to_machine {
            Some(line) => frame::write(line, request, payload),
            None => Ok(()),
        };
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.from_machine.recv_timeout(left) {
                Ok(Ok((reply, payload))) => {
                    let last = reply.is_final();
                    each(reply, payload);
                    if last {
                        return Ok(());
                    }
                }
                Ok(Err(FrameError::Closed)) | Err(RecvTimeoutError::Disconnected) => {
                    let status = self.end();
                    let sent = match sent {
                        Ok(()) => String::new(),
                        Err(error) => format!(" (the request could not be sent: {error})"),
                    };
                    return Err(LinkError(format!(
                        "the machine ended without an answer: {}{sent}",
                        describe(status)
                    )));
                }
                Ok(Err(error)) => {
                    self.end();
                    return Err(LinkError(error.to_string()));
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.end();
                    return Err(LinkError(format!(
                        "the machine gave no answer within {} s and was ended",
                        deadline.as_secs_f32()
                    )));
                }
            }
        }
    }

    /// Ends the process and reaps it.
    fn end(&mut self) -> Option<ExitStatus> {
        self.to_machine = None;
        // A process that closed its line on its own gets the moment it needs to end with its own status; killing an
        // ended process is an error that says just that.
        let status = match self.child.try_wait() {
            Ok(Some(status)) => Some(status),
            _ => {
                let _ = self.child.kill();
                self.child.wait().ok()
            }
        };
        while self.from_machine.try_recv().is_ok() {}
        status
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.end();
        // The reader may be waiting for room in the channel: give it somebody who throws everything away.
        let (_, nobody) = sync_channel(0);
        drop(std::mem::replace(&mut self.from_machine, nobody));
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn describe(status: Option<ExitStatus>) -> String {
    match status {
        // Windows ends a process that executes `int 29h` without asking any handler in it (STATUS_STACK_BUFFER_OVERRUN).
        Some(status) if status.code().map(i32::cast_unsigned) == Some(0xC000_0409) => {
            format!("{status}, a fast-fail (int 29h)")
        }
        Some(status) => status.to_string(),
        None => "its exit status is unknown".into(),
    }
}
