//! What is signed: the package for machines in test mode first, because it is played; then for whom the release is.

use std::path::Path;

use anyhow::{Result, bail};
use waverig_ci::Verdict;
use waverig_package::package::sign as sign_package;

use super::{Wish, parts};
use crate::context::Context;
use crate::layout;
use crate::machine;
use crate::play::Plan;
use crate::signer;
use crate::verbs::Options;
use crate::verbs::vm_test::{self, Faults};

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

/// Signs the files for whom the release is, into `signed/`.
pub(super) fn sign(
    context: &Context,
    wish: &Wish,
    unsigned: &Path,
    folder: &Path,
) -> Result<Vec<String>> {
    let signed = folder.join("signed");
    layout::fresh(&signed)?;
    let made = sign_package(
        &signed,
        &parts::read(context, unsigned)?,
        &signer::load(context, wish.signer.as_deref())?,
    )?;
    let names = made
        .files
        .iter()
        .map(|file| format!("signed/{}", file.name));
    Ok(names.chain(["signed/manifest.json".into()]).collect())
}
