//! `cargo xtask triage`: what a crash dump of a Windows machine says, in a line.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use waverig_kit::SOURCES;
use waverig_vm::dump::{self, Own};

use super::package::NAME;
use super::{Options, Verb};
use crate::context::Context;
use crate::stop::Usage;

pub(super) const VERB: Verb = Verb {
    name: "triage",
    about: "Reads the crash dump of a Windows machine: the bug check, and where in the driver it was; names of places from the image and PDB in the folder.",
    options: "FILE [--pdb FOLDER] [--json] [--out FOLDER]",
    run,
};

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    let Some(file) = &options.file else {
        return Err(Usage("triage needs a dump: cargo xtask triage MEMORY.DMP".into()).into());
    };
    let own = own(context, options.pdb.as_deref())?;
    let triage = dump::triage(file, Some(&own)).map_err(|error| anyhow!(error))?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&triage.json())?);
    } else {
        println!("{triage}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The driver in the folder that was named, else that of the package; without one, places have no names.
fn own(context: &Context, folder: Option<&Path>) -> Result<Own> {
    let package = context.layout.package();
    let own = Own::of_image(
        &folder.unwrap_or(&package).join(format!("{NAME}.sys")),
        SOURCES,
    );
    match (&own.pdb, &own.build, folder) {
        (Some(_), Some(_), _) => {}
        (_, _, Some(folder)) => {
            let text = format!(
                "--pdb {}: there must be {NAME}.sys and {NAME}.pdb of the build that crashed",
                folder.display()
            );
            return Err(Usage(text).into());
        }
        (_, _, None) => eprintln!(
            "no names of places: {} has no {NAME}.sys with its {NAME}.pdb; name the folder with --pdb",
            package.display()
        ),
    }
    Ok(own)
}
