//! A program that signs, for cloud signers: the digest goes to its standard input, the signature comes back on its standard output.
//!
//! It gets the 32 bytes of a SHA-256 and gives a PKCS#1 v1.5 signature, as bytes or in base64 (what `aws kms sign`,
//! `az keyvault key sign` and others print). How it logs in is its own affair: its environment is this one's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64ct::{Base64, Encoding as _};
use waverig_package::Sha256Digest;
use waverig_package::cert::{CertError, Key};

use crate::exec;

/// Somebody may have to touch a device or answer a question.
const DEADLINE: Duration = Duration::from_secs(300);
/// More bytes than any signature has, in base64 with line breaks.
const LONGEST: usize = 4096;

pub(super) struct Program {
    program: PathBuf,
    words: Vec<String>,
    deadline: Duration,
}

impl Program {
    /// The program and its words. A program with a path starts from `folder`.
    pub(super) fn new(command: Vec<String>, folder: &Path) -> Result<Self> {
        let mut words = command.into_iter();
        let program = PathBuf::from(words.next().context("command names no program")?);
        let program = match program.components().count() {
            1 => program,
            _ => std::path::absolute(folder.join(program))?,
        };
        Ok(Self {
            program,
            words: words.collect(),
            deadline: DEADLINE,
        })
    }

    #[cfg(test)]
    pub(super) fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}

impl Key for Program {
    fn place(&self) -> String {
        format!("the program {}", self.program.display())
    }

    fn sign(&self, digest: Sha256Digest) -> Result<Vec<u8>, CertError> {
        let answer = exec::filter(
            self.program.as_os_str(),
            &self.words,
            &digest.0,
            LONGEST,
            self.deadline,
        )
        .map_err(CertError::new)?;
        Ok(decoded(answer))
    }
}

/// Text in base64 becomes bytes; everything else is left as it is, and judged by the certificate.
fn decoded(answer: Vec<u8>) -> Vec<u8> {
    let text: Vec<u8> = answer
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    std::str::from_utf8(&text)
        .ok()
        .and_then(|text| Base64::decode_vec(text).ok())
        .unwrap_or(answer)
}
