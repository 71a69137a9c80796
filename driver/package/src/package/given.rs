//! A driver and its INF as somebody has them lying about, to be tried without being packaged: signatures are no question, and the INF is
//! taken as it is found.

use std::path::Path;

use super::{Refusal, Verified};
use crate::inf::{self, Inf, Target};
use crate::{Arch, OsBuild, Sha256Digest};

/// What installing `driver` by `inf` comes to for a device with `hardware_id`, or with the first one that the INF lists.
///
/// # Errors
/// A file that cannot be read, or an INF that cannot be followed, with its line.
pub fn given(
    driver: &Path,
    inf: &Path,
    hardware_id: Option<&str>,
    build: OsBuild,
) -> Result<Verified, Refusal> {
    let name = |path: &Path| {
        let name = path.file_name().unwrap_or(path.as_os_str());
        name.to_string_lossy().into_owned()
    };
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| Refusal {
            file: path.display().to_string(),
            line: None,
            reason: format!("it cannot be read: {error}"),
        })
    };
    let image = read(driver)?;
    let found = Inf::parse(&name(inf), &read(inf)?)?.as_found();
    let refuse = |reason: String| Refusal {
        file: found.file.clone(),
        line: None,
        reason,
    };
    let listed = inf::hardware_ids(&found, Arch::Amd64, build)?;
    let hardware_id = match hardware_id {
        Some(id) => id.to_owned(),
        None => listed.first().cloned().ok_or_else(|| {
            refuse(format!(
                "no models section for {} build {build} lists a device",
                Arch::Amd64
            ))
        })?,
    };
    let target = Target {
        hardware_id: &hardware_id,
        arch: Arch::Amd64,
        build,
    };
    let plan = inf::plan(&found, &target)?;
    if !plan.services.iter().any(|service| service.function_driver) {
        return Err(refuse(format!(
            "[{}.Services] names no function driver (AddService with flag 2)",
            plan.section
        )));
    }
    Ok(Verified {
        plan,
        image_name: name(driver),
        image_sha256: Sha256Digest::of(&image),
        image,
        pdb: None,
        signer: String::new(),
        notes: found.passed_over(),
    })
}
