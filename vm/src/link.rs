//! A booted machine: one request at a time, every answer within a deadline.

mod ask;

use std::fmt;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use waverig_protocol::frame::{self, FrameError};
use waverig_protocol::{PROTOCOL_VERSION, Reply, Request, Up};

use crate::collect::Keep;
use crate::interrupt;
use crate::line::{Arrival, Line};
use crate::payload::Payload;

/// Why a machine gave no (further) answer.
#[derive(Debug)]
pub struct LinkError(pub(crate) String);

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LinkError {}

/// How long an agent may take to send what its operating system wrote: a kernel's dump has hundreds of megabytes.
const COLLECT: Duration = Duration::from_secs(600);

/// What stands behind a line, and ends with it.
pub(crate) trait Behind: Send {
    /// Ends the machine whatever it does, and says how it ended. When something went wrong, what only a living machine can tell is
    /// collected first. Further calls do nothing.
    fn end(&mut self, cause: Option<Cause>) -> String;

    /// Where what its agent collects goes; `None` when that has nothing to collect.
    fn keep(&self) -> Option<Keep> {
        None
    }

    /// What another agent collects, where the session's own can no longer be asked.
    fn collect(&mut self) -> Option<Vec<String>> {
        None
    }

    /// What is left of a driver after the session's end, where its own agent can no longer be asked.
    fn left(&mut self) -> Option<Result<Vec<String>, LinkError>> {
        None
    }

    /// The next start of the operating system is one that was asked for.
    fn expect_restart(&mut self) {}

    /// After a session that ended well: keeps the machine for the next one, or ends it at `deadline`.
    fn finish(self: Box<Self>, line: Line, deadline: Duration);
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// No answer in time.
    Silence,
    /// The line is closed or damaged.
    Line,
    /// The machine crashed, or did what nobody asked for.
    Machine,
    /// Somebody wants the run to end.
    Interrupted,
    /// The session went to its end, and something of the driver is still there.
    Left,
}

impl Cause {
    /// For somebody who looks at the machine.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Silence => "it gave no answer in time",
            Self::Line => "its line is closed or damaged",
            Self::Machine => "it crashed, or did what nobody asked for",
            Self::Interrupted => "the run was interrupted",
            Self::Left => "something was left in it",
        }
    }
}

/// The line to a machine. Dropping it ends the machine.
pub struct Link {
    line: Option<Line>,
    behind: Option<Box<dyn Behind>>,
    /// What lies on a disk of the machine.
    payload: Arc<Payload>,
}

impl Link {
    pub(crate) fn new(line: Line, behind: Box<dyn Behind>) -> Self {
        Self {
            line: Some(line),
            behind: Some(behind),
            payload: Arc::default(),
        }
    }

    /// The machine has this on a disk.
    pub(crate) fn holding(mut self, payload: &Arc<Payload>) -> Self {
        self.payload = Arc::clone(payload);
        self
    }

    /// What lies on a disk of the machine.
    pub(crate) fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Takes over a child whose standard input and output are piped.
    ///
    /// # Errors
    /// When they are not.
    pub fn over_stdio(mut child: Child) -> Result<Self, LinkError> {
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(LinkError(
                "the machine's standard input and output are not piped".into(),
            ));
        };
        Ok(Self::new(
            Line::strict(stdout, stdin),
            Box::new(Process(child)),
        ))
    }

    /// Sends a request and hands each reply to `each`, up to and including the final one.
    ///
    /// # Errors
    /// When the machine ends, garbles the line, or has not given its final reply when `deadline` has passed, or when somebody
    /// interrupts the run; the text says which. The machine is of no use afterwards.
    pub fn request(
        &mut self,
        request: &Request,
        payload: &[u8],
        deadline: Duration,
        mut each: impl FnMut(Reply, Vec<u8>),
    ) -> Result<(), LinkError> {
        let mut frame = Vec::new();
        frame::write(&mut frame, request, payload)
            .map_err(|error| LinkError(format!("the request cannot be sent: {error}")))?;
        if let Some(line) = &self.line {
            line.send(frame);
        }
        let end = Instant::now() + deadline;
        loop {
            let (reply, payload) = self.reply(
                end,
                "the machine ended without an answer",
                &format!(
                    "the machine gave no answer within {} s and was ended",
                    deadline.as_secs_f32()
                ),
            )?;
            if let Reply::Up(up) = &*reply {
                let mut told = vec![format!("the agent on {} started anew by itself", up.system)];
                if !matches!(request, Request::Collect) {
                    // It is there, and knows what there was before it.
                    told.extend(self.collect(COLLECT));
                }
                return Err(self.broken(Cause::Machine, &told.join("; ")));
            }
            let last = reply.is_final();
            each(*reply, payload);
            if last {
                return Ok(());
            }
        }
    }

    /// What the agent says when it is up.
    ///
    /// # Errors
    /// As [`Self::request`], and when the agent speaks another version of the protocol.
    pub fn up(&mut self, deadline: Duration) -> Result<Up, LinkError> {
        self.up_unless(deadline, deadline, || None)
    }

    /// The same; so often `over` is asked meanwhile whether the machine is of no more use, and why.
    ///
    /// # Errors
    /// As [`Self::up`], and with what `over` says.
    pub(crate) fn up_unless(
        &mut self,
        deadline: Duration,
        every: Duration,
        mut over: impl FnMut() -> Option<String>,
    ) -> Result<Up, LinkError> {
        let end = Instant::now() + deadline;
        let next = loop {
            let next = self.next(end.min(Instant::now() + every));
            if !matches!(next, Err(Silence::Deadline)) || Instant::now() >= end {
                break next;
            }
            if let Some(why) = over() {
                return Err(self.broken(Cause::Machine, &why));
            }
        };
        let (reply, _) = self.arrived(
            next,
            "the machine ended before its agent was up",
            &format!(
                "the machine's agent was not up within {} s, and the machine was ended",
                deadline.as_secs_f32()
            ),
        )?;
        match *reply {
            Reply::Up(up) if up.version == PROTOCOL_VERSION => Ok(up),
            Reply::Up(up) => {
                let text = format!(
                    "the agent speaks protocol version {}, this host {PROTOCOL_VERSION}",
                    up.version
                );
                Err(self.broken(Cause::Machine, &text))
            }
            other => {
                let text = format!("before the agent was up the machine said {other:?}");
                Err(self.broken(Cause::Line, &text))
            }
        }
    }

    /// The next reply before `end`; whatever comes instead ends the machine, a closed line with the words of `closed`, a deadline that
    /// has passed with those of `late`.
    fn reply(
        &mut self,
        end: Instant,
        closed: &str,
        late: &str,
    ) -> Result<(Box<Reply>, Vec<u8>), LinkError> {
        let next = self.next(end);
        self.arrived(next, closed, late)
    }

    fn arrived(
        &mut self,
        next: Result<Arrival, Silence>,
        closed: &str,
        late: &str,
    ) -> Result<(Box<Reply>, Vec<u8>), LinkError> {
        Err(match next {
            Ok(Arrival::Reply(reply, payload)) => return Ok((reply, payload)),
            Ok(Arrival::Lost(FrameError::Closed)) | Err(Silence::Gone) => {
                self.broken(Cause::Line, closed)
            }
            Ok(Arrival::Lost(error)) => self.broken(Cause::Line, &error.to_string()),
            Ok(Arrival::Broken(what)) => self.broken(Cause::Machine, &what),
            Err(Silence::Interrupted) => self.broken(
                Cause::Interrupted,
                "the run was interrupted, and the machine ended",
            ),
            Err(Silence::Deadline) => self.broken(Cause::Silence, late),
        })
    }

    /// Starts the machine's operating system anew, between sessions; what its agent says when it is up again.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn restart(&mut self, deadline: Duration) -> Result<Up, LinkError> {
        if let Some(behind) = &mut self.behind {
            behind.expect_restart();
        }
        self.request(&Request::Restart, &[], deadline, |_, _| {})?;
        self.up(deadline)
    }

    /// The next arrival before `end`.
    fn next(&self, end: Instant) -> Result<Arrival, Silence> {
        let Some(line) = &self.line else {
            return Err(Silence::Gone);
        };
        loop {
            // In pieces, so that an interruption is seen soon.
            let left = end.saturating_duration_since(Instant::now());
            match line.next(left.min(interrupt::LOOK)) {
                Ok(arrival) => return Ok(arrival),
                Err(RecvTimeoutError::Disconnected) => return Err(Silence::Gone),
                Err(RecvTimeoutError::Timeout) if interrupt::pending() => {
                    return Err(Silence::Interrupted);
                }
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Err(Silence::Deadline),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Ends the machine, because of `why`.
    fn broken(&mut self, cause: Cause, why: &str) -> LinkError {
        let how = self.end(Some(cause));
        LinkError(if how.is_empty() {
            why.to_owned()
        } else {
            format!("{why}: {how}")
        })
    }

    /// After the last request of a session that ended well.
    pub(crate) fn finish(mut self, deadline: Duration) {
        if let (Some(behind), Some(line)) = (self.behind.take(), self.line.take()) {
            behind.finish(line, deadline);
        }
    }

    /// After a session that left something in the machine, which serves no other one then: ends it. What became of it; nothing of one that has
    /// ended already.
    pub(crate) fn retire(mut self) -> Option<String> {
        self.behind.as_ref()?;
        let how = self.end(Some(Cause::Left));
        Some(format!(
            "the machine serves no other session, since something was left in it: {how}"
        ))
    }

    fn end(&mut self, cause: Option<Cause>) -> String {
        // What has ended is neither asked nor kept for another session.
        let how = self.behind.take().map(|mut behind| behind.end(cause));
        if let Some(line) = &mut self.line {
            line.close();
        }
        how.unwrap_or_default()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.end(None);
    }
}

/// Why nothing arrived.
enum Silence {
    /// The deadline has passed.
    Deadline,
    /// Nobody will ever send anything.
    Gone,
    /// Somebody wants the run to end.
    Interrupted,
}

/// A machine that is a child process.
struct Process(Child);

impl Behind for Process {
    fn end(&mut self, _: Option<Cause>) -> String {
        end(&mut self.0)
    }

    /// Lets it end by itself, as a profiler that runs it needs.
    fn finish(mut self: Box<Self>, line: Line, deadline: Duration) {
        // Which is when the process has ended.
        line.until_closed(deadline);
        self.end(None);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end(None);
    }
}

/// Ends a process that has not ended; how it ended.
pub(crate) fn end(process: &mut Child) -> String {
    // One that is ending keeps its own status: it closes its line after that is decided, and killing it then changes nothing.
    let status = match process.try_wait() {
        Ok(Some(status)) => Some(status),
        _ => {
            let _ = process.kill();
            process.wait().ok()
        }
    };
    describe(status)
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
