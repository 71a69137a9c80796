//! What a Windows machine in test mode decides before it installs a package, and in which order.
//!
//! The INF is read first; its catalog's signature is checked; the catalog must list the INF and every file it copies; the
//! INF's sections must resolve for the device; the driver's own signature must be good. Bytes that Windows' checks leave
//! alone (the checksum field, padding) are checked as well: one changed bit anywhere is refused.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::catalog::{self, Catalog, Member};
use crate::cert::Trust;
use crate::inf::{self, Inf, InstallPlan, Target};
use crate::{Sha256Digest, authenticode};

/// A package that is not installed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The file that is to blame.
    pub file: String,
    /// Its line, for an INF.
    pub line: Option<inf::Line>,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(inf::Line(line)) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl std::error::Error for Refusal {}

impl From<inf::InfError> for Refusal {
    fn from(error: inf::InfError) -> Self {
        Self {
            file: error.file,
            line: error.line,
            reason: error.message,
        }
    }
}

/// A package that may be installed.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What the installation does.
    pub plan: InstallPlan,
    /// The function driver's file.
    pub image_name: String,
    /// Its bytes as they were checked: load these.
    pub image: Vec<u8>,
    /// SHA-256 of the whole image file.
    pub image_sha256: Sha256Digest,
    /// The symbols beside the image, where there are some. No signature covers them.
    pub pdb: Option<PathBuf>,
    /// Who signed the catalog; nobody, when signatures were not looked at.
    pub signer: String,
    /// What was passed over in the INF.
    pub notes: Vec<inf::InfError>,
}

/// Decides about the package in `dir` whose INF is `inf_name`, for a device on a machine with this trust.
///
/// # Errors
/// The first thing that a machine would refuse, with the file.
pub fn verify(
    dir: &Path,
    inf_name: &str,
    trust: &Trust,
    target: &Target,
) -> Result<Verified, Refusal> {
    let read = |name: &str| std::fs::read(dir.join(name));
    let mut verified = decide(&read, inf_name, trust, target)?;
    let pdb = dir.join(&verified.image_name).with_extension("pdb");
    verified.pdb = Some(pdb).filter(|pdb| pdb.is_file());
    Ok(verified)
}

/// The decision over files that `read` gives by their names.
pub(super) fn decide(
    read: &dyn Fn(&str) -> io::Result<Vec<u8>>,
    inf_name: &str,
    trust: &Trust,
    target: &Target,
) -> Result<Verified, Refusal> {
    let refuse = |file: &str, reason: String| Refusal {
        file: file.to_owned(),
        line: None,
        reason,
    };
    let inf_bytes =
        read(inf_name).map_err(|error| refuse(inf_name, format!("it cannot be read: {error}")))?;
    let inf = Inf::parse(inf_name, &inf_bytes)?;
    let catalog_name = inf
        .version("CatalogFile")
        .map_or("", |entry| entry.field(0));
    if catalog_name.is_empty() {
        return Err(refuse(
            inf_name,
            "it names no catalog (CatalogFile in [Version]), so nothing vouches for it".into(),
        ));
    }
    let catalog_bytes = plain_name(catalog_name)
        .and_then(|()| read(catalog_name).map_err(|error| error.to_string()));
    let catalog_bytes = catalog_bytes.map_err(|error| {
        refuse(
            inf_name,
            format!("its catalog {catalog_name} cannot be read: {error}"),
        )
    })?;
    let catalog = catalog::verify(&catalog_bytes, trust).map_err(|error| {
        refuse(
            catalog_name,
            format!("the catalog is not accepted: {error}"),
        )
    })?;
    covered(&catalog, catalog_name, &Member::flat(inf_name, &inf_bytes))?;
    let plan = inf::plan(&inf, target)?;

    let driver = plan.services.iter().find(|service| service.function_driver);
    let driver = driver.ok_or_else(|| {
        refuse(
            inf_name,
            format!("[{}.Services] names no function driver", plan.section),
        )
    })?;
    let image_name = driver.binary.file.clone();
    let mut image = None;
    for file in &plan.files {
        let name = &file.source;
        let bytes = plain_name(name).and_then(|()| read(name).map_err(|error| error.to_string()));
        let bytes = bytes.map_err(|error| {
            refuse(
                name,
                format!("it cannot be read: {error}; {inf_name} copies it"),
            )
        })?;
        if !is_image(name) {
            covered(&catalog, catalog_name, &Member::flat(name, &bytes))?;
            continue;
        }
        authenticode::verify(&bytes, trust)
            .map_err(|error| refuse(name, format!("the image is not accepted: {error}")))?;
        covered(
            &catalog,
            catalog_name,
            &Member::image(name, &bytes).map_err(|error| refuse(name, error.to_string()))?,
        )?;
        if file.target.eq_ignore_ascii_case(&image_name) {
            image = Some(bytes);
        }
    }
    let image = image.ok_or_else(|| {
        refuse(
            inf_name,
            format!("{image_name} of service {} is not copied", driver.name),
        )
    })?;
    let image_sha256 = Sha256Digest::of(&image);
    Ok(Verified {
        plan,
        image_name,
        image,
        image_sha256,
        pdb: None,
        signer: catalog.signer.subject(),
        notes: Vec::new(),
    })
}

fn covered(catalog: &Catalog, catalog_name: &str, file: &Member) -> Result<(), Refusal> {
    catalog.covers(file).map_err(|reason| Refusal {
        file: file.name.clone(),
        line: None,
        reason: format!("{} is not covered by {catalog_name}: {reason}", file.name),
    })
}

/// Whether signatures of this file are those of images.
fn is_image(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".sys", ".dll", ".exe"]
        .iter()
        .any(|extension| name.ends_with(extension))
}

/// A file lies beside the INF; a path would leave the package.
fn plain_name(name: &str) -> Result<(), String> {
    if name.contains(['/', '\\', ':']) || name == ".." {
        Err("it is not a plain file name".into())
    } else {
        Ok(())
    }
}
