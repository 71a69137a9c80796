//! A value as the registry gives it: a type and bytes that need not fit it.

use core::fmt;
use core::ops::RangeInclusive;

use super::name::NameError;

/// `REG_SZ` (winnt.h).
const REG_SZ: u32 = 1;
/// `REG_DWORD` (winnt.h).
const REG_DWORD: u32 = 4;

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a> {
    /// Its type, a `REG_…`.
    pub kind: u32,
    /// How many bytes it has.
    pub len: usize,
    /// Those that were read: all of them, or none when it has more than any setting can have.
    pub bytes: &'a [u8],
}

/// Why a value was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It has another type than the setting.
    Type {
        /// The `REG_…` that was found.
        found: u32,
    },
    /// It has a number of bytes that a value of its type cannot have, or more than the setting may have.
    Length {
        /// The number that was found.
        found: usize,
    },
    /// A number that is not among those allowed.
    OutOfRange {
        /// The number that was found.
        found: u32,
    },
    /// A word that is not among those allowed.
    UnknownWord,
    /// No name.
    Name(NameError),
    /// It is there, and reading it failed.
    Unreadable {
        /// The `NTSTATUS`.
        status: i32,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { found } => write!(f, "a value of type {found}"),
            Self::Length { found } => write!(f, "{found} bytes"),
            Self::OutOfRange { found } => write!(f, "the number {found}"),
            Self::UnknownWord => f.write_str("another word"),
            Self::Name(NameError::TooLong { .. }) => f.write_str("a longer name"),
            Self::Name(NameError::Character { unit, at }) => {
                write!(f, "a name with U+{unit:04X} at {at}")
            }
            Self::Unreadable { status } => write!(f, "a value that gives {status:#010x}"),
        }
    }
}

impl From<NameError> for Problem {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl<'a> Raw<'a> {
    fn of_kind(self, kind: u32) -> Result<&'a [u8], Problem> {
        if self.kind != kind {
            return Err(Problem::Type { found: self.kind });
        }
        if self.bytes.len() != self.len {
            return Err(Problem::Length { found: self.len });
        }
        Ok(self.bytes)
    }

    /// A `REG_DWORD`.
    pub(super) fn dword(self) -> Result<u32, Problem> {
        let bytes = self.of_kind(REG_DWORD)?;
        let four = bytes
            .try_into()
            .map_err(|_| Problem::Length { found: self.len })?;
        Ok(u32::from_le_bytes(four))
    }

    /// A `REG_DWORD` in a range.
    pub(super) fn number<T: TryFrom<u32>>(self, range: RangeInclusive<u32>) -> Result<T, Problem> {
        let found = self.dword()?;
        let number = range.contains(&found).then_some(found);
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or(Problem::OutOfRange { found })
    }

    /// A `REG_SZ`. The terminator that it may or may not have is not part of it.
    pub(super) fn text(self) -> Result<Text<'a>, Problem> {
        let bytes = self.of_kind(REG_SZ)?;
        let (units, rest) = bytes.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(Problem::Length { found: self.len });
        }
        let units = units.strip_suffix(&[[0, 0]]).unwrap_or(units);
        Ok(Text(units))
    }
}

/// UTF-16 as the registry keeps it: pairs of bytes, of any alignment.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(&'a [[u8; 2]]);

impl Text<'_> {
    pub(super) fn units(&self) -> impl Iterator<Item = u16> + Clone {
        self.0.iter().map(|pair| u16::from_le_bytes(*pair))
    }

    /// Whether it is this ASCII word, in any case.
    pub(super) fn is(&self, word: &str) -> bool {
        let lower = |unit: u16| u8::try_from(unit).map(|ascii| ascii.to_ascii_lowercase());
        self.units().map(lower).eq(word.bytes().map(Ok))
    }
}
