//! GUIDs in the byte order Windows keeps them in.

use std::fmt;
use std::str::FromStr;

/// A GUID in memory order: the first three groups little-endian, the last two as written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Guid(pub [u8; 16]);

/// Where each written pair of digits lies in memory.
const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

impl FromStr for Guid {
    type Err = String;

    /// Reads `{01234567-89AB-CDEF-0123-456789ABCDEF}`, in either case.
    fn from_str(text: &str) -> Result<Self, String> {
        let error =
            || format!("{text:?} is not a GUID like {{01234567-89AB-CDEF-0123-456789ABCDEF}}");
        let inner = text
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
            .ok_or_else(error)?;
        let groups: Vec<&str> = inner.split('-').collect();
        if groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) {
            return Err(error());
        }
        let digits = groups.concat();
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(error());
        }
        let mut bytes = [0; 16];
        for (pair, place) in ORDER.into_iter().enumerate() {
            bytes[place] =
                u8::from_str_radix(&digits[2 * pair..2 * pair + 2], 16).map_err(|_| error())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (pair, place) in ORDER.into_iter().enumerate() {
            if matches!(pair, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{:02X}", self.0[place])?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_memory_order() {
        let text = "{6994AD04-93EF-11D0-A3CC-00A0C9223196}";
        let guid: Guid = text.to_lowercase().parse().unwrap();
        assert_eq!(guid.0[..4], [0x04, 0xAD, 0x94, 0x69]);
        assert_eq!(
            guid.0[8..],
            [0xA3, 0xCC, 0x00, 0xA0, 0xC9, 0x22, 0x31, 0x96]
        );
        assert_eq!(guid.to_string(), text);
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "{}",
            "6994AD04-93EF-11D0-A3CC-00A0C9223196",
            "{6994AD04-93EF-11D0-A3CC-00A0C922319}",
            "{6994AD0g-93EF-11D0-A3CC-00A0C9223196}",
        ] {
            assert!(text.parse::<Guid>().is_err(), "{text}");
        }
    }
}
