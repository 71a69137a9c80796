//! Names of endpoints, looked up as KS does ("Friendly Names for Audio Endpoint Devices"): the GUID in the pin's `Name`, then
//! the one in its `Category`; each below `MediaCategories` in the device's software key first (Windows 10 1809 and later),
//! then in the key of that name that all devices share.

use waverig_package::inf::{InstallPlan, RegistryKey, RegistryValue};
use waverig_portcls::Guid;

use crate::endpoints::{Pin, Topology, rules};
use crate::finding;
use crate::nt::layout::DeviceObject;
use crate::nt::pdo;
use crate::nt::registry::{self, Key, Value};

/// The key below the device's software key.
const KEY: &str = "MediaCategories\\";
/// The key for all devices. `ks.inf` fills it on Windows; here it is empty, and a category has its built-in name.
const SHARED: &str = "\\Registry\\Machine\\System\\CurrentControlSet\\Control";

/// The name of the endpoint behind a pin.
pub(super) fn of_pin(pdo: *mut DeviceObject, pin: &Pin) -> Option<String> {
    [pin.name, pin.category]
        .into_iter()
        .flatten()
        .find_map(|guid| of_guid(pdo, &guid))
}

/// The name that a GUID leads to.
pub(super) fn of_guid(pdo: *mut DeviceObject, guid: &Guid) -> Option<String> {
    let keys = [pdo::software_key(pdo), registry::open(SHARED)];
    keys.into_iter()
        .flatten()
        .find_map(|key| name_in(&key, guid))
}

fn name_in(key: &Key, guid: &Guid) -> Option<String> {
    match key.open(&format!("{KEY}{{{guid}}}"))?.get("Name")? {
        Value::Sz(name) => Some(name),
        _ => None,
    }
}

/// The GUID, as the INF spells it, that a value is about.
fn subject(value: &RegistryValue) -> Option<&str> {
    let (key, guid) = value.subkey.split_at_checked(KEY.len())?;
    (value.key == RegistryKey::Driver && key.eq_ignore_ascii_case(KEY)).then_some(guid)
}

/// Checks that every pin's name is one that somebody gave, and that some pin leads to every name of the INF.
pub(super) fn check(pdo: *mut DeviceObject, plan: &InstallPlan, topology: &Topology) {
    check_pins(pdo, topology);
    // The INF names the pins of filters that a device may have; only one that has all of them can show that a name is unused.
    let here = |reference: &str| {
        let filters = &topology.filters;
        filters
            .iter()
            .any(|filter| filter.name.eq_ignore_ascii_case(reference))
    };
    if plan.interfaces.iter().all(|one| here(&one.reference)) {
        for guid in unused(&plan.registry, topology) {
            let text = format!(
                "no pin has the GUID {guid} of HKR,MediaCategories as its Name or Category, so Windows never looks it up"
            );
            finding::raise(&rules::PIN_NAME, text);
        }
    }
}

/// Checks that every pin's name is one that somebody gave.
fn check_pins(pdo: *mut DeviceObject, topology: &Topology) {
    for pin in topology.filters.iter().flat_map(|filter| &filter.pins) {
        if let Some(name) = pin.name
            && of_guid(pdo, &name).is_none()
        {
            let text = format!(
                "the pin name {{{name}}} stands below no MediaCategories; the endpoint is called by its category"
            );
            finding::raise(&rules::PIN_NAME_UNKNOWN, text);
        }
    }
}

fn unused<'a>(values: &'a [RegistryValue], topology: &Topology) -> Vec<&'a str> {
    let known = |guid: &str| {
        let pins = topology.filters.iter().flat_map(|filter| &filter.pins);
        let mut all = pins.flat_map(|pin| [pin.name, pin.category]).flatten();
        all.any(|one| guid.eq_ignore_ascii_case(&format!("{{{one}}}")))
    };
    let subjects = values.iter().filter_map(subject);
    subjects.filter(|guid| !known(guid)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::{Filter, Flow};
    use crate::kernel::{Kernel, Options};
    use crate::nt::driver;
    use waverig_package::inf::{Line, RegistryData};
    use waverig_portcls::id::KSNODETYPE_SPEAKER;

    const OWN: Guid = Guid::new(0x5B8A2F64_3C1E_4E97_8D0B_7A6F19C3E2D1);
    const TEXT: &str = "{5b8a2f64-3C1E-4E97-8D0B-7A6F19C3E2D1}";
    const SPEAKER: &str = "{DFF21CE1-F70F-11D0-B917-00A0C9223196}";

    fn pin(name: Option<Guid>) -> Pin {
        Pin {
            flow: Flow::Out,
            communication: 0,
            category: Some(KSNODETYPE_SPEAKER),
            name,
            streams: false,
        }
    }

    /// A filter with that pin alone.
    fn topology(name: Option<Guid>) -> Topology {
        Topology {
            filters: vec![Filter {
                pins: vec![pin(name)],
                ..Filter::default()
            }],
            links: Vec::new(),
        }
    }

    fn check(name: Option<Guid>, key: RegistryKey, subkey: &str, expect: &[&str]) {
        let values = [RegistryValue {
            key,
            subkey: subkey.into(),
            name: "Name".into(),
            data: RegistryData::Sz("output".into()),
            overwrite: true,
            line: Line(1),
        }];
        assert_eq!(unused(&values, &topology(name)), expect, "{subkey}");
    }

    #[test]
    fn every_name_is_one_that_a_pin_leads_to() {
        let at = |guid: &str| format!("mediacategories\\{guid}");
        check(Some(OWN), RegistryKey::Driver, &at(TEXT), &[]);
        check(None, RegistryKey::Driver, &at(SPEAKER), &[]);
        check(None, RegistryKey::Driver, &at(TEXT), &[TEXT]);
        check(Some(OWN), RegistryKey::Driver, &at("no guid"), &["no guid"]);
        check(None, RegistryKey::Device, &at(TEXT), &[]);
        check(None, RegistryKey::Driver, "Drivers\\SubClasses", &[]);
    }

    /// Names below `MediaCategories`: in which key, of which GUID, which name. What the pin is called then.
    fn looked_up(names: &[(bool, &str, &str)], name: Option<Guid>, expect: Option<&str>) {
        Kernel::boot(Options::default());
        let pdo = pdo::create(driver::create("root"), "ROOT\\MEDIA\\0000", "{class}\\0000");
        for (shared, guid, name) in names {
            let key = if *shared {
                registry::create(SHARED)
            } else {
                pdo::software_key(pdo).expect("a physical device")
            };
            let key = key.create(&format!("{KEY}{guid}"));
            key.set("Name", Value::Sz((*name).into()));
        }
        assert_eq!(of_pin(pdo, &pin(name)).as_deref(), expect);
    }

    /// A pin with a name on a device whose software key has one for [`OWN`]; what the rules say.
    fn named(name: Option<Guid>, expect: &[&str]) {
        let kernel = Kernel::boot(Options::default());
        let pdo = pdo::create(driver::create("root"), "ROOT\\MEDIA\\0000", "{class}\\0000");
        let key = pdo::software_key(pdo).expect("a physical device");
        let key = key.create(&format!("{KEY}{TEXT}"));
        key.set("Name", Value::Sz("output".into()));
        check_pins(pdo, &topology(name));
        let found = kernel.findings.all().into_iter();
        let found: Vec<String> = found
            .map(|one| format!("{}: {}", one.rule, one.text))
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_pin_has_a_name_that_somebody_gave() {
        named(Some(OWN), &[]);
        named(None, &[]);
        named(
            Some(KSNODETYPE_SPEAKER),
            &[
                "pin-name-unknown: the pin name {DFF21CE1-F70F-11D0-B917-00A0C9223196} stands below no MediaCategories; the endpoint is called by its category",
            ],
        );
    }

    #[test]
    fn the_name_comes_before_the_category_and_the_device_before_the_system() {
        let all = [
            (true, SPEAKER, "speakers"),
            (false, SPEAKER, "my speakers"),
            (true, TEXT, "output"),
            (false, TEXT, "my output"),
        ];
        looked_up(&all, Some(OWN), Some("my output"));
        looked_up(&all[..3], Some(OWN), Some("output"));
        looked_up(&all[..2], Some(OWN), Some("my speakers"));
        looked_up(&all[..1], Some(OWN), Some("speakers"));
        looked_up(&all, None, Some("my speakers"));
        looked_up(&[], Some(OWN), None);
    }
}
