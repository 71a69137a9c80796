//! The simulator's program: loads a driver alone, or serves a session for the rig.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match waverig_sim::program::run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("waverig-sim: {error:#}");
            ExitCode::from(2)
        }
    }
}
