//! What is said about a release: bill of materials, provenance, notes, checksums.

use std::env;
use std::path::Path;

use anyhow::{Context as _, Error, Result, bail};
use waverig_kit::{Arch, Invocation};
use waverig_package::Sha256Digest;
use waverig_release::sbom::{self, File, Pin, Resolved, Subject};
use waverig_release::{provenance, sums};

use super::parts::{self, AGENT, SENDER, SETUP};
use super::{FILES, Kind, Release, SIGNED, UNSIGNED, names, now};
use crate::verbs::package::{self, NAME};

const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

/// Writes the texts about what was packed.
pub(super) fn write(release: &Release<'_>) -> Result<Vec<String>> {
    let (context, source) = (release.context, &release.source);
    let folder = release.folder.join(FILES);
    let packed = names(&release.journal, "pack", FILES);
    let pins = pins(release)?;
    let subject = Subject {
        name: NAME,
        version: source.version,
        repository: REPOSITORY,
        commit: &source.commit,
        time: source.time,
        license: env!("CARGO_PKG_LICENSE"),
    };
    let lock = package::read(&context.layout.root().join("Cargo.lock"))?;
    let lock_text = String::from_utf8_lossy(&lock);
    let inside = release.folder.join(if release.wish.dry_run {
        UNSIGNED
    } else {
        SIGNED
    });
    let file = |(name, kind): (&str, &'static str)| {
        Ok(File {
            sha256: digest(&inside.join(name))?,
            name: name.to_owned(),
            kind,
        })
    };
    let driver = format!("{NAME}.sys");
    let others = ["inf", "cat", "pdb"].map(|extension| format!("{NAME}.{extension}"));
    let mut listed = vec![(driver.as_str(), "device-driver")];
    listed.extend(others.iter().map(|name| (name.as_str(), "file")));
    let of_driver = metadata(release, Arch::X64.triple())?;
    let of_programs = metadata(release, waverig_kit::PROGRAMS)?;
    let mut resolved = vec![Resolved {
        file: &driver,
        package: NAME,
        metadata: &of_driver,
    }];
    if release.wish.kind == Kind::Test {
        for program in [SETUP, AGENT, SENDER] {
            listed.push((program, "application"));
            resolved.push(Resolved {
                file: program,
                package: program.trim_end_matches(".exe"),
                metadata: &of_programs,
            });
        }
    }
    let files = listed.into_iter().map(file).collect::<Result<Vec<_>>>()?;
    let bill = sbom::write(&subject, &files, &resolved, &lock_text, &pins).map_err(Error::msg)?;

    let (builder, invocation) = builder();
    let builder = provenance::Builder {
        id: &builder,
        invocation: invocation.as_deref(),
        started: release.started,
        finished: now(),
    };
    let options = [("kind", release.wish.kind.name())];
    let statement = provenance::write(
        &subject,
        &digests(&folder, &packed)?,
        &options,
        &pins,
        &lock,
        &builder,
    )
    .map_err(Error::msg)?;

    let base = format!("{NAME}-{}", source.version);
    let texts = [
        (format!("{base}.cdx.json"), bill),
        (format!("{base}.intoto.json"), statement),
        ("notes.md".to_owned(), format!("{}\n", source.notes.text)),
    ];
    for (name, text) in &texts {
        parts::write(&folder.join(name), text.as_bytes())?;
    }
    let mut made: Vec<String> = texts.into_iter().map(|(name, _)| name).collect();
    let all = [packed.as_slice(), &made].concat();
    let list = sums::list(digests(&folder, &all)?);
    parts::write(&folder.join("SHA256SUMS"), list.as_bytes())?;
    made.push("SHA256SUMS".into());
    Ok(made
        .into_iter()
        .map(|name| format!("{FILES}/{name}"))
        .collect())
}

fn digests<'a>(folder: &Path, names: &'a [String]) -> Result<Vec<(&'a str, Sha256Digest)>> {
    let one = |name: &'a String| Ok((name.as_str(), digest(&folder.join(name))?));
    names.iter().map(one).collect()
}

fn digest(path: &Path) -> Result<Sha256Digest> {
    Ok(Sha256Digest::of(&package::read(path)?))
}

/// What decides the driver's bytes beside sources and crates.
fn pins(release: &Release<'_>) -> Result<Vec<Pin>> {
    let context = release.context;
    let found = waverig_kit::pins(&*context.exec, &context.workspace(), Arch::X64)?;
    let pin = |pin: waverig_kit::Pin| Pin {
        name: pin.name,
        version: pin.version,
        sha256: pin.sha256,
    };
    Ok(found.into_iter().map(pin).collect())
}

/// What Cargo resolved for a target.
fn metadata(release: &Release<'_>, triple: &str) -> Result<String> {
    let command = Invocation::new("cargo")
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            triple,
        ])
        .cwd(release.context.layout.root());
    let output = release
        .context
        .exec
        .run(&command)
        .context("cannot start cargo")?;
    if !output.success() {
        bail!("`{}` failed:\n{}", command.line(), output.stderr.trim());
    }
    Ok(output.stdout)
}

/// Who builds: a workflow on GitHub says so in its environment, anybody else is this verb.
fn builder() -> (String, Option<String>) {
    let said = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    match (
        said("GITHUB_SERVER_URL"),
        said("GITHUB_WORKFLOW_REF"),
        said("GITHUB_REPOSITORY"),
        said("GITHUB_RUN_ID"),
    ) {
        (Some(server), Some(workflow), Some(repository), Some(run)) => {
            let attempt = said("GITHUB_RUN_ATTEMPT").unwrap_or_else(|| "1".into());
            (
                format!("{server}/{workflow}"),
                Some(format!(
                    "{server}/{repository}/actions/runs/{run}/attempts/{attempt}"
                )),
            )
        }
        _ => (format!("{REPOSITORY}#cargo-xtask-release"), None),
    }
}
