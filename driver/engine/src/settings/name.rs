//! Names of endpoints.

use super::raw::Text;

/// A name that people see: 1 to [`Name::MAX_UNITS`] UTF-16 code units of whole, printing characters, no space at either end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    units: [u16; Self::CAPACITY],
    len: u8,
}

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It is longer than [`Name::MAX_UNITS`].
    TooLong {
        /// Code units that it has.
        units: usize,
    },
    /// A character that does not print, changes the direction of what follows, or is half of a pair.
    Character {
        /// The code unit.
        unit: u16,
        /// Its place, in characters.
        at: usize,
    },
}

impl Name {
    /// Most code units of a setting; what Windows shows of longer ones is cut.
    pub const MAX_UNITS: usize = 60;
    /// As many, a space and the number of a cable.
    const CAPACITY: usize = Self::MAX_UNITS + 2;

    /// The name in a text without the spaces around it; `None` when nothing is left.
    pub(super) fn from_text(text: Text<'_>) -> Result<Option<Self>, NameError> {
        let units = text.units();
        let space = |unit: &u16| *unit == u16::from(b' ');
        let leading = units.clone().take_while(space).count();
        let mut name = Self {
            units: [0; Self::CAPACITY],
            len: 0,
        };
        let mut end = 0;
        for (at, decoded) in (leading..).zip(char::decode_utf16(units.skip(leading))) {
            let character = decoded.map_err(|half| NameError::Character {
                unit: half.unpaired_surrogate(),
                at,
            })?;
            if !prints(character) {
                let unit = u16::try_from(u32::from(character)).unwrap_or(u16::MAX);
                return Err(NameError::Character { unit, at });
            }
            name.push(character)?;
            if character != ' ' {
                end = name.len;
            }
        }
        name.len = end;
        Ok((end > 0).then_some(name))
    }

    /// As the endpoint of a cable is called: the name alone for the first one, else with its number.
    #[must_use]
    pub fn of_cable(&self, number: u8) -> Self {
        let mut name = *self;
        if number > 1 {
            for character in [' ', char::from(b'0'.saturating_add(number.min(9)))] {
                name.put(character);
            }
        }
        name
    }

    /// Its code units.
    #[must_use]
    pub fn units(&self) -> &[u16] {
        self.units.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Appends a character of a setting.
    fn push(&mut self, character: char) -> Result<(), NameError> {
        let units = usize::from(self.len).saturating_add(character.len_utf16());
        if units > Self::MAX_UNITS {
            return Err(NameError::TooLong { units });
        }
        self.put(character);
        Ok(())
    }

    /// Appends a character if there is room.
    fn put(&mut self, character: char) {
        let from = usize::from(self.len);
        let to = from.saturating_add(character.len_utf16());
        if let (Some(place), Ok(len)) = (self.units.get_mut(from..to), u8::try_from(to)) {
            character.encode_utf16(place);
            self.len = len;
        }
    }
}

/// Whether a name may have it: no control character, no line break, no mark that reorders text, no noncharacter.
const fn prints(character: char) -> bool {
    !matches!(character,
        '\0'..='\u{1F}'
        | '\u{7F}'..='\u{9F}'
        | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FDD0}'..='\u{FDEF}'
        | '\u{FEFF}'
        | '\u{FFF9}'..='\u{FFFB}')
        && (character as u32) & 0xFFFE != 0xFFFE
}
