//! What the endpoints are called.
//!
//! Windows asks for the name of an endpoint's bridge pin and looks it up by a GUID below `MediaCategories` in the device's software
//! key ("Friendly Names for Audio Endpoint Devices"; Windows 10 1809 and later). Each pin has two GUIDs: the INF gives a name
//! to one, and the driver gives the name of a setting to the other at start. Which of them the pin shows decides. So nothing
//! of the INF is written over, and a setting that is taken back is forgotten. (`IPinName` of portcls.h would answer too, but how
//! it gets its buffer is documented nowhere.)

use crate::registry::Key;
use waverig_engine::settings::Name;
use waverig_interface::{CableNumber, MAX_CABLES};
use waverig_portcls::{Guid, NTSTATUS};
use wdk_sys::PDEVICE_OBJECT;

/// GUIDs of one kind, the first cable's first.
pub(crate) type PinNames = [Guid; MAX_CABLES as usize];

/// Who gives an endpoint its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameOf {
    /// The INF.
    Inf,
    /// The device's setting.
    Setting,
}

/// Of render endpoints, from the INF.
pub(crate) static RENDER: PinNames = numbered(0xD0);
/// Of render endpoints, from the setting.
pub(crate) static RENDER_SET: PinNames = numbered(0xB0);

/// Of capture endpoints, from the INF.
pub(crate) static CAPTURE: PinNames = numbered(0xE0);
/// Of capture endpoints, from the setting.
pub(crate) static CAPTURE_SET: PinNames = numbered(0xC0);

/// GUIDs that differ in the last byte: one with zeros there was drawn at random for this driver.
const fn numbered(kind: u128) -> PinNames {
    const BASE: u128 = 0x5B8A2F64_3C1E_4E97_8D0B_7A6F19C3E200;
    let mut names = [Guid::new(BASE); MAX_CABLES as usize];
    let mut cable = 0;
    while cable < names.len() {
        names[cable] = Guid::new(BASE + kind + 1 + cable as u128);
        cable += 1;
    }
    names
}

/// Leaves the name of a setting where Windows looks it up, if there is one; whichever name the pin is to show then. A name that
/// cannot be left is the INF's, and the debugger is told. PASSIVE_LEVEL.
pub(crate) fn leave(
    physical: PDEVICE_OBJECT,
    names: &PinNames,
    cable: CableNumber,
    name: Option<&Name>,
) -> NameOf {
    let (Some(name), Some(guid)) = (name, names.get(cable.index())) else {
        return NameOf::Inf;
    };
    match write(physical, guid, &name.of_cable(cable.get())) {
        Ok(()) => NameOf::Setting,
        Err(status) => {
            wdk::println!(
                "waverig: the name of cable {} cannot be written, status {status:#010x}; it has the INF's",
                cable.get()
            );
            NameOf::Inf
        }
    }
}

fn write(physical: PDEVICE_OBJECT, guid: &Guid, name: &Name) -> Result<(), NTSTATUS> {
    const KEY: [u16; 15] = units("MediaCategories");
    const NAME: [u16; 4] = units("Name");
    let key = Key::software(physical)?.subkey(&KEY)?.subkey(&text(guid))?;
    key.set_text(&NAME, name.units())
}

/// ASCII as UTF-16 without a terminator.
const fn units<const N: usize>(ascii: &str) -> [u16; N] {
    assert!(ascii.is_ascii() && ascii.len() == N);
    let mut units = [0; N];
    let mut at = 0;
    while at < N {
        units[at] = ascii.as_bytes()[at] as u16;
        at += 1;
    }
    units
}

/// A GUID as the registry spells it: `{5B8A2F64-3C1E-4E97-8D0B-7A6F19C3E2D1}`.
fn text(guid: &Guid) -> [u16; 38] {
    let mut text = [0; 38];
    let bytes = guid.to_bytes();
    // Bytes in the order in which they are spelled: the first three groups are little-endian.
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let digits = ORDER
        .into_iter()
        .filter_map(|at| bytes.get(at))
        .flat_map(|byte| [byte >> 4, byte & 0xF])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .map(|digit| digit.to_ascii_uppercase() as u16);
    let places = text
        .iter_mut()
        .enumerate()
        .filter_map(|(at, place)| match at {
            0 => {
                *place = u16::from(b'{');
                None
            }
            9 | 14 | 19 | 24 => {
                *place = u16::from(b'-');
                None
            }
            37 => {
                *place = u16::from(b'}');
                None
            }
            _ => Some(place),
        });
    for (place, digit) in places.zip(digits) {
        *place = digit;
    }
    text
}
