//! The program inside a test machine.
//!
//! In a Linux guest it is the first process ([`init`]): it mounts the disks, starts itself once more as the agent proper, and starts that
//! again when it ends. The agent ([`serve`]) says that it is up, takes the host's requests, and hands those of a session to the
//! simulator, which runs beside it.
//!
//! What a Windows guest needs (SetupAPI, WASAPI) is not here yet.

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

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("waverig-agent: only Linux guests are served so far");
    ExitCode::FAILURE
}
