//! Which certificates this program made the machine trust: noted where only administrators write, so that `remove` takes out no others.
//!
//! `HKEY_LOCAL_MACHINE\SOFTWARE\waverig\setup`: a value for each store, with the SHA-256 of the certificates.

use anyhow::{Context as _, Result};
use waverig_agent::windows::certificate;
use waverig_agent::windows::registry::{self, Key};
use waverig_protocol::hash;

const KEY: &str = r"SOFTWARE\waverig\setup";
const ABOVE: &str = r"SOFTWARE\waverig";

fn noted_for(store: &str) -> Result<Vec<String>> {
    let text = registry::text(KEY, store).with_context(|| format!("{KEY} cannot be read"))?;
    let hashes = text.unwrap_or_default();
    Ok(hashes.split_whitespace().map(str::to_owned).collect())
}

fn note(store: &str, hashes: &[String]) -> Result<()> {
    let text = (!hashes.is_empty()).then(|| hashes.join(" "));
    let key = Key::make(KEY).with_context(|| format!("{KEY} cannot be made"))?;
    key.set_text(store, text.as_deref())
        .with_context(|| format!("{KEY} does not take {store}"))
}

/// A certificate and the store that it was put into, in words.
fn words(hash: &str, store: &str) -> String {
    format!("{hash} in {store}")
}

/// What is noted.
pub(super) fn noted() -> Result<Vec<String>> {
    let mut all = Vec::new();
    for store in certificate::STORES {
        let hashes = noted_for(store)?;
        all.extend(hashes.iter().map(|hash| words(hash, store)));
    }
    Ok(all)
}

/// Puts a certificate into the stores that lack it, each noted first.
pub(super) fn trust(der: &[u8], hash: &str) -> Result<()> {
    let there = certificate::stands_in(der)?;
    for store in certificate::STORES {
        let mut hashes = noted_for(store)?;
        if !there.contains(&store) && !hashes.iter().any(|one| one == hash) {
            hashes.push(hash.to_owned());
            note(store, &hashes)?;
        }
    }
    certificate::trust(der)
}

/// Takes out what is noted, and forgets it then; but for these, as [`noted`] gives them.
pub(super) fn distrust(but: &[String]) -> Result<()> {
    for store in certificate::STORES {
        let (stay, go): (Vec<_>, Vec<_>) = noted_for(store)?
            .into_iter()
            .partition(|hash| but.contains(&words(hash, store)));
        for hash in &go {
            certificate::remove(store, |der| hash::sha256(der) == *hash)?;
        }
        note(store, &stay)?;
    }
    match but.is_empty() {
        true => forget(),
        false => Ok(()),
    }
}

/// Removes the key, and the one above it when nothing else is in that.
pub(super) fn forget() -> Result<()> {
    registry::remove(KEY).with_context(|| format!("{KEY} stays"))?;
    // Who has another key there keeps both.
    let _ = registry::remove(ABOVE);
    Ok(())
}
