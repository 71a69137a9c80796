//! From the linked image and the `.inx` to a signed package in a folder.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::catalog::{self, CatalogSpec, Member};
use crate::cert::Signer;
use crate::inf::{self, DriverVersion, Inf, Requirements, Stamp};
use crate::pe::{self, Image};
use crate::{Arch, Date, OsBuild, Sha256Digest, UnixTime, authenticode};

/// What a package is made of.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The package's name: `card` makes card.sys, card.inf, card.cat, card.pdb.
    pub name: &'a str,
    /// The image as linked. It is sealed, checked and signed here.
    pub image: &'a [u8],
    /// The image's symbols, copied beside it.
    pub pdb: Option<&'a [u8]>,
    /// The INF before stamping.
    pub inx: &'a [u8],
    /// `DriverVer`: the version.
    pub version: DriverVersion,
    /// `DriverVer`: the day.
    pub date: Date,
    /// The architecture.
    pub arch: Arch,
    /// The oldest Windows the package is for.
    pub min_build: OsBuild,
    /// What the image may contain.
    pub rules: pe::Rules<'a>,
    /// The time written into the catalog's list; not a time stamp. Derive it from `date` for the same bytes every time.
    pub time: UnixTime,
}

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackagedFile {
    /// Its name in the folder.
    pub name: String,
    /// SHA-256 of the whole file.
    pub sha256: Sha256Digest,
    /// Its length in bytes.
    pub length: u64,
}

/// A package that was built. `manifest.json` beside the files says the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Where it is.
    #[serde(skip)]
    pub dir: PathBuf,
    /// The version in the INF.
    pub version: String,
    /// Image, INF, catalog and, if given, symbols.
    pub files: Vec<PackagedFile>,
    /// SHA-256 of the sealed image before it was signed: the same for every signer.
    pub unsigned_image: Sha256Digest,
    /// The image's Authenticode digest, which signing leaves as it is.
    pub image_digest: Sha256Digest,
    /// SHA-256 of the catalog before it was signed.
    pub unsigned_catalog: Sha256Digest,
}

/// A package that is not built, and every reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageError {
    /// The file that is to blame.
    pub file: String,
    /// What is wrong with it, each reason by itself.
    pub reasons: Vec<String>,
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is not packaged: {}",
            self.file,
            self.reasons.join("\n  ")
        )
    }
}

impl std::error::Error for PackageError {}

/// A package's files before anybody has signed them: the same for every signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    /// The package's name, without a suffix.
    pub name: String,
    /// The version in the INF.
    pub version: String,
    /// The sealed image.
    pub sys: Vec<u8>,
    /// The stamped INF.
    pub inf: Vec<u8>,
    /// The catalog of both.
    pub cat: Vec<u8>,
    /// The image's symbols.
    pub pdb: Option<Vec<u8>>,
}

/// Builds and signs a package in `dir`, which is made if need be; files of the same names are replaced.
///
/// # Errors
/// An image or INF that breaks a rule (all broken rules are listed), a file that cannot be signed or written. Nothing is
/// written unless everything is good.
pub fn build(dir: &Path, inputs: &Inputs, signer: &Signer) -> Result<Package, PackageError> {
    sign(dir, &unsigned(inputs)?, signer)
}

/// Everything of a package but the signatures.
///
/// # Errors
/// An image or INF that breaks a rule; all broken rules are listed.
pub fn unsigned(inputs: &Inputs) -> Result<Unsigned, PackageError> {
    let [sys, inf, cat] = names(inputs.name);
    let image = sealed_image(&sys, inputs)?;
    let (stamped, hardware_ids) = stamped_inf(&inf, &sys, &cat, inputs)?;
    // What a catalog says of an image is the same before it is signed and after.
    let member = Member::image(&sys, &image).map_err(|error| one(&sys, error))?;
    let members = [member, Member::flat(&inf, &stamped)];
    let list_id = Sha256Digest::of_parts(members.iter().map(|member| &member.digest.0[..]));
    let spec = CatalogSpec {
        list_id: list_id.0[..16]
            .try_into()
            .expect("a digest has more than 16 bytes"),
        time: inputs.time,
        os: &os_names(inputs.arch, inputs.min_build),
        os_attribute: "2:10.0",
        hardware_ids: &hardware_ids,
        members: &members,
    };
    Ok(Unsigned {
        name: inputs.name.to_owned(),
        version: inputs.version.to_string(),
        cat: catalog::unsigned(&spec),
        sys: image,
        inf: stamped,
        pdb: inputs.pdb.map(<[u8]>::to_vec),
    })
}

/// Signs a package's files and writes them into `dir`, with `manifest.json` beside them.
///
/// # Errors
/// A file that cannot be signed or written. Nothing is written unless everything is signed.
pub fn sign(dir: &Path, unsigned: &Unsigned, signer: &Signer) -> Result<Package, PackageError> {
    let [sys, inf, cat] = names(&unsigned.name);
    let image =
        authenticode::sign(&unsigned.sys, signer, true).map_err(|error| one(&sys, error))?;
    let image_digest = Member::image(&sys, &image)
        .map_err(|error| one(&sys, error))?
        .digest;
    let signed = catalog::sign(&unsigned.cat, signer).map_err(|error| one(&cat, error))?;

    let mut files: Vec<(String, &[u8])> = vec![(sys, &image), (inf, &unsigned.inf), (cat, &signed)];
    let pdb = format!("{}.pdb", unsigned.name);
    files.extend(unsigned.pdb.as_deref().map(|bytes| (pdb, bytes)));
    let describe = |(name, bytes): &(String, &[u8])| PackagedFile {
        name: name.clone(),
        sha256: Sha256Digest::of(bytes),
        length: bytes.len() as u64,
    };
    let package = Package {
        dir: dir.to_owned(),
        version: unsigned.version.clone(),
        files: files.iter().map(describe).collect(),
        unsigned_image: Sha256Digest::of(&unsigned.sys),
        image_digest,
        unsigned_catalog: Sha256Digest::of(&unsigned.cat),
    };
    let mut manifest =
        serde_json::to_vec_pretty(&package).map_err(|error| one("manifest.json", error))?;
    manifest.push(b'\n');
    files.push(("manifest.json".to_owned(), &manifest));
    fs::create_dir_all(dir).map_err(|error| one(&dir.display().to_string(), error))?;
    for (name, bytes) in files {
        replace(&dir.join(&name), bytes)
            .map_err(|error| one(&dir.join(&name).display().to_string(), error))?;
    }
    Ok(package)
}

/// Image, INF and catalog of a package.
fn names(name: &str) -> [String; 3] {
    ["sys", "inf", "cat"].map(|extension| format!("{name}.{extension}"))
}

fn one(file: &str, reason: impl fmt::Display) -> PackageError {
    PackageError {
        file: file.to_owned(),
        reasons: vec![reason.to_string()],
    }
}

/// Refuses when there are reasons.
fn refuse(file: &str, reasons: Vec<String>) -> Result<(), PackageError> {
    if reasons.is_empty() {
        Ok(())
    } else {
        Err(PackageError {
            file: file.to_owned(),
            reasons,
        })
    }
}

fn sealed_image(sys: &str, inputs: &Inputs) -> Result<Vec<u8>, PackageError> {
    let sealed = pe::seal(inputs.image.to_owned()).map_err(|error| one(sys, error))?;
    let image = Image::parse(&sealed).map_err(|error| one(sys, error))?;
    let rules = pe::Rules {
        arch: inputs.arch,
        ..inputs.rules
    };
    refuse(
        sys,
        pe::check(&image, &rules)
            .iter()
            .map(ToString::to_string)
            .collect(),
    )?;
    Ok(sealed)
}

/// The stamped INF and the hardware ids it serves. It must install the image that it is packaged with.
fn stamped_inf(
    inf: &str,
    sys: &str,
    cat: &str,
    inputs: &Inputs,
) -> Result<(Vec<u8>, Vec<String>), PackageError> {
    let stamp = Stamp {
        date: inputs.date,
        version: inputs.version,
        arch: inputs.arch,
        catalog: cat,
    };
    let bytes = inf::stamp(inf, inputs.inx, &stamp).map_err(|error| one(inf, error))?;
    let parsed = Inf::parse(inf, &bytes).map_err(|error| one(inf, error))?;
    let requirements = Requirements {
        arch: inputs.arch,
        min_build: inputs.min_build,
    };
    refuse(
        inf,
        inf::check(&parsed, &requirements)
            .iter()
            .map(ToString::to_string)
            .collect(),
    )?;
    let plans = inf::plans(&parsed, &requirements).map_err(|error| one(inf, error))?;
    let mut reasons = Vec::new();
    for plan in &plans {
        for file in plan
            .files
            .iter()
            .filter(|file| !file.source.eq_ignore_ascii_case(sys))
        {
            reasons.push(format!(
                "it copies {}, which is not part of the package",
                file.source
            ));
        }
        if !plan
            .services
            .iter()
            .any(|service| service.function_driver && service.binary.file.eq_ignore_ascii_case(sys))
        {
            reasons.push(format!("no service of {} runs {sys}", plan.hardware_id));
        }
    }
    refuse(inf, reasons)?;
    let mut ids: Vec<String> = plans
        .into_iter()
        .map(|plan| plan.hardware_id.to_ascii_lowercase())
        .collect();
    ids.sort();
    ids.dedup();
    Ok((bytes, ids))
}

/// First builds of Windows and the names their signatures carry (Inf2Cat's `/os`, the Hardware Dev Center's signatures).
const SYSTEMS: &[(u32, &str)] = &[(19041, "VB"), (22000, "CO"), (22621, "NI"), (26100, "GE")];

fn os_names(arch: Arch, min_build: OsBuild) -> String {
    let arch = match arch {
        Arch::Amd64 => "X64",
        Arch::Arm64 => "ARM64",
    };
    let newer = SYSTEMS.iter().filter(|(build, _)| *build >= min_build.0);
    let names: Vec<String> = newer
        .map(|(_, name)| format!("_v100_{arch}_{name}"))
        .collect();
    if names.is_empty() {
        format!("_v100_{arch}")
    } else {
        names.join(",")
    }
}

/// Writes beside the file and renames, so that nobody finds half of it.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    fs::write(&draft, bytes)
        .and_then(|()| fs::rename(&draft, path))
        .inspect_err(|_| {
            let _ = fs::remove_file(&draft);
        })
}
