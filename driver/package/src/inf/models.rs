//! From hardware id, architecture and Windows build to the install section, as Windows chooses it.
//!
//! Sources: Microsoft, "INF Manufacturer section", "INF Models section", "Combining platform extensions with operating
//! system versions", "INF DDInstall section".

use super::document::{Entry, Inf};
use super::error::{InfError, Line};
use crate::{Arch, OsBuild};

/// The machine and the device an INF is to be installed for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The device's hardware id; case does not matter.
    pub hardware_id: &'a str,
    /// The machine's architecture.
    pub arch: Arch,
    /// The machine's build of Windows.
    pub build: OsBuild,
}

/// `NTamd64.10.0...19041`: which machines a models section is for. A part left out fits everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Decoration {
    /// Major, minor version of Windows.
    version: Option<(u32, u32)>,
    /// The oldest build.
    pub(super) build: Option<u32>,
    /// 1 workstation, 2 domain controller, 3 server.
    pub(super) product: Option<u32>,
    /// A suite mask: never fits here.
    pub(super) suite: Option<u32>,
    /// The architecture's name in lower case is known; others never fit.
    pub(super) arch: Option<DecoratedArch>,
}

/// The architecture in a decoration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DecoratedArch {
    X86,
    Amd64,
    Arm,
    Arm64,
}

impl From<Arch> for DecoratedArch {
    fn from(arch: Arch) -> Self {
        match arch {
            Arch::Amd64 => Self::Amd64,
            Arch::Arm64 => Self::Arm64,
        }
    }
}

impl Decoration {
    /// Reads `NT[arch][.[major][.[minor][.[product][.[suite][.[build]]]]]]`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let arch = match parts.next()?.to_ascii_lowercase().as_str() {
            "nt" => None,
            "ntx86" => Some(DecoratedArch::X86),
            "ntamd64" => Some(DecoratedArch::Amd64),
            "ntarm" => Some(DecoratedArch::Arm),
            "ntarm64" => Some(DecoratedArch::Arm64),
            _ => return None,
        };
        let mut numbers = [None; 5];
        for (index, part) in parts.enumerate() {
            let number = match part {
                "" => None,
                part => Some(match part.strip_prefix("0x") {
                    Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                    None => part.parse().ok()?,
                }),
            };
            *numbers.get_mut(index)? = number;
        }
        let [major, minor, product, suite, build] = numbers;
        Some(Self {
            version: major.map(|major| (major, minor.unwrap_or(0))),
            build,
            product,
            suite,
            arch,
        })
    }

    fn fits(&self, target: &Target) -> bool {
        self.arch
            .is_none_or(|decorated| decorated == target.arch.into())
            && self.version.is_none_or(|version| version <= (10, 0))
            && self.build.is_none_or(|build| build <= target.build.0)
            && self.product.is_none_or(|product| product == 1)
            && self.suite.is_none()
    }
}

/// One models section an INF offers.
pub(super) struct Models<'a> {
    pub(super) manufacturer: &'a str,
    /// The section's full name.
    pub(super) section: String,
    /// `None` for a section without decoration, which only x86 takes.
    pub(super) decoration: Option<Decoration>,
    pub(super) line: Line,
}

/// All models sections that `[Manufacturer]` names.
pub(super) fn all(inf: &Inf) -> Result<Vec<Models<'_>>, InfError> {
    let manufacturers = inf
        .section("Manufacturer")
        .ok_or_else(|| inf.file_error("section [Manufacturer] is missing"))?;
    let mut result = Vec::new();
    for entry in &manufacturers.entries {
        let manufacturer = entry.key.as_deref().unwrap_or(entry.field(0));
        let base = entry.field(0);
        if base.is_empty() {
            let message = format!("{manufacturer:?} names no models section (infverif 1011)");
            return Err(inf.error(entry.line, message));
        }
        let decorations: Vec<&str> = entry.names().skip(1).collect();
        if decorations.is_empty() {
            result.push(Models {
                manufacturer,
                section: base.to_owned(),
                decoration: None,
                line: entry.line,
            });
        }
        for text in decorations {
            let decoration = Decoration::parse(text).ok_or_else(|| {
                inf.error(
                    entry.line,
                    format!("{text} is not a target such as NTamd64.10.0...19041"),
                )
            })?;
            result.push(Models {
                manufacturer,
                section: format!("{base}.{text}"),
                decoration: Some(decoration),
                line: entry.line,
            });
        }
    }
    Ok(result)
}

/// What Windows would install.
pub(super) struct Choice<'a> {
    pub(super) manufacturer: &'a str,
    /// The line of the models section: description, install section, ids.
    pub(super) model: &'a Entry,
    /// The hardware id as the INF writes it.
    pub(super) hardware_id: &'a str,
    /// The install section's name with the decoration that exists.
    pub(super) section: String,
}

/// Chooses the models section and from it the install section.
pub(super) fn choose<'a>(inf: &'a Inf, target: &Target) -> Result<Choice<'a>, InfError> {
    let models = all(inf)?;
    let mut fitting: Vec<&Models> = models
        .iter()
        .filter(|models| {
            models
                .decoration
                .is_some_and(|decoration| decoration.fits(target))
        })
        .collect();
    if fitting.is_empty() {
        let offered: Vec<&str> = models
            .iter()
            .map(|models| models.section.as_str())
            .collect();
        return Err(inf.file_error(format!(
            "no models section for {} build {}; the INF has [{}]",
            target.arch,
            target.build,
            offered.join("], [")
        )));
    }
    // The newest Windows first, then the most specific decoration: the derived order of `Decoration`.
    fitting.sort_by_key(|models| std::cmp::Reverse(models.decoration));
    let best = fitting[0].decoration;
    for models in fitting.iter().filter(|models| models.decoration == best) {
        let section = inf.referenced(&models.section, models.line)?;
        for model in &section.entries {
            let id = model
                .fields
                .iter()
                .skip(1)
                .find(|id| id.eq_ignore_ascii_case(target.hardware_id));
            if let Some(hardware_id) = id {
                let section = install_section(inf, model.field(0), target.arch, model.line)?;
                return Ok(Choice {
                    manufacturer: models.manufacturer,
                    model,
                    hardware_id,
                    section,
                });
            }
        }
    }
    Err(inf.error(
        fitting[0].line,
        format!(
            "[{}] has no hardware id {}; add it to the models section",
            fitting[0].section, target.hardware_id
        ),
    ))
}

/// The install section `name` with the decoration for `arch`: the most specific one that exists.
pub(super) fn install_section(
    inf: &Inf,
    name: &str,
    arch: Arch,
    from: Line,
) -> Result<String, InfError> {
    [format!("{name}.NT{}", arch.inf_name()), format!("{name}.NT"), name.to_owned()]
        .into_iter()
        .find(|candidate| inf.section(candidate).is_some())
        .ok_or_else(|| {
            inf.error(from, format!("none of the install sections [{name}.NT{arch}], [{name}.NT], [{name}] exists; add one"))
        })
}

/// The hardware ids that a machine of this architecture and build would install, in the order of the file.
///
/// # Errors
/// When `[Manufacturer]` or a models section that it names cannot be read.
pub fn hardware_ids(inf: &Inf, arch: Arch, build: OsBuild) -> Result<Vec<String>, InfError> {
    let target = Target {
        hardware_id: "",
        arch,
        build,
    };
    let mut ids = Vec::new();
    for models in all(inf)? {
        if models.decoration.is_some_and(|one| one.fits(&target)) {
            let section = inf.referenced(&models.section, models.line)?;
            let names = section.entries.iter();
            ids.extend(names.flat_map(|entry| entry.names().skip(1).map(str::to_owned)));
        }
    }
    Ok(ids)
}

/// Every hardware id in the models sections decorated for `arch`, with the section's oldest build.
///
/// # Errors
/// When `[Manufacturer]` or a models section that it names cannot be read.
pub fn devices(inf: &Inf, arch: Arch) -> Result<Vec<(&str, OsBuild)>, InfError> {
    let mut result = Vec::new();
    for models in all(inf)? {
        let Some(decoration) = models
            .decoration
            .filter(|decoration| decoration.arch == Some(arch.into()))
        else {
            continue;
        };
        let section = inf.referenced(&models.section, models.line)?;
        let ids = section
            .entries
            .iter()
            .flat_map(|entry| entry.names().skip(1));
        result.extend(ids.map(|id| (id, OsBuild(decoration.build.unwrap_or(0)))));
    }
    Ok(result)
}
