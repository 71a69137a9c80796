//! What is signed: the package for machines in test mode first, because it is played; then for whom the release is.

use std::path::Path;

use anyhow::{Result, bail};
use waverig_ci::Verdict;
use waverig_package::package::{check_files, check_signer, sign as sign_package};
use waverig_package::{UnixTime, authenticode, cabinet};

use super::parts::{self, AGENT, SENDER, SETUP};
use super::{Kind, Release, SIGNED, UNSIGNED, Wish};
use crate::context::Context;
use crate::installer;
use crate::layout;
use crate::machine;
use crate::play::Plan;
use crate::signer;
use crate::verbs::Options;
use crate::verbs::package::{self, NAME};
use crate::verbs::vm_test::{self, Faults};

/// The cabinet for Microsoft.
pub(super) const CABINET: &str = "submission.cab";

/// Plays every scenario with the release's driver, signed with the test certificate: apart from the signature the file that is
/// released, and the very file when the test certificate signs the release.
pub(super) fn play(
    context: &Context,
    filter: Option<&str>,
    unsigned: &Path,
    folder: &Path,
) -> Result<Vec<String>> {
    let inside = Context::new(Some(folder.to_owned()))?;
    let package = inside.layout.package();
    layout::fresh(&package)?;
    sign_package(
        &package,
        &parts::read(context, unsigned)?,
        &signer::load(context, None)?,
    )?;
    let options = Options {
        machine: Some("sim".into()),
        filter: filter.map(str::to_owned),
        ..Options::default()
    };
    let plan = Plan::new(&inside, &options)?;
    let machine = machine::select(&inside, &plan.machine)?;
    let verdict = vm_test::run_on(&inside, &*machine, &plan, &Faults::None)?;
    if verdict != Verdict::Passed {
        bail!(
            "the driver that would be released did not pass; see {}",
            folder.join("summary.md").display()
        );
    }
    Ok(vec!["summary.md".into(), "junit.xml".into()])
}

/// What keeps this signer from such a release: told before anything is built.
pub(super) fn check(context: &Context, wish: &Wish) -> Result<()> {
    let signer = signer::load(context, wish.signer.as_deref())?;
    signer::refuse(check_signer(&signer, wish.kind.release(), UnixTime::now()))
}

/// Signs the files for whom the release is, into `signed/`, and judges them as those will who take them.
pub(super) fn sign(release: &Release<'_>) -> Result<Vec<String>> {
    let (context, wish) = (release.context, release.wish);
    let unsigned = release.folder.join(UNSIGNED);
    let signed = release.folder.join(SIGNED);
    layout::fresh(&signed)?;
    let signer = signer::load(context, wish.signer.as_deref())?;
    let made = sign_package(&signed, &parts::read(context, &unsigned)?, &signer)?;
    let mut names: Vec<String> = made.files.into_iter().map(|file| file.name).collect();
    match wish.kind {
        Kind::Test => {
            installer::make(context, &unsigned.join(SETUP), &signed, &signed, &signer)?;
            names.push(SETUP.into());
            for program in [AGENT, SENDER] {
                let bytes = package::read(&unsigned.join(program))?;
                let bytes = authenticode::sign(&bytes, &signer, false)?;
                parts::write(&signed.join(program), &bytes)?;
                names.push(program.into());
            }
        }
        Kind::Attestation => {
            let files = read_all(&signed, &names)?;
            let files: Vec<(&str, &[u8])> = files
                .iter()
                .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
                .collect();
            let day = package::stated(&context.layout, &package::WAVERIG)?.date;
            let cabinet = cabinet::sign(&cabinet::write(NAME, &files, day)?, &signer)?;
            parts::write(&signed.join(CABINET), &cabinet)?;
            names.push(CABINET.into());
        }
    }
    let files = read_all(&signed, &names)?;
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    signer::refuse(check_files(
        &files,
        &signer,
        wish.kind.release(),
        UnixTime::now(),
    ))?;
    names.push("manifest.json".into());
    Ok(names
        .into_iter()
        .map(|name| format!("{SIGNED}/{name}"))
        .collect())
}

fn read_all(folder: &Path, names: &[String]) -> Result<Vec<(String, Vec<u8>)>> {
    let read = |name: &String| Ok((name.clone(), package::read(&folder.join(name))?));
    names.iter().map(read).collect()
}
