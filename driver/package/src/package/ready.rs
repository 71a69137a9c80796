//! What is wrong with a signer and with what it signed, before anything is uploaded: all of it, each with file, cause and next step.

#[cfg(test)]
mod tests;

use std::fmt;

use crate::catalog::{self, Catalog, Member};
use crate::cert::{Certificate, Signer, Trust};
use crate::{UnixTime, authenticode, cabinet};

/// What becomes of the signed files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// A package for machines in test mode, which have the signer's root imported.
    TestSigned,
    /// A cabinet for Microsoft, to be signed there by attestation. Microsoft asks for a certificate with extended validation
    /// ("Driver signing offerings", "Attestation sign Windows drivers").
    Attestation,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, or the certificate's subject.
    pub file: String,
    /// What is wrong.
    pub cause: String,
    /// What to do.
    pub next: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.file, self.cause, self.next)
    }
}

impl Finding {
    pub(super) fn new(
        file: impl Into<String>,
        cause: impl fmt::Display,
        next: impl Into<String>,
    ) -> Self {
        Self {
            file: file.into(),
            cause: cause.to_string(),
            next: next.into(),
        }
    }
}

/// What keeps this signer from signing such a release: to be asked before it signs anything.
pub fn check_signer(signer: &Signer, release: Release, now: UnixTime) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (own, chain) = (signer.certificate(), signer.chain());
    for certificate in chain {
        let (from, to) = certificate.validity();
        let cause = if now < from {
            format!("the certificate is not valid before {from}, and it is {now}")
        } else if now > to {
            format!("the certificate expired at {to}, and it is {now}")
        } else {
            continue;
        };
        let next = "sign with a certificate that is valid now, or set this host's clock";
        findings.push(Finding::new(certificate.subject(), cause, next));
    }
    if let Err(cause) = own.check_code_signing() {
        let next = "sign with a certificate for code signing";
        findings.push(Finding::new(own.subject(), cause, next));
    }
    if release == Release::Attestation {
        if chain.len() == 1 {
            findings.push(Finding::new(
                own.subject(),
                "the certificate is its own root, which Microsoft does not know",
                "sign with the EV certificate that is registered in Partner Center (--signer FILE.toml)",
            ));
        } else if !own.has_policy(EV_CODE_SIGNING) {
            findings.push(Finding::new(
                own.subject(),
                format!(
                    "the certificate lacks the policy for extended validation ({EV_CODE_SIGNING})"
                ),
                "an attestation submission needs an EV code signing certificate",
            ));
        }
        if signer.authority().is_none() {
            findings.push(Finding::new(
                own.subject(),
                "no time stamp authority is named",
                "add [time_stamp] to the signer's file",
            ));
        }
    }
    findings
}

/// Extended validation for code signing (CA/Browser Forum, Code Signing Baseline Requirements, 7.1.6.1).
const EV_CODE_SIGNING: der::asn1::ObjectIdentifier =
    der::asn1::ObjectIdentifier::new_unwrap("2.23.140.1.3");

/// What keeps these signed files (name and content) from being such a release. Images, catalogs and cabinets are judged as a machine
/// would that trusts the signer's root; catalogs must cover the images and INFs beside them.
pub fn check_files(
    files: &[(&str, &[u8])],
    signer: &Signer,
    release: Release,
    now: UnixTime,
) -> Vec<Finding> {
    let mut findings = check_signer(signer, release, now);
    let root = signer.chain().last().cloned();
    let stamp_roots = signer.authority().map_or(&[][..], |one| one.roots());
    let trust =
        Trust::of_roots(root.into_iter().collect(), now).with_stamp_roots(stamp_roots.to_vec());
    for (name, bytes) in files {
        let judged = match extension(name).as_str() {
            "sys" | "dll" | "exe" => authenticode::verify(bytes, &trust)
                .map(|signature| (signature.signer, signature.time_stamp)),
            "cat" => catalog::verify(bytes, &trust).map(|catalog| {
                findings.extend(uncovered(name, &catalog, files));
                if catalog.sha1_members > 0 {
                    let cause = format!("it lists {} files by SHA-1", catalog.sha1_members);
                    findings.push(Finding::new(*name, cause, "package it again"));
                }
                (catalog.signer, catalog.time_stamp)
            }),
            "cab" => cabinet::verify(bytes, &trust)
                .map(|signature| (signature.signer, signature.time_stamp)),
            _ => continue,
        };
        match judged {
            Err(cause) => findings.push(Finding::new(
                *name,
                cause,
                "sign it again with SHA-256, by a signer without findings",
            )),
            Ok((found, stamp)) => findings.extend(misjudged(name, &found, stamp, signer, release)),
        }
    }
    findings
}

/// What is wrong with a signature that is good.
fn misjudged(
    name: &str,
    found: &Certificate,
    stamp: Option<UnixTime>,
    signer: &Signer,
    release: Release,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if found != signer.certificate() {
        let cause = format!(
            "it is signed by {}, not by {}",
            found.subject(),
            signer.certificate().subject()
        );
        findings.push(Finding::new(name, cause, "sign it again"));
    }
    if stamp.is_none() && (release == Release::Attestation || signer.authority().is_some()) {
        findings.push(Finding::new(
            name,
            "it has no time stamp, so it is good only as long as the certificate",
            "sign it again with a signer whose file has [time_stamp]",
        ));
    }
    findings
}

/// Images and INFs that the catalog does not list as they are.
fn uncovered(catalog_name: &str, catalog: &Catalog, files: &[(&str, &[u8])]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, bytes) in files {
        let member = match extension(name).as_str() {
            "sys" | "dll" => Member::image(name, bytes).map_err(|error| error.to_string()),
            "inf" => Ok(Member::flat(name, bytes)),
            _ => continue,
        };
        if let Err(cause) = member.and_then(|member| catalog.covers(&member)) {
            let cause = format!("{catalog_name} does not cover it: {cause}");
            findings.push(Finding::new(*name, cause, "package it again"));
        }
    }
    findings
}

pub(super) fn extension(name: &str) -> String {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    extension.to_ascii_lowercase()
}
