//! The one place where xtask starts external programs; everything else takes a `Runner`, which tests replace.

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use waverig_kit::{Invocation, Output, Runner, Stdio};
use xshell::{Shell, cmd};

/// Runs programs through xshell.
pub(crate) struct Exec {
    shell: Shell,
}

impl Exec {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            shell: Shell::new()?,
        })
    }
}

impl Runner for Exec {
    fn run(&self, invocation: &Invocation) -> io::Result<Output> {
        let shell = self.shell.clone();
        if let Some(folder) = &invocation.cwd {
            shell.change_dir(folder);
        }
        let (program, args) = (&invocation.program, &invocation.args);
        let mut command = cmd!(shell, "{program} {args...}").quiet().ignore_status();
        for (name, value) in &invocation.env {
            command = match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        match invocation.stdio {
            // xshell turns an exit code into an error unless told not to, and does not give it back from `run`; the
            // process it prepares does.
            Stdio::Inherit => {
                let mut process = std::process::Command::from(command);
                Ok(Output {
                    code: process.stdin(std::process::Stdio::null()).status()?.code(),
                    ..Output::default()
                })
            }
            Stdio::Capture => {
                let output = command
                    .output()
                    .map_err(|error| io::Error::other(error.to_string()))?;
                Ok(Output {
                    code: output.status.code(),
                    stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                    stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
                })
            }
        }
    }
}

/// Gives `input` to a program and takes what it puts out, at most `most` bytes within `deadline`. Its messages go where this one's go.
///
/// # Errors
/// A program that cannot be started, fails, puts out too much, or takes too long; it does not outlive the call.
pub(crate) fn filter(
    program: &OsStr,
    words: &[String],
    input: &[u8],
    most: usize,
    deadline: Duration,
) -> Result<Vec<u8>, String> {
    let mut child = Command::new(program)
        .args(words)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .map_err(|error| format!("it cannot be started: {error}"))?;
    let answer = converse(&mut child, input, most, deadline);
    if answer.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    match answer {
        Ok(_) if !status.success() => Err(format!("it failed: {status}")),
        other => other,
    }
}

fn converse(
    child: &mut Child,
    input: &[u8],
    most: usize,
    deadline: Duration,
) -> Result<Vec<u8>, String> {
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("its input and output are not connected".into());
    };
    // A program that does not want to know is no error: what it answers counts.
    let _ = stdin.write_all(input);
    drop(stdin);
    // Reading ends by itself when the program is ended; what the program started and left may hold the pipe, so nobody waits for it.
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let result = stdout.take(most as u64 + 1).read_to_end(&mut bytes);
        let _ = send.send(result.map(|_| bytes));
    });
    match receive.recv_timeout(deadline) {
        Ok(Ok(bytes)) if bytes.len() > most => Err(format!("it put out more than {most} bytes")),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it gave no answer within {} s", deadline.as_secs())),
    }
}
