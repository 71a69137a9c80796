//! The bill of materials: what the released files consist of and what they were made with, in CycloneDX 1.6.
//!
//! Source: CycloneDX 1.6, JSON reference. Two runs over the same commit give the same bytes: the serial number follows from the
//! content, and the time is the commit's.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};
use waverig_package::Sha256Digest;

use crate::provenance::utc;

/// What Cargo resolved for one program: `cargo metadata --format-version 1 --filter-platform TRIPLE`, and the package in it.
#[derive(Clone, Copy, Debug)]
pub struct Resolved<'a> {
    /// The released file that is made of it.
    pub file: &'a str,
    /// The package that the file is made of.
    pub package: &'a str,
    /// What Cargo said.
    pub metadata: &'a str,
}

/// A released file that programs or devices execute or install.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name.
    pub name: String,
    /// `device-driver`, `application` or `file`, as CycloneDX calls it.
    pub kind: &'static str,
    /// SHA-256 of all its bytes.
    pub sha256: Sha256Digest,
}

/// Something that decides the bytes and is no crate: compiler, headers, linker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// What it is.
    pub name: String,
    /// Which one.
    pub version: String,
    /// SHA-256 of its files, or of the text that says it.
    pub sha256: Option<String>,
}

/// What the bill is about.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The project.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Where its sources are.
    pub repository: &'a str,
    /// The commit.
    pub commit: &'a str,
    /// Seconds since 1970 at which the commit was made.
    pub time: u64,
    /// An SPDX expression.
    pub license: &'a str,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    id: String,
    license: Option<String>,
    source: Option<String>,
    description: Option<String>,
    repository: Option<String>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// A crate in the bill.
struct Crate<'a> {
    package: &'a Package,
    /// Whether it is part of a file, not of the way there only.
    shipped: bool,
    needs: BTreeSet<String>,
}

/// The bill as JSON text.
///
/// # Errors
/// Texts that are not Cargo's; a package that Cargo did not resolve; a crate without checksum in the lock file.
pub fn write(
    subject: &Subject<'_>,
    files: &[File],
    resolved: &[Resolved<'_>],
    lock: &str,
    pins: &[Pin],
) -> Result<String, String> {
    let lock: Lock =
        toml::from_str(lock).map_err(|error| format!("Cargo.lock cannot be read: {error}"))?;
    let checksums: BTreeMap<(&str, &str), &str> = lock
        .package
        .iter()
        .filter_map(|locked| {
            let checksum = locked.checksum.as_deref()?;
            Some(((locked.name.as_str(), locked.version.as_str()), checksum))
        })
        .collect();
    let read = |resolved: &Resolved<'_>| {
        serde_json::from_str::<Metadata>(resolved.metadata).map_err(|error| {
            format!(
                "what Cargo says about {} cannot be read: {error}",
                resolved.package
            )
        })
    };
    let all = resolved.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut crates: BTreeMap<String, Crate<'_>> = BTreeMap::new();
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (resolved, metadata) in resolved.iter().zip(&all) {
        let root = gather(metadata, resolved.package, &mut crates)?;
        needs
            .entry(reference(resolved.file))
            .or_default()
            .insert(root);
    }
    let main = format!("pkg:generic/{}@{}", subject.name, subject.version);
    let mut components = Vec::new();
    for file in files {
        components.push(json!({
            "type": file.kind,
            "bom-ref": reference(&file.name),
            "name": file.name,
            "version": subject.version,
            "scope": "required",
            "hashes": [{"alg": "SHA-256", "content": file.sha256.to_string()}],
        }));
        needs
            .entry(main.clone())
            .or_default()
            .insert(reference(&file.name));
        needs.entry(reference(&file.name)).or_default();
    }
    for (name, found) in &crates {
        components.push(component(name, found, &checksums)?);
        needs.insert(name.clone(), found.needs.clone());
    }
    let dependencies: Vec<Value> = needs
        .iter()
        .map(|(from, to)| json!({"ref": from, "dependsOn": to}))
        .collect();
    let mut bill = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": utc(subject.time),
            "component": {
                "type": "application",
                "bom-ref": main,
                "name": subject.name,
                "version": subject.version,
                "purl": main,
                "licenses": [{"expression": subject.license}],
                "externalReferences": [{"type": "vcs", "url": subject.repository, "comment": subject.commit}],
            },
            "properties": [{"name": "waverig:commit", "value": subject.commit}],
        },
        "components": components,
        "dependencies": dependencies,
        "formulation": [{
            "bom-ref": "made-with",
            "components": pins.iter().map(tool).collect::<Vec<_>>(),
        }],
    });
    bill["serialNumber"] = json!(serial(&bill.to_string()));
    let text = serde_json::to_string_pretty(&bill).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

fn reference(file: &str) -> String {
    format!("file:{file}")
}

/// Cargo's packages by the names that the bill gives them.
fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

/// Adds everything below a package; gives the package's own name in the bill.
fn gather<'a>(
    metadata: &'a Metadata,
    root: &str,
    crates: &mut BTreeMap<String, Crate<'a>>,
) -> Result<String, String> {
    let packages: BTreeMap<&str, &Package> = metadata
        .packages
        .iter()
        .map(|package| (package.id.as_str(), package))
        .collect();
    let nodes: BTreeMap<&str, &Node> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node))
        .collect();
    // The workspace's own packages have no source; a crate of the same name from elsewhere is not meant.
    let root = metadata
        .packages
        .iter()
        .find(|package| package.name == root && package.source.is_none())
        .ok_or_else(|| format!("Cargo knows no package {root} of this workspace"))?;
    let mut seen = BTreeSet::new();
    let mut open = vec![(root.id.as_str(), true)];
    while let Some((id, shipped)) = open.pop() {
        if !seen.insert((id, shipped)) {
            continue;
        }
        let package = packages
            .get(id)
            .ok_or_else(|| format!("Cargo did not describe {id}"))?;
        let node = nodes
            .get(id)
            .ok_or_else(|| format!("Cargo did not resolve {id}"))?;
        let found = crates.entry(purl(package)).or_insert(Crate {
            package,
            shipped: false,
            needs: BTreeSet::new(),
        });
        // The compiler executes a procedural macro and all that it is made of; nothing of it is in the file.
        let is_macro = |target: &Target| target.kind.iter().any(|kind| kind == "proc-macro");
        let shipped = shipped && !package.targets.iter().any(is_macro);
        found.shipped |= shipped;
        for dependency in &node.deps {
            let has = |wanted: Option<&str>| {
                dependency
                    .dep_kinds
                    .iter()
                    .any(|found| found.kind.as_deref() == wanted)
            };
            let (normal, build) = (has(None), has(Some("build")));
            if !normal && !build {
                continue;
            }
            if let Some(other) = packages.get(dependency.pkg.as_str()) {
                found.needs.insert(purl(other));
            }
            open.push((&dependency.pkg, shipped && normal));
        }
    }
    Ok(purl(root))
}

fn component(
    name: &str,
    found: &Crate<'_>,
    checksums: &BTreeMap<(&str, &str), &str>,
) -> Result<Value, String> {
    let package = found.package;
    let mut value = json!({
        "type": "library",
        "bom-ref": name,
        "name": package.name,
        "version": package.version,
        // What only helps to compile is told, too: it decides the bytes.
        "scope": if found.shipped { "required" } else { "excluded" },
        "purl": name,
    });
    if package.source.is_some() {
        let checksum = checksums
            .get(&(package.name.as_str(), package.version.as_str()))
            .ok_or_else(|| format!("Cargo.lock has no checksum of {name}"))?;
        value["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    if let Some(license) = &package.license {
        // Older crates separate by a stroke what SPDX separates by OR.
        value["licenses"] =
            json!([{"expression": license.replace('/', " OR ").replace("  OR  ", " OR ")}]);
    }
    if let Some(text) = &package.description {
        value["description"] = json!(text.trim());
    }
    if let Some(url) = &package.repository {
        value["externalReferences"] = json!([{"type": "vcs", "url": url}]);
    }
    Ok(value)
}

fn tool(pin: &Pin) -> Value {
    let mut value = json!({"type": "data", "bom-ref": format!("made-with:{}", pin.name), "name": pin.name, "version": pin.version});
    if let Some(sha256) = &pin.sha256 {
        value["hashes"] = json!([{"alg": "SHA-256", "content": sha256}]);
    }
    value
}

/// A UUID of RFC 9562, version 8 (of a maker's own design): the first bytes of the content's digest.
fn serial(content: &str) -> String {
    let mut bytes = Sha256Digest::of(content.as_bytes()).0;
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let hex = |range: std::ops::Range<usize>| -> String {
        bytes[range]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    };
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        hex(0..4),
        hex(4..6),
        hex(6..8),
        hex(8..10),
        hex(10..16)
    )
}

#[cfg(test)]
#[path = "sbom_tests.rs"]
mod tests;
