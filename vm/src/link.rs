//! A booted machine's line: one request at a time, every answer within a deadline.

use std::fmt;
use std::io::Write;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
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
///
/// Both directions have a thread of their own: a machine that neither reads nor writes must not hold the host.
pub struct Link {
    child: Child,
    /// Frames for the writer; `None` ends it.
    to_machine: Option<Sender<Vec<u8>>>,
    from_machine: Receiver<Arrival>,
    threads: Vec<JoinHandle<()>>,
}

/// Replies that may wait in memory before the machine has to.
const BACKLOG: usize = 64;

impl Link {
    /// Takes over a child whose standard input and output are piped.
    pub(crate) fn over_stdio(mut child: Child) -> Result<Self, LinkError> {
        let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
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
        let (to_machine, frames) = channel::<Vec<u8>>();
        // A line that takes no more is told by the machine's silence, with its exit status.
        let writer = std::thread::spawn(move || {
            for frame in frames {
                if stdin
                    .write_all(&frame)
                    .and_then(|()| stdin.flush())
                    .is_err()
                {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            to_machine: Some(to_machine),
            from_machine,
            threads: vec![reader, writer],
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
        let mut line = Vec::new();
        frame::write(&mut line, request, payload)
            .map_err(|error| LinkError(format!("the request cannot be sent: {error}")))?;
        if let Some(to_machine) = &self.to_machine {
            // When the writer is gone, so is the machine, and that is found out below.
            let _ = to_machine.send(line);
        }
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
                    return Err(LinkError(format!(
                        "the machine ended without an answer: {}",
                        describe(self.end())
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

    /// Lets a machine that was told to shut down end by itself, as a profiler that runs it needs; ends it at `deadline`.
    pub(crate) fn wait_for_end(&mut self, deadline: Duration) {
        let end = Instant::now() + deadline;
        // The line is closed when the process has ended.
        while let Ok(Ok(_)) = self
            .from_machine
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {}
        self.end();
    }

    /// Ends the process and reaps it.
    fn end(&mut self) -> Option<ExitStatus> {
        self.to_machine = None;
        // A process that is ending keeps its own status: it closes its line after that is decided, and killing it then
        // changes nothing.
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
        for thread in self.threads.drain(..) {
            let _ = thread.join();
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

#[cfg(all(test, unix))]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_machine_that_reads_nothing_cannot_hold_the_host() {
        let child = Command::new("sleep")
            .arg("1000")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sleep can be started");
        let mut link = Link::over_stdio(child).expect("both ends are piped");
        let request = Request::Stage {
            name: "large".into(),
        };
        // More than any pipe holds, so the last byte is never taken.
        let payload = vec![0; 4 << 20];
        let error = link
            .request(&request, &payload, Duration::from_secs(1), |_, _| {})
            .expect_err("nobody answers");
        assert!(error.0.contains("no answer within 1 s"), "{error}");
    }
}
