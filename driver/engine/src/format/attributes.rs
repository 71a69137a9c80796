//! Attributes behind a format (ks.h: `KSDATAFORMAT_ATTRIBUTES`): which signal-processing mode it is for.
//!
//! A `KSMULTIPLE_ITEM` (Size, Count) lies at `FormatSize` rounded up to 8, then `Count` attributes, each a `KSATTRIBUTE`
//! (Size, Flags, GUID) with its own data behind it and rounded up to 8.

use super::FormatError;
use super::wave::{Fields, Guid};

/// `KSDATAFORMAT_ATTRIBUTES` in `KSDATAFORMAT::Flags`.
const HAS_ATTRIBUTES: u32 = 2;
/// `KSATTRIBUTE_REQUIRED` in `KSATTRIBUTE::Flags`.
const REQUIRED: u32 = 1;
const ALIGNMENT: usize = 8;
/// Bytes in a `KSMULTIPLE_ITEM`.
const LIST_HEAD: usize = 8;
/// `KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE`, E1F89EB5-5F46-419B-967B-FF6770B98401 (ksmedia.h).
const PROCESSING_MODE: Guid = [
    0xB5, 0x9E, 0xF8, 0xE1, 0x46, 0x5F, 0x9B, 0x41, 0x96, 0x7B, 0xFF, 0x67, 0x70, 0xB9, 0x84, 0x01,
];

/// Where the list of attributes starts behind a format of `format_bytes`.
#[must_use]
pub const fn attributes_offset(format_bytes: usize) -> usize {
    format_bytes.saturating_add(ALIGNMENT - 1) & !(ALIGNMENT - 1)
}

/// Checks the attributes behind the format in `bytes`, if it has any: its mode is one of `modes` (GUIDs as they lie in memory),
/// and nothing unknown is required.
///
/// # Errors
/// [`FormatError::TooShort`] when a length does not fit, [`FormatError::UnsupportedAttribute`] otherwise.
pub fn check_attributes(bytes: &[u8], modes: &[[u8; 16]]) -> Result<(), FormatError> {
    let mut head = Fields(bytes);
    let format_bytes = size(head.u32()?)?;
    if head.u32()? & HAS_ATTRIBUTES == 0 {
        return Ok(());
    }
    check_attribute_list(from(bytes, attributes_offset(format_bytes))?, modes).map(|_| ())
}

/// Checks the list of attributes at the front of `bytes` in the same way, and gives the list without what follows it.
///
/// # Errors
/// As [`check_attributes`].
pub fn check_attribute_list<'a>(
    bytes: &'a [u8],
    modes: &[[u8; 16]],
) -> Result<&'a [u8], FormatError> {
    let list = upto(bytes, size(Fields(bytes).u32()?)?)?;
    let count = Fields(from(list, 4)?).u32()?;
    let mut rest = from(list, LIST_HEAD)?;
    for _ in 0..count {
        let length = size(Fields(rest).u32()?)?;
        let mut attribute = Fields(upto(rest, length)?);
        let (_size, flags, id) = (attribute.u32()?, attribute.u32()?, attribute.guid()?);
        let known = id == PROCESSING_MODE;
        if known && !modes.contains(&attribute.guid()?) || !known && flags & REQUIRED != 0 {
            return Err(FormatError::UnsupportedAttribute);
        }
        rest = rest.get(attributes_offset(length)..).unwrap_or_default();
    }
    Ok(list)
}

fn size(bytes: u32) -> Result<usize, FormatError> {
    usize::try_from(bytes).map_err(|_| FormatError::TooShort)
}

fn from(bytes: &[u8], start: usize) -> Result<&[u8], FormatError> {
    bytes.get(start..).ok_or(FormatError::TooShort)
}

fn upto(bytes: &[u8], end: usize) -> Result<&[u8], FormatError> {
    bytes.get(..end).ok_or(FormatError::TooShort)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const RAW: Guid = [7; 16];
    const OTHER: Guid = [9; 16];

    /// A format of 82 bytes with these attributes: (flags, id, data).
    fn format(attributes: &[(u32, Guid, &[u8])]) -> Vec<u8> {
        let mut list = Vec::new();
        for (flags, id, data) in attributes {
            list.extend((24 + data.len() as u32).to_le_bytes());
            list.extend(flags.to_le_bytes());
            list.extend(id);
            list.extend(*data);
            list.resize(list.len().next_multiple_of(ALIGNMENT), 0);
        }
        let mut bytes = Vec::from(82u32.to_le_bytes());
        bytes.extend(HAS_ATTRIBUTES.to_le_bytes());
        bytes.resize(88, 0);
        bytes.extend((LIST_HEAD as u32 + list.len() as u32).to_le_bytes());
        bytes.extend((attributes.len() as u32).to_le_bytes());
        bytes.extend(list);
        bytes
    }

    fn check(bytes: &[u8], expect: Result<(), FormatError>) {
        assert_eq!(
            check_attributes(bytes, &[[1; 16], RAW]),
            expect,
            "{bytes:?}"
        );
    }

    #[test]
    fn offsets_are_multiples_of_eight() {
        for bytes in 0..200usize {
            assert_eq!(
                attributes_offset(bytes),
                bytes.next_multiple_of(8),
                "{bytes}"
            );
        }
        assert!(attributes_offset(usize::MAX) >= usize::MAX - 7);
    }

    #[test]
    fn known_modes_and_optional_strangers_are_taken() {
        check(&[82, 0, 0, 0, 0, 0, 0, 0], Ok(()));
        check(&format(&[]), Ok(()));
        check(&format(&[(0, PROCESSING_MODE, &RAW)]), Ok(()));
        check(&format(&[(1, PROCESSING_MODE, &RAW)]), Ok(()));
        check(
            &format(&[(0, OTHER, b"abc"), (0, PROCESSING_MODE, &RAW)]),
            Ok(()),
        );
    }

    #[test]
    fn unknown_modes_and_requirements_are_refused() {
        let refused = Err(FormatError::UnsupportedAttribute);
        check(&format(&[(0, PROCESSING_MODE, &OTHER)]), refused);
        check(&format(&[(1, OTHER, b"")]), refused);
        check(
            &format(&[(0, OTHER, b"abc"), (0, PROCESSING_MODE, &OTHER)]),
            refused,
        );
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let good = format(&[(0, OTHER, b"abcde"), (0, PROCESSING_MODE, &RAW)]);
        for end in 8..good.len() {
            check(&good[..end], Err(FormatError::TooShort));
        }
        // The list's size, its count, the first attribute's size.
        for (at, value) in [
            (88, 0u32),
            (88, 7),
            (88, u32::MAX),
            (92, 3),
            (92, u32::MAX),
            (96, 0),
            (96, 23),
            (96, u32::MAX),
        ] {
            let mut bytes = good.clone();
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            check(&bytes, Err(FormatError::TooShort));
        }
        check(
            &format(&[(0, PROCESSING_MODE, b"short")]),
            Err(FormatError::TooShort),
        );
        check(&[0xFF; 96], Err(FormatError::TooShort));
    }
}
