//! Names that the INF gives to pins: `HKR,MediaCategories\{guid},Name` (Windows 10 1809 and later).

use waverig_package::inf::{RegistryData, RegistryKey, RegistryValue};
use waverig_portcls::Guid;

use crate::endpoints::{Topology, rules};
use crate::finding;

/// The key below the device's software key.
const KEY: &str = "MediaCategories\\";

/// The GUID, as the INF spells it, that a value is about.
fn subject(value: &RegistryValue) -> Option<&str> {
    let (key, guid) = value.subkey.split_at_checked(KEY.len())?;
    (value.key == RegistryKey::Driver && key.eq_ignore_ascii_case(KEY)).then_some(guid)
}

fn is(text: &str, guid: &Guid) -> bool {
    text.eq_ignore_ascii_case(&format!("{{{guid}}}"))
}

/// The name of a pin with this name GUID.
pub(super) fn of_pin(values: &[RegistryValue], name: Option<&Guid>) -> Option<String> {
    let name = name?;
    values.iter().find_map(|value| match &value.data {
        RegistryData::Sz(text)
            if subject(value).is_some_and(|guid| is(guid, name))
                && value.name.eq_ignore_ascii_case("Name") =>
        {
            Some(text.clone())
        }
        _ => None,
    })
}

/// Checks that some pin leads to every name.
pub(super) fn check(values: &[RegistryValue], topology: &Topology) {
    for guid in unused(values, topology) {
        let text = format!(
            "no pin has the GUID {guid} of HKR,MediaCategories as its Name or Category, so Windows never looks it up"
        );
        finding::raise(&rules::PIN_NAME, text);
    }
}

fn unused<'a>(values: &'a [RegistryValue], topology: &Topology) -> Vec<&'a str> {
    let known = |guid: &str| {
        let pins = topology.filters.iter().flat_map(|filter| &filter.pins);
        let mut all = pins.flat_map(|pin| [pin.name, pin.category]).flatten();
        all.any(|one| is(guid, &one))
    };
    let subjects = values.iter().filter_map(subject);
    subjects.filter(|guid| !known(guid)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::{Filter, Flow, Pin};
    use waverig_package::inf::Line;
    use waverig_portcls::id::KSNODETYPE_SPEAKER;

    const OWN: Guid = Guid::new(0x5B8A2F64_3C1E_4E97_8D0B_7A6F19C3E2D4);
    const TEXT: &str = "{5b8a2f64-3C1E-4E97-8D0B-7A6F19C3E2D4}";
    const SPEAKER: &str = "{DFF21CE1-F70F-11D0-B917-00A0C9223196}";

    fn topology(name: Option<Guid>) -> Topology {
        let pin = Pin {
            flow: Flow::Out,
            communication: 0,
            category: Some(KSNODETYPE_SPEAKER),
            name,
            streams: false,
        };
        let filter = Filter {
            pins: vec![pin],
            ..Filter::default()
        };
        Topology {
            filters: vec![filter],
            links: Vec::new(),
        }
    }

    fn value(key: RegistryKey, subkey: &str) -> [RegistryValue; 1] {
        [RegistryValue {
            key,
            subkey: subkey.into(),
            name: "Name".into(),
            data: RegistryData::Sz("output".into()),
            overwrite: true,
            line: Line(1),
        }]
    }

    fn check(name: Option<Guid>, key: RegistryKey, subkey: &str, expect: &[&str]) {
        let values = value(key, subkey);
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

    #[test]
    fn a_pin_has_the_name_its_guid_leads_to() {
        let values = value(RegistryKey::Driver, &format!("MediaCategories\\{TEXT}"));
        assert_eq!(of_pin(&values, Some(&OWN)).as_deref(), Some("output"));
        assert_eq!(of_pin(&values, Some(&KSNODETYPE_SPEAKER)), None);
        assert_eq!(of_pin(&values, None), None);
    }
}
