//! Attributes of a format: which signal-processing mode it is for. Client data, so every length is checked.

use super::MODES;
use waverig_portcls::status::{STATUS_INVALID_PARAMETER, STATUS_NO_MATCH};
use waverig_portcls::{Guid, KSATTRIBUTE_REQUIRED, KSDATAFORMAT_ATTRIBUTES, NTSTATUS, id};

/// Attributes and their lists start at multiples of 8 (ks.h: `KSDATAFORMAT_ATTRIBUTES`).
const ALIGNMENT: usize = 8;

/// Where the list of attributes starts behind a format of `format_bytes`.
pub(super) const fn offset(format_bytes: usize) -> usize {
    format_bytes.next_multiple_of(ALIGNMENT)
}

/// Checks the attributes behind a format: a known mode, and nothing required that is unknown.
///
/// # Errors
/// `STATUS_INVALID_PARAMETER` for wrong lengths, `STATUS_NO_MATCH` for an unknown mode or requirement.
pub(super) fn check(bytes: &[u8]) -> Result<(), NTSTATUS> {
    match parse(bytes) {
        Some(known) => known,
        None => Err(STATUS_INVALID_PARAMETER),
    }
}

/// `None` when a length is wrong.
fn parse(bytes: &[u8]) -> Option<Result<(), NTSTATUS>> {
    let format_bytes = u32_at(bytes, 0)? as usize;
    let flags = u32_at(bytes, 4)?;
    if flags & KSDATAFORMAT_ATTRIBUTES == 0 {
        return Some(Ok(()));
    }
    // KSMULTIPLE_ITEM { Size, Count }, then Count KSATTRIBUTEs { Size, Flags, Attribute, … }.
    let list = bytes.get(offset(format_bytes)..)?;
    let list = list.get(..u32_at(list, 0)? as usize)?;
    let count = u32_at(list, 4)?;
    let mut rest = list.get(8..)?;
    for _ in 0..count {
        let size = u32_at(rest, 0)? as usize;
        let attribute = rest.get(..size)?;
        let required = u32_at(attribute, 4)? & KSATTRIBUTE_REQUIRED != 0;
        let refused = if guid_at(attribute, 8)? == id::KSATTRIBUTEID_AUDIOSIGNALPROCESSING_MODE {
            !MODES.contains(&guid_at(attribute, 24)?)
        } else {
            required
        };
        if refused {
            return Some(Err(STATUS_NO_MATCH));
        }
        rest = rest
            .get(size.next_multiple_of(ALIGNMENT)..)
            .unwrap_or_default();
    }
    Some(Ok(()))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u32::from_le_bytes)
}

fn guid_at(bytes: &[u8], at: usize) -> Option<Guid> {
    let [a, b, c, d, e, f, g, h, last @ ..] = *bytes.get(at..)?.first_chunk::<16>()?;
    Some(Guid {
        Data1: u32::from_le_bytes([a, b, c, d]),
        Data2: u16::from_le_bytes([e, f]),
        Data3: u16::from_le_bytes([g, h]),
        Data4: last,
    })
}
