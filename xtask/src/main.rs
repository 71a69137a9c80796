//! The orchestrator: `cargo xtask VERB`. One file per verb in `verbs/`; what they share is beside this file.
//!
//! No logic lives here that a library crate could own: the kit builds, the package crate signs, the machines run, the
//! ci crate judges. Exit codes: 0 all passed; 1 a check failed; 2 wrong use; 3 this host lacks something.

mod agent;
mod bench;
mod compare;
mod context;
mod exec;
mod fault;
#[cfg(target_os = "linux")]
mod guest;
mod hold;
mod image;
mod installation;
mod installer;
mod interrupt;
mod lab;
mod layout;
mod machine;
mod mutant;
mod optimised;
mod play;
mod release;
mod setup;
mod signer;
mod spread;
mod stop;
mod subject;
mod ui;
mod verbs;

use std::process::ExitCode;

fn main() -> ExitCode {
    match verbs::run(lexopt::Parser::from_env()) {
        Ok(code) => code,
        Err(error) => stop::report(&error),
    }
}
