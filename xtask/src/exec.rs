//! The one place where xtask starts external programs; everything else takes a `Runner`, which tests replace.

use std::io;

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
