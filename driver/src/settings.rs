//! The settings of a device, read out of its hardware key. PASSIVE_LEVEL, no lock held.

use crate::registry::{Key, Value};
use crate::trace::{self, Source};
use waverig_engine::settings::{Problem, Raw};
use waverig_engine::{Setting, Settings};
use waverig_interface::EventKind;
use wdk_sys::PDEVICE_OBJECT;

/// Bytes of the longest value that can be right: a name with spaces around it.
const ROOM: usize = 256;

/// Units of the longest name of a value.
const NAME_UNITS: usize = 16;

/// What the device is set to. What is not there or cannot be is at its default; what cannot be is noted, and the debugger is told.
pub(crate) fn read(device: Source, physical: PDEVICE_OBJECT) -> Settings {
    let key = match Key::hardware(physical) {
        Ok(key) => key,
        Err(status) => {
            wdk::println!(
                "waverig: the hardware key cannot be opened, status {status:#010x}; all settings are at their defaults"
            );
            return Settings::default();
        }
    };
    let mut settings = Settings::default();
    for (place, setting) in (1..).zip(Setting::ALL) {
        let (kind, len, taken) = match value(&key, setting) {
            Ok(None) => continue,
            Ok(Some(value)) => {
                let raw = Raw {
                    kind: value.kind(),
                    len: value.len(),
                    bytes: value.bytes(),
                };
                (raw.kind, raw.len as u64, settings.set(setting, raw))
            }
            Err(status) => (0, 0, Err(Problem::Unreadable { status })),
        };
        if let Err(problem) = taken {
            let found = match problem {
                Problem::OutOfRange { found } => found.into(),
                _ => len,
            };
            trace::note(
                device,
                EventKind::SettingRefused,
                [place, kind.into(), found],
            );
            wdk::println!(
                "waverig: {} in the hardware key is {problem}; allowed is {}; the default stands",
                setting.value_name(),
                setting.allowed()
            );
        }
    }
    settings
}

fn value(key: &Key, setting: Setting) -> Result<Option<Value<ROOM>>, i32> {
    let mut name = [0; NAME_UNITS];
    let mut len = 0;
    for (place, unit) in name.iter_mut().zip(setting.value_name().encode_utf16()) {
        *place = unit;
        len += 1;
    }
    key.value(name.get(..len).unwrap_or_default())
}
