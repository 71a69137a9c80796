//! The embedded simulator as a machine: a child process that speaks the protocol over stdio.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Link, LinkError, Machine, interrupt};

/// Starts the simulator with the given command line.
pub struct Sim {
    program: PathBuf,
    args: Vec<OsString>,
}

impl Sim {
    /// A simulator that is started as `program args…`.
    pub fn new(
        program: impl Into<PathBuf>,
        args: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
        }
    }
}

impl Machine for Sim {
    fn kind(&self) -> &'static str {
        "sim"
    }

    fn cannot_prove(&self) -> &'static str {
        "how Windows' own PortCls, audio engine, Plug and Play and Driver Verifier treat the driver"
    }

    fn boot(&self, evidence: &Path) -> Result<Link, LinkError> {
        if interrupt::pending() {
            return Err(interrupt::before_start());
        }
        let log = evidence.join("machine.log");
        let failed = |what: &str, error: std::io::Error| LinkError(format!("{what}: {error}"));
        let log = File::create(&log)
            .map_err(|e| failed(&format!("cannot write {}", log.display()), e))?;
        let child = Command::new(&self.program)
            .args(&self.args)
            // Where the machine keeps staged files: what a killed one leaves behind lies with its evidence.
            .env("WAVERIG_SIM_SCRATCH", evidence)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|e| {
                failed(
                    &format!("cannot start the simulator {}", self.program.display()),
                    e,
                )
            })?;
        Link::over_stdio(child)
    }
}
