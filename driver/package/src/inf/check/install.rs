//! What installing one device does: files, services, keys; and what all installations must agree on.

use super::Checker;
use crate::inf::error::Line;
use crate::inf::plan::{DirId, InstallPlan};
use crate::inf::registry::RegistryKey;
use crate::inf::rules;

/// `SPSVCINST_*` that a driver of a Plug and Play device may have (setupapi.h): the function driver, and what is not to be
/// overwritten. Not the load order (1, 40, 80) and not starting at once (800), as "INF AddService directive" says.
const SERVICE_FLAGS: u32 = 0x2 | 0x8 | 0x10 | 0x20 | 0x100 | 0x400;

impl Checker<'_> {
    /// Files, services and keys of one installation. `line` is where the INF lists the device.
    pub(super) fn install(&mut self, plan: &InstallPlan, line: Line) {
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
            if service.flags & !SERVICE_FLAGS != 0 {
                let found = format!("service {} has flags {:#x}", service.name, service.flags);
                self.add(&rules::SERVICE_FLAGS, line, found);
            }
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

    /// What two installations both name, they must mean alike: Windows may do all of them at once (infverif 1330 to 1333).
    pub(super) fn same_everywhere(&mut self) {
        let plans = std::mem::take(&mut self.plans);
        let services = plans.iter().flat_map(|plan| &plan.services);
        for (at, service) in services.clone().enumerate() {
            let other = services.clone().take(at).find(|other| {
                other.name.eq_ignore_ascii_case(&service.name) && !other.says_the_same(service)
            });
            if let Some(Line(other)) = other.map(|other| other.line) {
                let found = format!("service {} is another one at line {other}", service.name);
                self.add(&rules::SAME_EVERYWHERE, Some(service.line), found);
            }
        }
        let files = plans.iter().flat_map(|plan| &plan.files);
        for (at, file) in files.clone().enumerate() {
            let other = files.clone().take(at).find(|other| {
                other.target.eq_ignore_ascii_case(&file.target)
                    && other.directory == file.directory
                    && !other.source.eq_ignore_ascii_case(&file.source)
            });
            if let Some(other) = other {
                let found = format!("{} is {} and {}", file.target, other.source, file.source);
                self.add(&rules::SAME_EVERYWHERE, Some(file.line), found);
            }
        }
    }
}
