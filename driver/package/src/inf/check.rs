//! The rules that can be checked without Windows, in the manner of `infverif /w`.
//!
//! They are for whoever makes a package: all of them must hold, warnings too. What a machine asks before it installs one is
//! [`crate::package::verify`]. `docs/infverif.md` says for each of infverif's numbers which rule covers it, or why none does.

mod install;
mod registry;
mod shape;

use std::fmt;

use super::document::{Encoding, Inf, is_strings};
use super::error::{InfError, Line};
use super::models::{self, Target};
use super::plan::{InstallPlan, driver_ver, plan};
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
        let codes = self.rule.infverif;
        // A rule of many numbers is none of them in particular.
        for (at, code) in codes.iter().enumerate().take_while(|_| codes.len() < 7) {
            write!(f, "{}{code}", if at == 0 { ", infverif " } else { " " })?;
        }
        write!(f, "; {})", self.rule.source)
    }
}

/// Setup classes of Microsoft's that drivers here belong to.
const CLASSES: &[(&str, &str)] = &[("MEDIA", "{4D36E96C-E325-11CE-BFC1-08002BE10318}")];

/// Most characters of a class's name (infverif 1286).
const CLASS_NAME: usize = 31;

/// Directives and sections that an isolated package does not have.
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
    "DelProperty",
    "DelFilter",
];

/// Sections that an isolated package does not have, by the ends of their names.
const LEGACY_SECTIONS: &[&str] = &[".coinstallers", ".factdef", ".logconfigoverride"];

/// Every rule that is broken; none for a good INF.
pub fn check(inf: &Inf, requirements: &Requirements) -> Vec<Finding> {
    let mut checker = Checker {
        inf,
        requirements,
        findings: Vec::new(),
        plans: Vec::new(),
    };
    checker.version();
    checker.whole_file();
    checker.shape();
    checker.models();
    checker.same_everywhere();
    checker.findings
}

struct Checker<'a> {
    inf: &'a Inf,
    requirements: &'a Requirements,
    findings: Vec<Finding>,
    /// What installing each device would do.
    plans: Vec<InstallPlan>,
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
            !value.is_empty() && !value.to_ascii_lowercase().starts_with("microsoft")
        });
        self.version_entry("CatalogFile", &rules::CATALOG_FILE, |value| {
            value.len() > 4
                && value.to_ascii_lowercase().ends_with(".cat")
                && !value.contains(['\\', '/', ':'])
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
        let reserved = class.eq_ignore_ascii_case("Sample");
        if class.is_empty() || class.chars().count() > CLASS_NAME || reserved {
            self.add(&rules::CLASS, None, format!("Class is {class:?}"));
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
            if name == "deviceinstall32"
                || LEGACY_SECTIONS.iter().any(|legacy| name.ends_with(legacy))
            {
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
            if decoration.product.is_some() || decoration.suite.is_some() {
                let found = format!("[{}] is for a product or a suite", models.section);
                self.add(&rules::MODELS, Some(models.line), found);
            }
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
                if entry.field(0).is_empty() {
                    let found = "a device without an install section (infverif 1271)";
                    self.add(&rules::FOLLOWS, Some(entry.line), found);
                }
                for hardware_id in entry.fields.iter().skip(1).filter(|id| !id.is_empty()) {
                    devices += 1;
                    match plan(
                        self.inf,
                        &Target {
                            hardware_id,
                            arch,
                            build,
                        },
                    ) {
                        Ok(plan) => {
                            self.install(&plan, entry.line);
                            self.registry(&plan);
                            self.plans.push(plan);
                        }
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
}
