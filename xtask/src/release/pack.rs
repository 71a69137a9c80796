//! What people get: one zip, the same bytes from the same files.

use anyhow::{Error, Result};
use waverig_release::archive;

use super::parts::{self, AGENT, SENDER, SETUP};
use super::sign::CABINET;
use super::{FILES, Kind, Release, SIGNED, UNSIGNED, made};
use crate::verbs::package::{self, NAME};

/// Texts that go with the files.
const TEXTS: &[&str] = &["LICENSE", "LICENSE-APACHE", "LICENSE-MIT", "CHANGELOG.md"];

/// Packs what was signed, or what would be.
pub(super) fn pack(release: &Release<'_>) -> Result<Vec<String>> {
    let folder = made(release.folder.join(FILES))?;
    let base = format!("{NAME}-{}", release.source.version);
    let signed = release.folder.join(SIGNED);
    let mut packed = Vec::new();
    let mut take = |from: &str, name: String| -> Result<()> {
        parts::write(&folder.join(&name), &package::read(&signed.join(from))?)?;
        packed.push(format!("{FILES}/{name}"));
        Ok(())
    };
    match (release.wish.dry_run, release.wish.kind) {
        (true, _) => {}
        (false, Kind::Test) => take(
            SETUP,
            format!("{NAME}-setup-{}.exe", release.source.version),
        )?,
        (false, Kind::Attestation) => {
            take(CABINET, format!("{base}-{CABINET}"))?;
            // What Microsoft gives back is what people get.
            return Ok(packed);
        }
    }
    let (from, mark) = match release.wish.dry_run {
        true => (release.folder.join(UNSIGNED), "-unsigned"),
        false => (signed, ""),
    };
    let name = format!("{base}-x64{mark}");
    let root = release.context.layout.root();
    let places = ["sys", "inf", "cat", "pdb"]
        .map(|extension| (format!("{NAME}.{extension}"), from.clone()))
        .into_iter()
        .chain([AGENT, SENDER].map(|program| (program.to_owned(), from.clone())))
        .chain(
            TEXTS
                .iter()
                .map(|text| ((*text).to_owned(), root.to_owned())),
        );
    let mut files = Vec::new();
    for (file, folder) in places {
        let bytes = package::read(&folder.join(&file))?;
        files.push((file, bytes));
    }
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let day = package::stated(&release.context.layout, &package::WAVERIG)?.date;
    let bytes = archive::zip(&name, &files, day).map_err(Error::msg)?;
    let zip = format!("{name}.zip");
    parts::write(&folder.join(&zip), &bytes)?;
    packed.push(format!("{FILES}/{zip}"));
    Ok(packed)
}
