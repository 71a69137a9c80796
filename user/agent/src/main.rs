//! The program inside a test machine.
//!
//! In a Linux guest it is the first process ([`init`]): it mounts the disks, starts itself once more as the agent proper, and starts that
//! again when it ends. The agent ([`serve`]) says that it is up, takes the host's requests, and hands those of a session to the
//! simulator, which runs beside it.
//!
//! On Windows it carries the requests out itself: it installs the package, plays and captures. That is in the library beside it, with what
//! needs no operating system to be decided.

#[cfg(target_os = "linux")]
mod conditions;
#[cfg(target_os = "linux")]
mod init;
#[cfg(target_os = "linux")]
mod order;
#[cfg(target_os = "linux")]
mod places;
#[cfg(target_os = "linux")]
mod power;
#[cfg(target_os = "linux")]
mod sabotage;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(target_os = "linux")]
mod setup;
#[cfg(target_os = "linux")]
mod simulator;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let first = std::process::id() == 1;
    let result = if first { init::run() } else { serve::run() };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("waverig-agent: {error:#}");
            if first {
                // A first process that ends takes the kernel with it, which the host sees at once.
                eprintln!("waverig-agent: the machine cannot be used and stops");
            }
            ExitCode::FAILURE
        }
    }
}

#[cfg(windows)]
fn main() -> ExitCode {
    let options = match waverig_agent::options::Options::from(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("waverig-agent: {error}");
            return ExitCode::from(2);
        }
    };
    match waverig_agent::windows::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("waverig-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(any(target_os = "linux", windows)))]
fn main() -> ExitCode {
    eprintln!("waverig-agent: Linux and Windows machines are served, no others");
    ExitCode::FAILURE
}
