//! QEMU's monitor.
//!
//! Source: QEMU's documentation, "QEMU Machine Protocol Specification" and "QEMU QMP Reference Manual".

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// How long QEMU may take for one command.
const DEADLINE: Duration = Duration::from_secs(10);

/// What a monitor says unasked.
pub(super) struct Event<'a> {
    pub(super) name: &'a str,
    pub(super) data: &'a Value,
    /// When it happened, since 1970 by the host's clock.
    pub(super) at: Duration,
}

impl<'a> Event<'a> {
    /// A message as an event, when it is one.
    fn of(message: &'a Value) -> Option<Self> {
        let part = |name: &str| message["timestamp"][name].as_u64().unwrap_or(0);
        Some(Self {
            name: message.get("event")?.as_str()?,
            data: &message["data"],
            at: Duration::from_secs(part("seconds")) + Duration::from_micros(part("microseconds")),
        })
    }
}

/// The line to a monitor. One command at a time.
pub(super) struct Qmp {
    to_qemu: UnixStream,
    answers: Receiver<Value>,
}

impl Qmp {
    /// Takes over a connection: waits for the greeting and ends the negotiation. `event` gets every event, in a thread of its own.
    ///
    /// # Errors
    /// When what is at the other end is no QEMU.
    pub(super) fn open(
        stream: UnixStream,
        mut event: impl FnMut(&Event) + Send + 'static,
    ) -> io::Result<Self> {
        let lines = BufReader::new(stream.try_clone()?);
        let (answer, answers) = channel();
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let Ok(message) = serde_json::from_str::<Value>(&line) else {
                    continue;
                };
                match Event::of(&message) {
                    Some(told) => event(&told),
                    None => {
                        if answer.send(message).is_err() {
                            return;
                        }
                    }
                }
            }
        });
        let mut qmp = Self {
            to_qemu: stream,
            answers,
        };
        let greeting = qmp.answer("the greeting")?;
        if greeting.get("QMP").is_none() {
            return Err(io::Error::other(format!("no greeting: {greeting}")));
        }
        qmp.command("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Carries out one command.
    ///
    /// # Errors
    /// When QEMU refuses, is gone or takes too long; the text names the command.
    pub(super) fn command(&mut self, name: &str, arguments: &Value) -> io::Result<Value> {
        let line = json!({ "execute": name, "arguments": arguments });
        writeln!(self.to_qemu, "{line}")?;
        let mut answer = self.answer(name)?;
        match answer.get_mut("return") {
            Some(value) => Ok(value.take()),
            None => Err(io::Error::other(format!(
                "{name}: {}",
                answer["error"]["desc"]
            ))),
        }
    }

    /// One command of the monitor for people, and what it prints.
    ///
    /// # Errors
    /// As [`Self::command`].
    pub(super) fn human(&mut self, line: &str) -> io::Result<String> {
        let arguments = json!({ "command-line": line });
        let answer = self.command("human-monitor-command", &arguments)?;
        Ok(answer.as_str().unwrap_or_default().replace('\r', ""))
    }

    fn answer(&self, to: &str) -> io::Result<Value> {
        self.answers.recv_timeout(DEADLINE).map_err(|error| {
            io::Error::new(
                io::ErrorKind::TimedOut,
                format!("QEMU's monitor gave no answer to {to}: {error}"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A monitor that greets with the first of these lines, and says each other one when it was asked; events come unasked.
    fn monitor(lines: &'static [&'static str]) -> UnixStream {
        let (ours, mut theirs) = UnixStream::pair().expect("sockets exist");
        thread::spawn(move || {
            let asked = theirs.try_clone().expect("a socket has two ends");
            let mut asked = BufReader::new(asked).lines();
            for (number, line) in lines.iter().enumerate() {
                if number > 0 && !line.contains("event") {
                    asked.next();
                }
                writeln!(theirs, "{line}").expect("the test reads");
            }
        });
        ours
    }

    #[test]
    fn answers_and_events_are_told_apart() {
        let stream = monitor(&[
            r#"{"QMP": {"version": {}}}"#,
            r#"{"return": {}}"#,
            r#"{"event": "RESET", "data": {"guest": true}, "timestamp": {"seconds": 3, "microseconds": 500000}}"#,
            r#"{"return": {"status": "running"}}"#,
            r#"{"error": {"class": "GenericError", "desc": "no such device"}}"#,
        ]);
        let (told, events) = channel();
        let mut qmp = Qmp::open(stream, move |event| {
            let _ = told.send(format!("{:?} {} {}", event.at, event.name, event.data));
        })
        .expect("it greets");
        let status = qmp.command("query-status", &json!({})).expect("answered");
        assert_eq!(status["status"], "running");
        assert_eq!(events.recv().expect("one"), r#"3.5s RESET {"guest":true}"#);
        let error = qmp.command("eject", &json!({})).expect_err("refused");
        assert!(
            error.to_string().contains("eject: \"no such device\""),
            "{error}"
        );
        let error = qmp.command("quit", &json!({})).expect_err("it is gone");
        assert!(
            error.to_string().contains("gave no answer to quit")
                || error.kind() == io::ErrorKind::BrokenPipe,
            "{error}"
        );
    }

    #[test]
    fn whoever_does_not_greet_is_no_qemu() {
        let error = Qmp::open(monitor(&[r#"{"return": {}}"#]), |_| {}).err();
        assert!(
            error
                .expect("it does not greet")
                .to_string()
                .contains("no greeting")
        );
    }
}
