//! `cargo xtask release`: from a clean tag to signed files, described and packed; and its first half by itself.

use std::process::ExitCode;

use anyhow::Result;

use super::{Options, Verb, build};
use crate::context::Context;
use crate::release::{self, Kind, Wish};
use crate::stop::Usage;

pub(super) const VERB: Verb = Verb {
    name: "release",
    about: "From a clean tag to a release: builds twice, plays, signs, packs, describes. --verify: builds twice and compares, no more.",
    options: "[--kind test|attestation] [--signer FILE] [--dry-run] [--publish] [--verify] [--filter NAME] [--arch x64|arm64] [--out FOLDER]",
    run,
};

pub(super) const PARTS: Verb = Verb {
    name: "release parts",
    about: "The files of a release that nobody has signed, as they are compared.",
    options: "[--arch x64|arm64] [--out FOLDER]",
    run: run_parts,
};

fn run(context: &mut Context, options: &Options) -> Result<ExitCode> {
    let arch = build::arch(options)?;
    let name = options.kind.as_deref().unwrap_or(Kind::Test.name());
    let kind = Kind::ALL
        .into_iter()
        .find(|kind| kind.name() == name)
        .ok_or_else(|| {
            let names = Kind::ALL.map(Kind::name).join(", ");
            Usage(format!(
                "there is no kind of release {name:?}; there are {names}"
            ))
        })?;
    if options.dry_run && options.publish {
        return Err(Usage("--dry-run publishes nothing; leave out one of the two".into()).into());
    }
    if options.publish && kind == Kind::Attestation {
        return Err(Usage(
            "what is handed in for attestation is not published; publish what comes back".into(),
        )
        .into());
    }
    context.claim()?;
    if options.verify {
        release::verify(context, arch)?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.arch.is_some() {
        return Err(Usage(
            "--arch goes with --verify: releases are for x64, nothing has executed the others yet"
                .into(),
        )
        .into());
    }
    if options.filter.is_some() && !options.dry_run {
        return Err(Usage(
            "--filter goes with --dry-run: what is released has passed everything".into(),
        )
        .into());
    }
    let wish = Wish {
        kind,
        signer: options.signer.clone(),
        dry_run: options.dry_run,
        filter: options.filter.clone(),
        publish: options.publish,
    };
    release::make(context, &wish)?;
    Ok(ExitCode::SUCCESS)
}

fn run_parts(context: &mut Context, options: &Options) -> Result<ExitCode> {
    context.claim()?;
    let folder = context.layout.rig().join("unsigned");
    for name in release::make_parts(context, build::arch(options)?, &folder)? {
        println!("{}", folder.join(name).display());
    }
    Ok(ExitCode::SUCCESS)
}
