//! Devices that somebody has set up badly: what stands in the hardware key is missing, out of range, of another type, or no value at
//! all.

use waverig_protocol::device::{Device, Value};

/// `REG_SZ`, `REG_BINARY`, `REG_DWORD`, `REG_MULTI_SZ`, `REG_QWORD`, and a type that does not exist (winnt.h).
const KINDS: [u32; 6] = [1, 3, 4, 7, 11, 0xFFFF];
/// Numbers in range, at its edges and beyond.
const NUMBERS: [u32; 16] = [
    0,
    1,
    2,
    3,
    8,
    9,
    16,
    17,
    255,
    8_000,
    48_000,
    192_000,
    192_001,
    0x7FFF_FFFF,
    0x8000_0000,
    u32::MAX,
];
/// Most bytes of a value: more than the driver has room for.
const MOST_BYTES: u64 = 600;

/// A device set up by chance; the same seed gives the same.
pub fn device(seed: u64) -> Device {
    let mut dice = Dice(seed);
    Device {
        nodes: 1,
        cables: dice.value(),
        channels: dice.value(),
        default_rate: dice.value(),
        default_sample: dice.value(),
        default_channels: dice.value(),
        render_name: dice.value(),
        capture_name: dice.value(),
    }
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.below(5) {
            0 => return None,
            1 | 2 => Value::Number(NUMBERS[self.below(NUMBERS.len() as u64) as usize]),
            3 => {
                let letters = self.below(80);
                let letter = |dice: &mut Self| {
                    // Letters, control characters, and the last ones of the first plane.
                    let code = match dice.below(4) {
                        0 => dice.below(32) as u32,
                        1 => 0xFFF0 + dice.below(16) as u32,
                        _ => 32 + dice.below(96) as u32,
                    };
                    char::from_u32(code).filter(|letter| *letter != '\0')
                };
                Value::Text((0..letters).filter_map(|_| letter(self)).collect())
            }
            _ => {
                let bytes = self.below(MOST_BYTES);
                Value::Raw {
                    kind: KINDS[self.below(KINDS.len() as u64) as usize],
                    bytes: (0..bytes).map(|_| self.bits() as u8).collect(),
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_comes_up_and_comes_again() {
        let devices: Vec<Device> = (0..50).map(device).collect();
        assert_eq!(devices, (0..50).map(device).collect::<Vec<_>>());
        let values: Vec<Value> = devices
            .iter()
            .flat_map(|device| device.values().map(|(_, value)| value.clone()))
            .collect();
        assert!(values.len() < 7 * 50);
        let is = |what: fn(&Value) -> bool| values.iter().any(what);
        assert!(is(|value| *value == Value::Number(u32::MAX)));
        assert!(is(
            |value| matches!(value, Value::Text(text) if text.len() > 64)
        ));
        assert!(is(
            |value| matches!(value, Value::Raw { bytes, .. } if bytes.len() > 256)
        ));
    }
}
