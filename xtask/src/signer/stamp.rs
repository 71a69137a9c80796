//! Asking a time stamp authority over HTTP (RFC 3161, 3.4). What it answers is signed, so plain HTTP is enough, and all that is spoken here.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Deserialize;
use waverig_package::timestamp::Authority;

/// How long an authority may take, all in all.
const DEADLINE: Duration = Duration::from_secs(30);
/// More bytes than a time stamp has.
const LONGEST: u64 = 64 * 1024;

/// `[time_stamp]` in a signer's file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// `http://timestamp.example`
    url: String,
    /// The roots that the authority's certificates must lead to, in PEM.
    roots: PathBuf,
}

impl Config {
    /// Paths start from `folder`.
    pub(super) fn authority(&self, folder: &Path) -> Result<Authority> {
        let host = self.url.strip_prefix("http://").unwrap_or_default();
        if host.is_empty()
            || host
                .split('/')
                .next()
                .is_some_and(|host| host.contains('@'))
        {
            bail!(
                "time_stamp.url is not one of a time stamp authority: http://HOST/PATH, without a user's name"
            );
        }
        let roots = super::certificates(&folder.join(&self.roots))?;
        let url = self.url.clone();
        let post = move |request: &[u8]| post(&url, request, DEADLINE);
        Ok(Authority::new(self.url.clone(), roots, Box::new(post)))
    }
}

/// Sends a request and takes the answer. Nothing is tried twice, and nothing leads elsewhere.
pub(super) fn post(url: &str, request: &[u8], deadline: Duration) -> Result<Vec<u8>, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(deadline))
        .max_redirects(0)
        .build()
        .into();
    let mut response = agent
        .post(url)
        .content_type("application/timestamp-query")
        .send(request)
        .map_err(|error| error.to_string())?;
    if response.status() != 200 {
        return Err(format!("it answered with status {}", response.status()));
    }
    response
        .body_mut()
        .with_config()
        .limit(LONGEST)
        .read_to_vec()
        .map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => {
                format!("its answer has no end ({LONGEST} bytes and more)")
            }
            other => other.to_string(),
        })
}
