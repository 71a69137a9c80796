//! `cargo xtask inspect`: what the driver package offers once it is installed, as a tree or as JSON.

use std::process::ExitCode;

use anyhow::Result;

use super::{Options, Verb, package};
use crate::context::Context;
use crate::{machine, play, stop};

pub(super) const VERB: Verb = Verb {
    name: "inspect",
    about: "Installs the package on a test machine and shows its endpoints, filters, pins, formats and interfaces.",
    options: "[--machine auto|sim] [--json] [--out FOLDER]",
    run,
};

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    let machine = machine::select(context, options.machine.as_deref().unwrap_or("auto"))?;
    if !context.layout.package().is_dir() {
        package::make(context, None)?;
    }
    let evidence = play::inspect(context, &*machine)?;
    if let Some(inspection) = &evidence.inspection {
        if options.json {
            println!("{}", serde_json::to_string_pretty(inspection)?);
        } else {
            print!("{inspection}");
        }
    }
    let problems = play::install_problems(&context.layout.package(), &evidence)?;
    for problem in &problems {
        eprintln!("{}: {}", problem.title, problem.text);
    }
    Ok(if problems.is_empty() && evidence.inspection.is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(stop::FAILED)
    })
}
