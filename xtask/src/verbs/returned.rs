//! `cargo xtask returned`: is what came back from Microsoft what was sent, with another signature?

use std::fs;
use std::io::{Cursor, Read as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use waverig_package::cert::{Certificate, Trust};
use waverig_package::package::{NamedFile, check_returned};
use waverig_package::{UnixTime, cabinet};

use super::{Options, Verb};
use crate::context::Context;
use crate::stop::Usage;

pub(super) const VERB: Verb = Verb {
    name: "returned",
    about: "Checks the package that came back (a ZIP, a cabinet or a folder) against the cabinet that was submitted.",
    options: "[--sent CAB] [--back RETURNED] [--roots PEM] [--stamp-roots PEM] [--systems LIST]",
    run,
};

/// More than a driver package unpacks to.
const LARGEST: u64 = 256 << 20;

fn run(_: &mut Context, options: &Options) -> Result<ExitCode> {
    let (Some(sent), Some(file), Some(roots)) = (&options.sent, &options.back, &options.roots)
    else {
        return Err(Usage(
            "returned needs --sent SUBMISSION.cab, --back RETURNED and --roots PEM (the roots of who signed: docs/signing.md)".into(),
        )
        .into());
    };
    let sent = files(sent)?;
    let returned = files(file)?;
    let trust = Trust::of_roots(certificates(roots)?, UnixTime::now());
    let stamp_roots = options.stamp_roots.as_ref().unwrap_or(roots);
    let trust = trust.with_stamp_roots(certificates(stamp_roots)?);
    let systems: Vec<String> = options
        .systems
        .iter()
        .flat_map(|list| list.split(','))
        .map(str::to_owned)
        .collect();
    match check_returned(&sent, &returned, &trust, &systems) {
        Ok(right) => {
            println!("signed by {}", right.signer);
            match right.time_stamp {
                Some(time) => println!("time stamp: {time}"),
                None => println!("no time stamp"),
            }
            println!("for {}", right.systems.join(", "));
            for other in right.others {
                println!("not sent, not judged: {other}");
            }
            println!("passed: the driver that came back is the one that was sent");
            Ok(ExitCode::SUCCESS)
        }
        Err(findings) => {
            for finding in &findings {
                println!("{finding}");
            }
            println!(
                "failed: {} findings; do not ship what came back",
                findings.len()
            );
            Ok(ExitCode::FAILURE)
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Certificate::all_from_pem(&bytes).with_context(|| path.display().to_string())
}

/// The files in a folder, a cabinet or a ZIP, all the way down.
fn files(path: &Path) -> Result<Vec<NamedFile>> {
    if path.is_dir() {
        let mut found = Vec::new();
        folder(path, &mut found)?;
        return Ok(found);
    }
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let named = || path.display().to_string();
    if bytes.starts_with(b"MSCF") {
        return cabinet::read(&bytes).with_context(named);
    }
    if bytes.starts_with(b"PK") {
        return zip(&bytes).with_context(named);
    }
    bail!(
        "{} is neither a folder nor a cabinet nor a ZIP",
        path.display()
    )
}

fn folder(path: &Path, found: &mut Vec<NamedFile>) -> Result<()> {
    for entry in fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            folder(&path, found)?;
        } else {
            let bytes =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            found.push((path.display().to_string(), bytes));
        }
    }
    Ok(())
}

fn zip(bytes: &[u8]) -> Result<Vec<NamedFile>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes))?;
    let mut left = LARGEST;
    let mut found = Vec::new();
    for at in 0..archive.len() {
        let file = archive.by_index(at)?;
        if file.is_dir() {
            continue;
        }
        let (name, mut content) = (file.name()?.into_owned(), Vec::new());
        file.take(left + 1).read_to_end(&mut content)?;
        left = left
            .checked_sub(content.len() as u64)
            .with_context(|| format!("it unpacks to more than {LARGEST} bytes"))?;
        found.push((name, content));
    }
    Ok(found)
}
