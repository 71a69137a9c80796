//! `cargo xtask doctor`: what this host can do, what is missing, and the command that adds it.

use std::process::ExitCode;

use anyhow::Result;

use super::{Options, Verb};
use crate::context::Context;
use crate::machine::survey::{Surveyed, survey};
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
        match (&item.found, &item.add) {
            (Some(place), _) => println!("   found  {}: {place}", item.name),
            (None, add) => {
                println!(" MISSING  {}, for {}", item.name, item.why);
                if let Some(add) = add {
                    println!("          {add}");
                }
                missing.extend(item.needed.then_some(item));
            }
        }
    }
    for Surveyed { name, usable } in survey(context) {
        match usable {
            Ok(how) => println!(" machine  {name}: {how}"),
            Err(why) => println!("      no  machine {name}: {why}"),
        }
    }
    println!("{}", setup::rights(&*context.exec));
    if missing.is_empty() {
        println!("next: cargo xtask ci");
        return Ok(ExitCode::SUCCESS);
    }
    let lines: Vec<_> = missing
        .iter()
        .filter_map(|item| item.add.as_deref())
        .collect();
    Err(HostLacks(format!(
        "{} missing; `cargo xtask ci` and `cargo xtask test` add what they need where they may; by hand:\n  {}",
        missing.len(),
        lines.join("\n  ")
    ))
    .into())
}
