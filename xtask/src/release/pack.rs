//! What people get: one zip, the same bytes from the same files.

use anyhow::{Error, Result};
use waverig_release::archive;

use super::{FILES, Release, UNSIGNED, made, parts};
use crate::verbs::package::{self, NAME};

/// Texts that go with the files.
const TEXTS: &[&str] = &["LICENSE", "LICENSE-APACHE", "LICENSE-MIT", "CHANGELOG.md"];

/// Packs what was signed, or what would be.
pub(super) fn pack(release: &Release<'_>) -> Result<Vec<String>> {
    let folder = made(release.folder.join(FILES))?;
    let (from, mark) = match release.wish.dry_run {
        true => (UNSIGNED, "-unsigned"),
        false => ("signed", ""),
    };
    let name = format!("{NAME}-{}-x64{mark}", release.source.version);
    let root = release.context.layout.root();
    let places = ["sys", "inf", "cat", "pdb"]
        .map(|extension| (format!("{NAME}.{extension}"), release.folder.join(from)))
        .into_iter()
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
    Ok(vec![format!("{FILES}/{zip}")])
}
