//! What came back from Microsoft, against what was sent: the same driver with another signature, and a catalog that is right.
//!
//! Source of what may change: Microsoft, "Attestation sign Windows drivers" ("Validate the driver is properly signed"): the catalog is made
//! anew, and signatures in images are replaced. In a driver that was returned in 2022, which its makers publish (mullvad-split-tunnel.sys),
//! Microsoft's signature is nested in theirs instead; both are accepted.

#[cfg(test)]
mod tests;

use super::ready::{Finding, extension};
use crate::catalog::{self, Member};
use crate::cert::Trust;
use crate::pe::{Directory, Image};
use crate::{UnixTime, authenticode};

/// A file by its name, which may have folders in front, and its content.
pub type NamedFile = (String, Vec<u8>);

/// A package that came back right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// Who signed the catalog.
    pub signer: String,
    /// When, by an authority.
    pub time_stamp: Option<UnixTime>,
    /// Which Windows the catalog says it is for.
    pub systems: Vec<String>,
    /// Files that were not sent and are not judged.
    pub others: Vec<String>,
}

/// Compares the files that came back with those that were sent. `trust` has the roots of who signs there (Microsoft's, whichever
/// they are) and of its time stamps. The catalog must name each of `systems` (`_v100_X64_VB`); without any, those of the catalog that
/// was sent.
///
/// # Errors
/// Everything that is wrong.
pub fn check_returned(
    sent: &[NamedFile],
    returned: &[NamedFile],
    trust: &Trust,
    systems: &[String],
) -> Result<Returned, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut result = None;
    for (name, bytes) in sent {
        let name = base(name);
        let kind = extension(name);
        let judged = matches!(&*kind, "sys" | "dll" | "exe" | "inf" | "cat");
        let back = match found(returned, name) {
            Ok(back) => back,
            Err(finding) if judged => {
                findings.push(finding);
                continue;
            }
            // Symbols need not come back.
            Err(_) => continue,
        };
        match &*kind {
            "sys" | "dll" | "exe" => findings.extend(image(name, bytes, back, trust)),
            "inf" if bytes != back => findings.push(Finding::new(
                name,
                format!("it is another than was sent: {}", difference(bytes, back)),
                "ask who returned it, or submit again",
            )),
            "cat" => match listed(name, bytes, back, returned, trust, systems) {
                Ok(right) => result = Some(right),
                Err(wrong) => findings.extend(wrong),
            },
            _ => {}
        }
    }
    match result {
        Some(mut right) if findings.is_empty() => {
            let is_other = |name: &&str| !sent.iter().any(|(sent, _)| same(base(sent), name));
            let names = returned.iter().map(|(name, _)| base(name));
            right.others = names.filter(is_other).map(str::to_owned).collect();
            Ok(right)
        }
        None if findings.is_empty() => Err(vec![Finding::new(
            "what was sent",
            "it has no catalog, so it was no submission",
            "name the cabinet that was submitted",
        )]),
        _ => Err(findings),
    }
}

/// A name without its folders.
fn base(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// The one file that is called so.
fn found<'a>(returned: &'a [NamedFile], name: &str) -> Result<&'a [u8], Finding> {
    let mut all = returned.iter().filter(|(other, _)| same(base(other), name));
    match (all.next(), all.next()) {
        (Some((_, bytes)), None) => Ok(bytes),
        (None, _) => Err(Finding::new(
            name,
            "it did not come back",
            "name the whole package as it was returned",
        )),
        (Some(_), Some(_)) => Err(Finding::new(
            name,
            "it came back more than once",
            "name one package, for one architecture",
        )),
    }
}

/// The first place at which two files differ.
fn difference(one: &[u8], other: &[u8]) -> String {
    match one.iter().zip(other).position(|(a, b)| a != b) {
        Some(at) => format!("byte {at:#x}"),
        None => format!("{} bytes instead of {}", other.len(), one.len()),
    }
}

/// An image must be the same but for its signature, and have another signature, which is good.
fn image(name: &str, sent: &[u8], back: &[u8], trust: &Trust) -> Vec<Finding> {
    const AGAIN: &str = "submit the package again, and do not ship this one";
    let mut findings = Vec::new();
    match (bare(sent), bare(back)) {
        (Ok(sent), Ok(back)) if sent == back => {}
        (Ok(sent), Ok(back)) => findings.push(Finding::new(
            name,
            format!(
                "it is another driver than was sent, outside of signature and checksum: {}",
                difference(&sent, &back)
            ),
            AGAIN,
        )),
        (Err(cause), _) => {
            findings.push(Finding::new(name, format!("what was sent: {cause}"), AGAIN))
        }
        (_, Err(cause)) => findings.push(Finding::new(name, cause, AGAIN)),
    }
    let ours = authenticode::claimed_signer(sent);
    let all = authenticode::verify_each(back, trust).unwrap_or_else(|error| vec![Err(error)]);
    let (mut wrong, mut still_ours) = (None, false);
    for one in all {
        match one {
            Ok(signature) if Some(&signature.signer) != ours.as_ref() => return findings,
            Ok(_) => still_ours = true,
            Err(error) => wrong = Some(error),
        }
    }
    let (cause, next) = match (wrong, ours) {
        (None, Some(ours)) if still_ours => (
            format!("it is still signed by {} alone", ours.subject()),
            "name what was returned, not what was sent",
        ),
        (wrong, _) => (
            wrong.map_or_else(String::new, |error| error.to_string()),
            "name the roots of who signed with --roots, or submit again",
        ),
    };
    findings.push(Finding::new(name, cause, next));
    findings
}

/// An image without what signing changes: checksum, entry of the certificate table, and the table itself.
fn bare(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let image = Image::parse(bytes).map_err(|error| error.to_string())?;
    let mut bare = bytes[..bytes.len() - image.certificate_table().len()].to_vec();
    bare[image.checksum_at()..][..4].fill(0);
    if let Some(entry) = image.directory_at(Directory::Certificate) {
        bare[entry..][..8].fill(0);
    }
    Ok(bare)
}

/// A catalog must be good, by another signer, cover what came back, and name the systems.
fn listed(
    name: &str,
    sent: &[u8],
    back: &[u8],
    returned: &[NamedFile],
    trust: &Trust,
    systems: &[String],
) -> Result<Returned, Vec<Finding>> {
    const AGAIN: &str = "submit the package again, and do not ship this one";
    let catalog = catalog::verify(back, trust).map_err(|cause| {
        let next = "name the roots of who signed with --roots, or submit again";
        vec![Finding::new(name, cause, next)]
    })?;
    let claimed = catalog::claimed(sent)
        .map_err(|cause| vec![Finding::new(name, format!("what was sent: {cause}"), AGAIN)])?;
    let mut findings = Vec::new();
    if let Err(cause) = catalog.signer.check_for_drivers() {
        findings.push(Finding::new(name, cause, AGAIN));
    }
    if claimed.signer == catalog.signer {
        findings.push(Finding::new(
            name,
            format!("it is still signed by {}", catalog.signer.subject()),
            "name what was returned, not what was sent",
        ));
    }
    for (file, bytes) in returned {
        let file = base(file);
        let member = match &*extension(file) {
            "sys" | "dll" => Member::image(file, bytes).map_err(|error| error.to_string()),
            "inf" => Ok(Member::flat(file, bytes)),
            _ => continue,
        };
        if let Err(cause) = member.and_then(|member| catalog.lists(&member)) {
            let cause = format!("{name} does not cover it: {cause}");
            findings.push(Finding::new(file, cause, AGAIN));
        }
    }
    let asked = match systems {
        [] => claimed.systems(),
        _ => systems.to_vec(),
    };
    let named = catalog.systems();
    let is_named = |system: &str| named.iter().any(|one| same(one, system));
    for system in asked.iter().filter(|system| !is_named(system)) {
        findings.push(Finding::new(
            name,
            format!("it is not for {system}; it names {}", named.join(", ")),
            "ask for that signature in Partner Center, or name with --systems what was asked for",
        ));
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    Ok(Returned {
        signer: catalog.signer.subject(),
        time_stamp: catalog.time_stamp,
        systems: named,
        others: Vec::new(),
    })
}
