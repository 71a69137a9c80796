//! Who signs: the test certificate, or what a small file names: a key in a file, a token, Windows' store, a program.
//!
//! ```toml
//! chain = "release.pem"       # the signer's certificate first, its root last
//! [key]
//! kind = "pkcs11"             # or "file", "store", "command": docs/signing.md
//! module = "/usr/lib/softhsm/libsofthsm2.so"
//! token = "release"
//! label = "signing"
//! pin = { env = "RELEASE_PIN" }
//! [time_stamp]
//! url = "http://timestamp.example"
//! roots = "stamp-roots.pem"
//! ```
//!
//! Secrets stand in the environment or in files, never in this one and never on a command line: `secret.rs`.

mod command;
mod pkcs11;
mod secret;
mod stamp;
mod store;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use waverig_package::UnixTime;
use waverig_package::cert::{Certificate, Key, RsaKey, Signer};
use waverig_package::package::{Finding, Release, check_signer};

use crate::context::Context;
use secret::Secret;

/// Subject of the certificate that is made on first use.
const SUBJECT: &str = "CN=waverig test certificate";

/// A file that names a signer. Its paths start from its own folder.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Certificates in PEM. Windows' store has its own.
    chain: Option<PathBuf>,
    key: KeyConfig,
    /// Who stamps signatures, if anybody does.
    time_stamp: Option<stamp::Config>,
}

/// Where the key is.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum KeyConfig {
    /// PKCS#8 in PEM.
    File {
        file: PathBuf,
        passphrase: Option<Secret>,
    },
    /// A token behind a PKCS#11 module; the key never leaves it.
    Pkcs11 {
        module: PathBuf,
        /// The token's label.
        token: String,
        /// The key's label.
        label: String,
        /// None for a token that asks for it itself.
        pin: Option<Secret>,
    },
    /// Windows' certificate store.
    Store {
        /// SHA-1 of the certificate, as Windows shows it: only a name here.
        thumbprint: String,
        /// The machine's store rather than the user's.
        #[serde(default)]
        machine: bool,
    },
    /// A program, for cloud signers.
    Command {
        /// The program and its words.
        command: Vec<String>,
    },
}

/// The signer that `file` names, or the test certificate, made on first use.
///
/// # Errors
/// A file that says something else, names something that is missing, or a key that cannot be reached; a certificate that is not for code or
/// not valid now. Each says what.
pub(crate) fn load(context: &Context, file: Option<&Path>) -> Result<Signer> {
    match file {
        Some(file) => fit(file, UnixTime::now()),
        None => test(context),
    }
}

/// The signer that `file` names, when machines take what it signs then.
fn fit(file: &Path, now: UnixTime) -> Result<Signer> {
    let signer = named(file)?;
    refuse(check_signer(&signer, Release::TestSigned, now))?;
    Ok(signer)
}

/// Before anything is signed or released.
///
/// # Errors
/// Whatever was found, all of it.
pub(crate) fn refuse(findings: Vec<Finding>) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    let all: Vec<String> = findings.iter().map(ToString::to_string).collect();
    bail!("nothing is signed:\n  {}", all.join("\n  "))
}

/// The test certificate. Damaged, expired or not a pair: the error says what to remove.
fn test(context: &Context) -> Result<Signer> {
    let folder = context.layout.certificate();
    let signer = Signer::ensure(&folder, SUBJECT, UnixTime::now())?;
    if signer.created() {
        context.ui.say(
            "sign",
            &format!(
                "made a test certificate in {} (not in git)",
                folder.display()
            ),
        );
    }
    Ok(signer)
}

fn named(file: &Path) -> Result<Signer> {
    let said = || format!("{}: the signer", file.display());
    let text = fs::read_to_string(file)
        .with_context(|| format!("{}: the signer's file cannot be read", file.display()))?;
    let config: Config = toml::from_str(&text)
        .map_err(|error| without_values(&error, &text))
        .with_context(said)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    from(config, folder).with_context(said)
}

/// Values that are no secrets.
const KINDS: [&str; 4] = ["file", "pkcs11", "store", "command"];

/// What is wrong and about where, without the values that the file holds: somebody may have written a secret into it.
fn without_values(error: &toml::de::Error, text: &str) -> anyhow::Error {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = &text.as_bytes()[..start];
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
    let mut message = error.message().to_owned();
    let mut left: Vec<toml::Value> = toml::from_str(text).into_iter().collect();
    while let Some(value) = left.pop() {
        match value {
            toml::Value::Array(values) => left.extend(values),
            toml::Value::Table(table) => left.extend(table.into_iter().map(|(_, value)| value)),
            toml::Value::String(text) if KINDS.contains(&&*text) || text.is_empty() => {}
            toml::Value::String(text) => message = message.replace(&text, "…"),
            other => message = message.replace(&other.to_string(), "…"),
        }
    }
    anyhow::anyhow!("line {line}: {message}")
}

fn from(config: Config, folder: &Path) -> Result<Signer> {
    let (chain, key): (Vec<Certificate>, Box<dyn Key>) = match config.key {
        KeyConfig::Store {
            thumbprint,
            machine,
        } => {
            let (chain, key) = store::open(&thumbprint, machine)?;
            (chain, Box::new(key))
        }
        other => {
            let path = config.chain.context(
                "chain is missing: a PEM file with the certificates, the signer's first",
            )?;
            let chain = certificates(&folder.join(path))?;
            let key = key(other, folder, &chain)?;
            (chain, key)
        }
    };
    let signer = Signer::new(chain, key)?;
    Ok(match config.time_stamp {
        Some(stamp) => signer.with_authority(stamp.authority(folder)?),
        None => signer,
    })
}

fn certificates(path: &Path) -> Result<Vec<Certificate>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Certificate::all_from_pem(&bytes).with_context(|| path.display().to_string())
}

fn key(config: KeyConfig, folder: &Path, chain: &[Certificate]) -> Result<Box<dyn Key>> {
    Ok(match config {
        KeyConfig::File { file, passphrase } => {
            let path = folder.join(file);
            let passphrase = passphrase.map(|secret| secret.read(folder)).transpose()?;
            let bytes =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let key = RsaKey::from_pkcs8_pem(&bytes, passphrase.as_ref().map(|one| one.expose()))
                .with_context(|| path.display().to_string())?;
            if let Some(first) = chain.first().filter(|first| !key.belongs_to(first)) {
                bail!(
                    "{}: the key does not belong to {}, the first certificate of the chain",
                    path.display(),
                    first.subject()
                );
            }
            Box::new(key.at(path.display().to_string()))
        }
        KeyConfig::Pkcs11 {
            module,
            token,
            label,
            pin,
        } => {
            let pin = pin.map(|secret| secret.read(folder)).transpose()?;
            Box::new(pkcs11::open(&module, &token, &label, pin)?)
        }
        KeyConfig::Command { command } => Box::new(command::Program::new(command, folder)?),
        KeyConfig::Store { .. } => unreachable!("it brings its own chain"),
    })
}
