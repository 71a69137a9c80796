//! `cargo xtask inspect`: what the driver package offers once it is installed, as a tree or as JSON; or what any other driver does.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::{Options, Verb, package};
use crate::context::Context;
use crate::stop::Usage;
use crate::{machine, play, stop};

pub(super) const VERB: Verb = Verb {
    name: "inspect",
    about: "Installs the package, or the driver that is named, on a test machine and shows its endpoints, filters, pins, formats and interfaces.",
    options: "[--machine auto|sim] [--driver X.sys] [--inf X.inf] [--json] [--out FOLDER]",
    run,
};

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    match (&options.driver, &options.inf) {
        (Some(driver), Some(inf)) => return other(driver, inf, options),
        (None, None) => {}
        _ => {
            return Err(Usage(
                "--driver and --inf go together: the image, and the INF that installs it".into(),
            )
            .into());
        }
    }
    context.claim()?;
    let machine = machine::select(context, options.machine.as_deref().unwrap_or("auto"))?;
    package::ensure(context)?;
    let evidence = play::inspect(context, &*machine)?;
    if let Some(inspection) = &evidence.inspection {
        if options.json {
            println!("{}", serde_json::to_string_pretty(inspection)?);
        } else {
            print!("{inspection}");
        }
    }
    let folder = context.layout.runs(machine.kind()).join("inspect");
    let problems = play::install_problems(&context.layout.package(), &evidence, &folder)?;
    for problem in &problems {
        eprintln!("{}: {}", problem.title, problem.text);
        if !problem.shown.is_empty() {
            eprintln!("{}", problem.shown);
        }
    }
    Ok(if problems.is_empty() && evidence.inspection.is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(stop::FAILED)
    })
}

/// A driver of any project, in this process: it is the simulator too, and a fault ends both with a report.
fn other(driver: &Path, inf: &Path, options: &Options) -> Result<ExitCode> {
    let show = if options.json { "--json" } else { "--inspect" };
    let words = [
        driver.display().to_string(),
        "--inf".into(),
        inf.display().to_string(),
        show.into(),
    ];
    waverig_sim::alone::run(&words)
}
