//! What installing an INF on a machine would do, as data; whoever plays Windows applies it.
//!
//! Only directives that the plan can express are accepted: an unknown one is an error with its line, never skipped.

use std::fmt;

use super::check::Requirements;
use super::document::{Entry, Inf, Section};
use super::error::{InfError, Line};
use super::interfaces::{Interface, add_interface};
use super::models::{self, Target};
use super::registry::{RegistryKey, RegistryValue, add_reg};
use super::services::{Service, add_service};
use super::stamp::DriverVersion;
use super::system::{self, SystemSection};
use crate::{Date, Guid};

/// A folder by its number in INFs (Microsoft, "Using dirids").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirId(pub u32);

impl DirId {
    /// The package's own folder in the driver store.
    pub const DRIVER_STORE: Self = Self(13);
}

impl fmt::Display for DirId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}%", self.0)
    }
}

/// A file an installation copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedFile {
    /// Its name in the package.
    pub source: String,
    /// Its name where it goes.
    pub target: String,
    /// The folder it goes to.
    pub directory: DirId,
    /// Where the INF says so.
    pub line: Line,
}

/// What an installation does.
#[derive(Clone, Debug)]
pub struct InstallPlan {
    /// The INF's name.
    pub inf: String,
    /// `Provider` of `[Version]`.
    pub provider: String,
    /// The manufacturer that lists the device.
    pub manufacturer: String,
    /// The device's description.
    pub description: String,
    /// Setup class name.
    pub class: String,
    /// Setup class.
    pub class_guid: Guid,
    /// Day of `DriverVer`.
    pub date: Date,
    /// Version of `DriverVer`.
    pub version: DriverVersion,
    /// The catalog that must cover the package.
    pub catalog: String,
    /// The hardware id as the INF writes it.
    pub hardware_id: String,
    /// The install section, with its decoration.
    pub section: String,
    /// Files to copy.
    pub files: Vec<CopiedFile>,
    /// Values of the driver's and the device's keys.
    pub registry: Vec<RegistryValue>,
    /// Services to create.
    pub services: Vec<Service>,
    /// Interfaces to register.
    pub interfaces: Vec<Interface>,
    /// Sections of Windows' own INFs that are needed.
    pub system: Vec<&'static SystemSection>,
}

/// The plan for a device on a machine.
///
/// # Errors
/// Names file and line: no section for the machine, a reference to nothing, an unknown directive or value, or a `Needs` of
/// a Windows section that this crate does not know.
pub fn plan(inf: &Inf, target: &Target) -> Result<InstallPlan, InfError> {
    let choice = models::choose(inf, target)?;
    let version = |key: &str| {
        inf.version(key)
            .ok_or_else(|| inf.file_error(format!("[Version] lacks {key}")))
    };
    let (date, driver_version) = driver_ver(inf)?;
    let class_guid = version("ClassGuid")?;
    let mut plan = InstallPlan {
        inf: inf.file.clone(),
        provider: version("Provider")?.field(0).to_owned(),
        manufacturer: choice.manufacturer.to_owned(),
        description: choice.model.key.clone().unwrap_or_default(),
        class: version("Class")?.field(0).to_owned(),
        class_guid: class_guid
            .field(0)
            .parse()
            .map_err(|message: String| inf.error(class_guid.line, message))?,
        date,
        version: driver_version,
        catalog: match version("CatalogFile") {
            Ok(entry) => entry.field(0).to_owned(),
            Err(error) => inf.pass_over(error).map(|()| String::new())?,
        },
        hardware_id: choice.hardware_id.to_owned(),
        section: choice.section.clone(),
        files: Vec::new(),
        registry: Vec::new(),
        services: Vec::new(),
        interfaces: Vec::new(),
        system: Vec::new(),
    };
    let install = inf.referenced(&choice.section, choice.model.line)?;
    plan.install(inf, install)?;
    for (suffix, part) in PARTS {
        if let Some(section) = inf.section(&format!("{}.{suffix}", choice.section)) {
            plan.part(inf, section, *part)?;
        }
    }
    Ok(plan)
}

/// The plan for every hardware id that the INF serves on an architecture, on the oldest Windows that takes it.
///
/// # Errors
/// The first plan that does not work out.
pub fn plans(inf: &Inf, requirements: &Requirements) -> Result<Vec<InstallPlan>, InfError> {
    let mut plans = Vec::new();
    for (hardware_id, build) in models::devices(inf, requirements.arch)? {
        let build = build.max(requirements.min_build);
        plans.push(plan(
            inf,
            &Target {
                hardware_id,
                arch: requirements.arch,
                build,
            },
        )?);
    }
    Ok(plans)
}

/// `DriverVer = mm/dd/yyyy,w.x.y.z`
pub(super) fn driver_ver(inf: &Inf) -> Result<(Date, DriverVersion), InfError> {
    let entry = inf
        .version("DriverVer")
        .ok_or_else(|| inf.file_error("[Version] lacks DriverVer"))?;
    let error = |message: String| inf.error(entry.line, message);
    let parts: Vec<&str> = entry.field(0).split(['/', '-']).collect();
    let date = match parts[..] {
        [month, day, year] if month.len() == 2 && day.len() == 2 && year.len() == 4 => {
            (|| Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))()
        }
        _ => None,
    };
    let date = date.ok_or_else(|| {
        error(format!(
            "{:?} is not a day in the form mm/dd/yyyy",
            entry.field(0)
        ))
    })?;
    Ok((date, entry.field(1).parse().map_err(error)?))
}

/// A section beside the install section.
#[derive(Clone, Copy)]
enum Part {
    Hardware,
    Services,
    Interfaces,
}

const PARTS: &[(&str, Part)] = &[
    ("HW", Part::Hardware),
    ("Services", Part::Services),
    ("Interfaces", Part::Interfaces),
];

/// Directives of an install section that say nothing to a plan.
const WITHOUT_EFFECT: &[&str] = &["FeatureScore", "DriverVer", "ExcludeID"];

impl InstallPlan {
    fn install(&mut self, inf: &Inf, section: &Section) -> Result<(), InfError> {
        for entry in &section.entries {
            if self.include_or_need(inf, section, entry)? {
            } else if entry.is("CopyFiles") {
                copy_files(inf, entry, &mut self.files)?;
            } else if entry.is("AddReg") {
                self.registry
                    .extend(add_reg(inf, entry, RegistryKey::Driver)?);
            } else if !WITHOUT_EFFECT.iter().any(|name| entry.is(name)) {
                inf.pass_over(unknown(inf, section, entry))?;
            }
        }
        Ok(())
    }

    fn part(&mut self, inf: &Inf, section: &Section, part: Part) -> Result<(), InfError> {
        for entry in &section.entries {
            if self.include_or_need(inf, section, entry)? {
                continue;
            }
            match part {
                Part::Hardware if entry.is("AddReg") => {
                    self.registry
                        .extend(add_reg(inf, entry, RegistryKey::Device)?)
                }
                Part::Services if entry.is("AddService") => {
                    self.services.extend(add_service(inf, entry)?)
                }
                Part::Interfaces if entry.is("AddInterface") => {
                    self.interfaces.push(add_interface(inf, entry)?)
                }
                _ => inf.pass_over(unknown(inf, section, entry))?,
            }
        }
        Ok(())
    }

    /// Handles `Include` and `Needs`; says whether the entry was one of them.
    fn include_or_need(
        &mut self,
        inf: &Inf,
        section: &Section,
        entry: &Entry,
    ) -> Result<bool, InfError> {
        if entry.is("Include") {
            if let Some(name) = entry.names().find(|name| !system::knows_inf(name)) {
                let known = system::known_names();
                inf.pass_over(inf.error(
                    entry.line,
                    format!("Include of {name}: not known here; known are {known}"),
                ))?;
            }
            return Ok(true);
        }
        if !entry.is("Needs") {
            return Ok(false);
        }
        for name in entry.names() {
            let Some(known) = system::find(name) else {
                let known = system::known_names();
                inf.pass_over(inf.error(
                    entry.line,
                    format!("Needs of {name}: not known here; known are {known}"),
                ))?;
                continue;
            };
            let mut included = section
                .entries
                .iter()
                .filter(|entry| entry.is("Include"))
                .flat_map(Entry::names);
            if !included.any(|inf| inf.eq_ignore_ascii_case(known.inf)) {
                let message = format!(
                    "Needs of {name} without Include={} in the same section (infverif 1313)",
                    known.inf
                );
                inf.pass_over(inf.error(entry.line, message))?;
            }
            self.system.push(known);
        }
        Ok(true)
    }
}

fn unknown(inf: &Inf, section: &Section, entry: &Entry) -> InfError {
    let directive = entry.key.as_deref().unwrap_or(entry.field(0));
    inf.error(
        entry.line,
        format!(
            "{directive:?} in [{}] is not known here; an install plan cannot leave it out",
            section.name
        ),
    )
}

/// Adds the files of a `CopyFiles` directive: `@file` or sections of `target[,source]` lines.
pub(super) fn copy_files(
    inf: &Inf,
    directive: &Entry,
    files: &mut Vec<CopiedFile>,
) -> Result<(), InfError> {
    for name in directive.names() {
        if let Some(file) = name.strip_prefix('@') {
            let directory = destination(inf, "DefaultDestDir", directive.line)?;
            files.push(CopiedFile {
                source: file.to_owned(),
                target: file.to_owned(),
                directory,
                line: directive.line,
            });
            continue;
        }
        let section = inf.referenced(name, directive.line)?;
        let directory = destination(inf, &section.name, directive.line)?;
        for entry in &section.entries {
            let target = entry.field(0).to_owned();
            let source = Some(entry.field(1))
                .filter(|source| !source.is_empty())
                .unwrap_or(&target)
                .to_owned();
            files.push(CopiedFile {
                source,
                target,
                directory,
                line: entry.line,
            });
        }
    }
    Ok(())
}

/// The folder of a copy-files section: its own entry in `[DestinationDirs]` or the default.
fn destination(inf: &Inf, section: &str, from: Line) -> Result<DirId, InfError> {
    let dirs = inf.referenced("DestinationDirs", from)?;
    let entry = dirs.entry(section).or_else(|| dirs.entry("DefaultDestDir"));
    let entry = entry.ok_or_else(|| {
        inf.error(
            dirs.line,
            format!("[DestinationDirs] has no entry for {section} and no DefaultDestDir"),
        )
    })?;
    let id = entry.field(0).parse().map_err(|_| {
        inf.error(
            entry.line,
            format!("{:?} is not a folder number", entry.field(0)),
        )
    })?;
    if !entry.field(1).is_empty() {
        inf.pass_over(inf.error(
            entry.line,
            "a subfolder is not known here; put the files beside the INF",
        ))?;
    }
    Ok(DirId(id))
}
