//! A PIN or passphrase: named in a file, kept elsewhere, shown nowhere.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// Where a secret is: `{ env = "NAME" }` or `{ file = "PATH" }`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Secret {
    /// In a variable of the environment.
    Env(String),
    /// In a file, whose last line break is not part of it.
    File(PathBuf),
}

/// The secret itself, which neither `Debug` nor `Display` shows.
pub(super) struct Exposed(String);

impl fmt::Debug for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Exposed {
    /// For the call that needs it, and nothing else.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl Secret {
    /// Reads it. Paths start from `folder`.
    pub(super) fn read(&self, folder: &Path) -> Result<Exposed> {
        let secret = match self {
            Self::Env(name) => std::env::var(name)
                .ok()
                .with_context(|| format!("the environment variable {name} is not set; it holds the secret that the signer's file names"))?,
            Self::File(path) => {
                let path = folder.join(path);
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("cannot read the secret in {}", path.display()))?;
                text.strip_suffix('\n')
                    .map(|line| line.strip_suffix('\r').unwrap_or(line))
                    .unwrap_or(&text)
                    .to_owned()
            }
        };
        if secret.is_empty() {
            bail!("the secret that {self:?} names is empty");
        }
        Ok(Exposed(secret))
    }
}
