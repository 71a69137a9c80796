//! The one door to external programs, so that tests (and the orchestrator) can put something else behind it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio as ProcessStdio};

/// Where a program's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdio {
    /// Into [`Output`].
    Capture,
    /// To the user's terminal, as it comes.
    Inherit,
}

/// A program to run: what, with which arguments, where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Program name (looked up in `PATH`) or path.
    pub program: OsString,
    /// Arguments, without the program.
    pub args: Vec<OsString>,
    /// Environment changes: `None` removes the variable.
    pub env: Vec<(OsString, Option<OsString>)>,
    /// Working folder; the caller's when `None`.
    pub cwd: Option<PathBuf>,
    /// Where its output goes.
    pub stdio: Stdio,
}

impl Invocation {
    /// A program without arguments whose output is captured.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            cwd: None,
            stdio: Stdio::Capture,
        }
    }

    /// Adds arguments.
    pub fn args<I, A>(mut self, args: I) -> Self
    where
        I: IntoIterator<Item = A>,
        A: Into<OsString>,
    {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    /// Removes an environment variable.
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.env.push((name.into(), None));
        self
    }

    /// Sets the working folder.
    pub fn cwd(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cwd = Some(folder.into());
        self
    }

    /// Lets the output stream to the user.
    pub fn inherit(mut self) -> Self {
        self.stdio = Stdio::Inherit;
        self
    }

    /// The command as a person would type it.
    pub fn line(&self) -> String {
        std::iter::once(&self.program)
            .chain(&self.args)
            .map(|word| quote(word))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// What a program left behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// Exit code; `None` when a signal ended the program.
    pub code: Option<i32>,
    /// Standard output, empty when inherited.
    pub stdout: String,
    /// Standard error, empty when inherited.
    pub stderr: String,
}

impl Output {
    /// Whether the exit code is 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

/// Runs external programs.
pub trait Runner {
    /// Runs one program to its end.
    ///
    /// # Errors
    /// Only when the program could not be started; a failing program is an [`Output`] with its code.
    fn run(&self, invocation: &Invocation) -> io::Result<Output>;
}

/// The runner that really starts processes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRunner;

impl Runner for SystemRunner {
    fn run(&self, invocation: &Invocation) -> io::Result<Output> {
        let mut command = Command::new(&invocation.program);
        command.args(&invocation.args).stdin(ProcessStdio::null());
        for (name, value) in &invocation.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(cwd) = &invocation.cwd {
            command.current_dir(cwd);
        }
        match invocation.stdio {
            Stdio::Inherit => Ok(Output {
                code: command.status()?.code(),
                ..Output::default()
            }),
            Stdio::Capture => {
                let output = command.output()?;
                Ok(Output {
                    code: output.status.code(),
                    stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                    stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
                })
            }
        }
    }
}
