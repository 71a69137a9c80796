//! Formats that come as pointers: bytes in hand, then the engine decides.

use super::MODES;
use waverig_engine::{Capability, Format, FormatError, attributes_offset, check_attributes};
use waverig_portcls::status::{STATUS_INVALID_PARAMETER, STATUS_NO_MATCH};
use waverig_portcls::{Guid, KSDATAFORMAT, KSDATAFORMAT_ATTRIBUTES, KSMULTIPLE_ITEM, NTSTATUS};

/// More than any format with its attributes has.
const MOST_BYTES: usize = 4096;

/// The status that a client gets for a format that is not taken.
pub(super) const fn refusal(error: FormatError) -> NTSTATUS {
    if error.is_unsupported() {
        STATUS_NO_MATCH
    } else {
        STATUS_INVALID_PARAMETER
    }
}

/// The modes as they lie in memory.
pub(super) fn modes() -> [[u8; 16]; MODES.len()] {
    MODES.map(Guid::to_bytes)
}

/// Whether a pin of the device takes the format in these bytes; attributes that follow it must be known.
///
/// # Errors
/// `STATUS_NO_MATCH` for a format that is not offered, `STATUS_INVALID_PARAMETER` for bytes that are none.
pub(super) fn accept(bytes: &[u8], capability: &Capability) -> Result<Format, NTSTATUS> {
    let format = Format::parse(bytes).map_err(refusal)?;
    capability.accepts(&format).map_err(refusal)?;
    check_attributes(bytes, &modes()).map_err(refusal)?;
    Ok(format)
}

/// The bytes of a format that PortCls hands over, attributes included.
///
/// # Errors
/// `STATUS_INVALID_PARAMETER` for NULL and for sizes out of range.
///
/// # Safety
/// `format` is NULL or points to a format of as many bytes as it says, and, if it says so, to attributes behind it; all of
/// it is the caller's for `'a`. (PortCls has checked the sizes against the request.)
pub(super) unsafe fn bytes<'a>(format: *const KSDATAFORMAT) -> Result<&'a [u8], NTSTATUS> {
    // SAFETY: valid or NULL, says the caller.
    let head = unsafe { format.as_ref() }.ok_or(STATUS_INVALID_PARAMETER)?;
    let mut len = usize_in_range(head.FormatSize, size_of::<KSDATAFORMAT>())?;
    if head.Flags & KSDATAFORMAT_ATTRIBUTES != 0 {
        len = attributes_offset(len);
        // SAFETY: the list is there, says the flag.
        let list = unsafe {
            format
                .byte_add(len)
                .cast::<KSMULTIPLE_ITEM>()
                .read_unaligned()
        };
        len += usize_in_range(list.Size, size_of::<KSMULTIPLE_ITEM>())?;
    }
    // SAFETY: as many bytes are there, say the format and the list.
    Ok(unsafe { core::slice::from_raw_parts(format.cast(), len) })
}

fn usize_in_range(bytes: u32, least: usize) -> Result<usize, NTSTATUS> {
    let bytes = bytes as usize;
    if (least..=MOST_BYTES).contains(&bytes) {
        Ok(bytes)
    } else {
        Err(STATUS_INVALID_PARAMETER)
    }
}
