//! The rules that can be checked without Windows, in the manner of infverif.

use std::fmt;

use super::document::{Encoding, Inf, is_strings};
use super::error::{InfError, Line};
use super::models::{self, Target};
use super::plan::{DirId, InstallPlan, driver_ver, plan};
use super::registry::RegistryKey;
use super::rules::{self, Rule};
use super::unused::unused;
use crate::{Arch, Guid, OsBuild};

/// What the package is meant for.
#[derive(Clone, Copy, Debug)]
pub struct Requirements {
    /// The architecture.
    pub arch: Arch,
    /// The oldest Windows the driver runs on.
    pub min_build: OsBuild,
}

/// A rule that is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub rule: &'static Rule,
    /// The INF's name.
    pub file: String,
    /// Where.
    pub line: Option<Line>,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(Line(line)) = self.line {
            write!(f, ":{line}")?;
        }
        write!(
            f,
            ": {}; required: {} (rule {}",
            self.found, self.rule.requires, self.rule.id
        )?;
        if let Some(code) = self.rule.infverif {
            write!(f, ", infverif {code}")?;
        }
        write!(f, "; {})", self.rule.source)
    }
}

/// Setup classes of Microsoft's that drivers here belong to.
const CLASSES: &[(&str, &str)] = &[("MEDIA", "{4D36E96C-E325-11CE-BFC1-08002BE10318}")];

/// Directives that an isolated package does not have.
const LEGACY: &[&str] = &[
    "DelFiles",
    "RenFiles",
    "RegisterDlls",
    "UnregisterDlls",
    "LogConfig",
    "ProfileItems",
    "UpdateInis",
    "UpdateIniFields",
    "Ini2Reg",
    "BitReg",
    "DelReg",
    "DelService",
    "CopyINF",
];

/// Every rule that is broken; none for a good INF.
pub fn check(inf: &Inf, requirements: &Requirements) -> Vec<Finding> {
    let mut checker = Checker {
        inf,
        requirements,
        findings: Vec::new(),
    };
    checker.version();
    checker.whole_file();
    checker.models();
    checker.findings
}

struct Checker<'a> {
    inf: &'a Inf,
    requirements: &'a Requirements,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn add(&mut self, rule: &'static Rule, line: Option<Line>, found: impl Into<String>) {
        let finding = Finding {
            rule,
            file: self.inf.file.clone(),
            line,
            found: found.into(),
        };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    fn add_error(&mut self, rule: &'static Rule, error: InfError) {
        self.add(rule, error.line, error.message);
    }

    /// Checks the first field of an entry of `[Version]`; a missing one is empty.
    fn version_entry(&mut self, key: &str, rule: &'static Rule, good: impl Fn(&str) -> bool) {
        let (line, value) = self
            .inf
            .version(key)
            .map_or((None, ""), |entry| (Some(entry.line), entry.field(0)));
        if !good(value) {
            let found = if line.is_some() {
                format!("{key} is {value:?}")
            } else {
                format!("[Version] lacks {key}")
            };
            self.add(rule, line, found);
        }
    }

    fn version(&mut self) {
        self.version_entry("Signature", &rules::SIGNATURE, |value| {
            value.eq_ignore_ascii_case("$Windows NT$")
        });
        self.version_entry("Provider", &rules::PROVIDER, |value| {
            !value.is_empty() && !value.eq_ignore_ascii_case("Microsoft")
        });
        self.version_entry("CatalogFile", &rules::CATALOG_FILE, |value| {
            value.len() > 4 && value.to_ascii_lowercase().ends_with(".cat")
        });
        self.version_entry("PnpLockdown", &rules::PNP_LOCKDOWN, |value| value == "1");
        let class = self
            .inf
            .version("Class")
            .map_or("", |entry| entry.field(0))
            .to_owned();
        self.version_entry("ClassGuid", &rules::CLASS, |value| {
            let known = CLASSES
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(&class));
            value
                .parse::<Guid>()
                .is_ok_and(|guid| known.is_none_or(|(_, expected)| guid.to_string() == *expected))
        });
        if class.is_empty() {
            self.add(&rules::CLASS, None, "[Version] lacks Class");
        }
        if let Err(error) = driver_ver(self.inf) {
            self.add_error(&rules::DRIVER_VER, error);
        }
    }

    fn whole_file(&mut self) {
        if self.inf.encoding == Encoding::Utf8 {
            self.add(
                &rules::ENCODING,
                None,
                "UTF-8 with characters outside ASCII",
            );
        }
        for section in self.inf.sections() {
            let name = section.name.to_ascii_lowercase();
            if name == "defaultinstall" || name.starts_with("defaultinstall.") {
                self.add(
                    &rules::NO_DEFAULT_INSTALL,
                    Some(section.line),
                    format!("[{}]", section.name),
                );
            }
            if name == "classinstall32" || name.starts_with("classinstall32.") {
                self.add(
                    &rules::NO_CLASS_INSTALL,
                    Some(section.line),
                    format!("[{}]", section.name),
                );
            }
            if name.ends_with(".coinstallers") {
                self.add(
                    &rules::LEGACY,
                    Some(section.line),
                    format!("[{}]", section.name),
                );
            }
            for entry in section.entries.iter().filter(|_| !is_strings(&name)) {
                if let Some(directive) = LEGACY.iter().find(|directive| entry.is(directive)) {
                    self.add(
                        &rules::LEGACY,
                        Some(entry.line),
                        format!("{directive} in [{}]", section.name),
                    );
                }
            }
        }
        for section in unused(self.inf) {
            self.add(
                &rules::UNUSED,
                Some(section.1),
                format!("[{}] is not referenced", section.0),
            );
        }
    }

    fn models(&mut self) {
        let models = match models::all(self.inf) {
            Ok(models) => models,
            Err(error) => return self.add_error(&rules::FOLLOWS, error),
        };
        let Requirements { arch, min_build } = *self.requirements;
        let mut devices = 0;
        for models in models {
            let Some(decoration) = models
                .decoration
                .filter(|decoration| decoration.arch.is_some())
            else {
                self.add(
                    &rules::MODELS,
                    Some(models.line),
                    format!("[{}] names no architecture", models.section),
                );
                continue;
            };
            if decoration.arch != Some(arch.into()) {
                continue;
            }
            if decoration.build.unwrap_or(0) < min_build.0 {
                let found = format!("[{}] admits builds before {min_build}", models.section);
                self.add(&rules::MODELS, Some(models.line), found);
            }
            let Some(section) = self.inf.section(&models.section) else {
                self.add(
                    &rules::FOLLOWS,
                    Some(models.line),
                    format!("section [{}] does not exist", models.section),
                );
                continue;
            };
            let build = OsBuild(decoration.build.unwrap_or(0).max(min_build.0));
            for entry in &section.entries {
                for hardware_id in entry.names().skip(1) {
                    devices += 1;
                    match plan(
                        self.inf,
                        &Target {
                            hardware_id,
                            arch,
                            build,
                        },
                    ) {
                        Ok(plan) => self.plan(&plan, entry.line),
                        Err(error) => self.add_error(&rules::FOLLOWS, error),
                    }
                }
            }
        }
        if devices == 0 {
            self.add(
                &rules::MODELS,
                None,
                format!("no device for {arch} from build {min_build} on"),
            );
        }
        match plan(
            self.inf,
            &Target {
                hardware_id: "",
                arch,
                build: min_build,
            },
        ) {
            Err(error)
                if error.line.is_none() && error.message.starts_with("no models section") =>
            {
                self.add_error(&rules::MODELS, error)
            }
            _ => {}
        }
    }

    fn plan(&mut self, plan: &InstallPlan, line: Line) {
        for file in &plan.files {
            if file.directory != DirId::DRIVER_STORE {
                self.add(
                    &rules::DRIVER_STORE,
                    Some(file.line),
                    format!("{} goes to {}", file.target, file.directory),
                );
            }
            if !file.source.eq_ignore_ascii_case(&file.target) {
                self.add(
                    &rules::RENAMED,
                    Some(file.line),
                    format!("{} becomes {}", file.source, file.target),
                );
            }
            if let Err(found) = self.source_disk(&file.source) {
                self.add(&rules::SOURCE_FILES, Some(file.line), found);
            }
        }
        let copied = |name: &str| {
            plan.files
                .iter()
                .any(|file| file.target.eq_ignore_ascii_case(name))
        };
        let drivers: Vec<_> = plan
            .services
            .iter()
            .filter(|service| service.function_driver)
            .collect();
        if drivers.len() != 1 {
            self.add(
                &rules::SERVICE,
                Some(line),
                format!(
                    "[{}.Services] has {} function drivers",
                    plan.section,
                    drivers.len()
                ),
            );
        }
        for service in &plan.services {
            let line = Some(service.line);
            if service.kind != 1 || service.start != 3 {
                let found = format!(
                    "service {} has type {} and start {}",
                    service.name, service.kind, service.start
                );
                self.add(&rules::SERVICE, line, found);
            }
            if service.binary.directory != DirId::DRIVER_STORE {
                self.add(
                    &rules::DRIVER_STORE,
                    line,
                    format!(
                        "service {} runs from {}",
                        service.name, service.binary.directory
                    ),
                );
            }
            if !copied(&service.binary.file) {
                self.add(
                    &rules::SERVICE,
                    line,
                    format!(
                        "{} of service {} is not copied",
                        service.binary.file, service.name
                    ),
                );
            }
        }
        let hardware = |name: &str| {
            plan.registry.iter().any(|value| {
                value.key == RegistryKey::Device
                    && value.subkey.is_empty()
                    && value.name.eq_ignore_ascii_case(name)
            })
        };
        if plan.class.eq_ignore_ascii_case("MEDIA")
            && !(hardware("DeviceType") && hardware("Security"))
        {
            self.add(
                &rules::DEVICE_SECURITY,
                Some(line),
                format!("[{}.HW] lacks one of them", plan.section),
            );
        }
    }

    /// Whether `[SourceDisksFiles]` and `[SourceDisksNames]` (plain or decorated) know a file.
    fn source_disk(&self, file: &str) -> Result<(), String> {
        let arch = self.requirements.arch;
        let entry = |section: &str, key: &str| {
            let decorated = self
                .inf
                .section(&format!("{section}.{arch}"))
                .and_then(|section| section.entry(key));
            decorated.or_else(|| {
                self.inf
                    .section(section)
                    .and_then(|section| section.entry(key))
            })
        };
        let disk = entry("SourceDisksFiles", file)
            .ok_or_else(|| format!("{file} is not in [SourceDisksFiles]"))?;
        entry("SourceDisksNames", disk.field(0))
            .map(|_| ())
            .ok_or_else(|| {
                format!(
                    "disk {} of {file} is not in [SourceDisksNames]",
                    disk.field(0)
                )
            })
    }
}
