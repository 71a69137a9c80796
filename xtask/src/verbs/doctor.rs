//! `cargo xtask doctor`: what this host can do, what is missing, and the command that adds it.

use std::process::ExitCode;

use anyhow::Result;

use super::{Options, Verb};
use crate::context::Context;
use crate::setup;
use crate::stop::HostLacks;

pub(super) const VERB: Verb = Verb {
    name: "doctor",
    about: "What this host has, what is missing, and the line that adds it. Changes nothing.",
    options: "",
    run,
};

fn run(context: &mut Context, _: &Options) -> Result<ExitCode> {
    let inventory = setup::inventory(context)?;
    let mut missing = Vec::new();
    for item in &inventory {
        match &item.found {
            Some(place) => println!("   found  {}: {place}", item.name),
            None => {
                println!(" MISSING  {}", item.name);
                missing.push(item);
            }
        }
    }
    println!("  machine sim: the simulator, part of this program; it needs nothing");
    if missing.is_empty() {
        println!("next: cargo xtask ci");
        return Ok(ExitCode::SUCCESS);
    }
    let lines: Vec<_> = missing
        .iter()
        .filter_map(|item| item.add.as_deref())
        .collect();
    Err(HostLacks(format!(
        "{} missing; `cargo xtask ci` adds what it needs where it may; by hand:\n  {}",
        missing.len(),
        lines.join("\n  ")
    ))
    .into())
}
