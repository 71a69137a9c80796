//! Values that an installation writes: which are allowed, of what type, and what may be in them.

use super::Checker;
use crate::inf::plan::InstallPlan;
use crate::inf::registry::{RegistryData, RegistryKey, RegistryValue};
use crate::inf::rules;

/// A value that Windows reads: where, its name, the type ("INF AddReg directive"; ksmedia.h and mmdevice for interfaces).
const KNOWN: &[(RegistryKey, &str, Kind)] = &[
    (RegistryKey::Device, "DeviceType", Kind::Dword),
    (RegistryKey::Device, "DeviceCharacteristics", Kind::Dword),
    (RegistryKey::Device, "Exclusive", Kind::Dword),
    (RegistryKey::Device, "Security", Kind::Sz),
    (RegistryKey::Driver, "Driver", Kind::Sz),
    (RegistryKey::Driver, "AssociatedFilters", Kind::Sz),
    (RegistryKey::Interface, "CLSID", Kind::Sz),
    (RegistryKey::Interface, "FriendlyName", Kind::Sz),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sz,
    Dword,
}

impl Kind {
    fn fits(self, data: &RegistryData) -> bool {
        match self {
            Self::Sz => matches!(data, RegistryData::Sz(_)),
            Self::Dword => matches!(data, RegistryData::Dword(_)),
        }
    }
}

impl Checker<'_> {
    /// Every value of one installation.
    pub(super) fn registry(&mut self, plan: &InstallPlan) {
        let interfaces = plan
            .interfaces
            .iter()
            .flat_map(|interface| &interface.registry);
        let services = plan.services.iter().flat_map(|service| &service.registry);
        for value in plan.registry.iter().chain(interfaces).chain(services) {
            self.value(value);
        }
    }

    fn value(&mut self, value: &RegistryValue) {
        let line = Some(value.line);
        let (name, subkey) = (value.name.as_str(), value.subkey.as_str());
        let is = |names: &[&str]| names.iter().any(|other| name.eq_ignore_ascii_case(other));
        if is(&["CoInstallers32", "EnumPropPages32", "Installer32"]) {
            self.add(&rules::LEGACY, line, format!("the value {name}"));
        }
        if is(&["UpperFilters", "LowerFilters"]) {
            self.add(&rules::FILTERS, line, format!("the value {name}"));
        }
        let under = |key: &str| {
            let first = subkey.split('\\').next().unwrap_or_default();
            first.eq_ignore_ascii_case(key)
        };
        if value.key == RegistryKey::Service && !under("Parameters") {
            self.add(
                &rules::SERVICE_KEY,
                line,
                format!("{name:?} below {subkey:?}"),
            );
        }
        if value.key == RegistryKey::Interface && under("FX") {
            self.add(&rules::EFFECTS, line, format!("{name:?} below {subkey}"));
        }
        let known = KNOWN.iter().find(|(key, other, _)| {
            *key == value.key && subkey.is_empty() && name.eq_ignore_ascii_case(other)
        });
        if let Some((_, known, kind)) = known
            && !kind.fits(&value.data)
        {
            let found = format!("{known} is {:?}, not {kind:?}", value.data);
            self.add(&rules::VALUE_TYPE, line, found);
        }
        let texts: &[String] = match &value.data {
            RegistryData::Sz(text) | RegistryData::ExpandSz(text) => std::slice::from_ref(text),
            RegistryData::MultiSz(texts) => texts,
            _ => &[],
        };
        for text in texts.iter().filter(|text| is_fixed_path(text)) {
            self.add(&rules::PATH, line, format!("{name:?} is {text:?}"));
        }
    }
}

/// Whether a text holds a path that one machine has and another may not: a drive, Windows' folder by a DIRID, or an absolute
/// path of the object manager's.
fn is_fixed_path(text: &str) -> bool {
    let dirid = text.split('%').skip(1).step_by(2).any(|token| {
        !token.is_empty() && token != "13" && token.bytes().all(|byte| byte.is_ascii_digit())
    });
    let drive = text.as_bytes().windows(3).any(|three| {
        three[0].is_ascii_alphabetic() && three[1] == b':' && matches!(three[2], b'\\' | b'/')
    });
    let object = ["\\systemroot\\", "\\??\\", "\\device\\"]
        .iter()
        .any(|root| text.to_ascii_lowercase().starts_with(root));
    dirid || drive || object
}
