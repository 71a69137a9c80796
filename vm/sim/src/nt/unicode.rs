//! Counted UTF-16 strings, and the Rtl routines over them.

use std::cmp::Ordering;

use crate::finding;
use crate::imports::nt_rows;
use crate::nt::layout::{Guid, UnicodeString};
use crate::nt::pool::{self, Owner};
use crate::nt::status::{
    NtStatus, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};
use crate::rules;

/// Tag of strings that the kernel makes.
const TAG: [u8; 4] = *b"Ustr";

impl UnicodeString {
    /// The characters.
    pub fn units(&self) -> &[u16] {
        if self.buffer.is_null() || self.length == 0 {
            return &[];
        }
        // SAFETY: a driver's or the kernel's string; a bad buffer faults into a report.
        unsafe { std::slice::from_raw_parts(self.buffer, usize::from(self.length / 2)) }
    }

    /// A string of the kernel with a copy of `text` and a zero behind it.
    pub fn allocate(text: &str) -> Self {
        Self::copy_of(&text.encode_utf16().collect::<Vec<u16>>(), Owner::System)
    }

    /// A copy of `units` with a zero behind it.
    pub fn copy_of(units: &[u16], owner: Owner) -> Self {
        let bytes = size_of_val(units);
        let buffer = pool::allocate(bytes + 2, TAG, owner).cast::<u16>();
        // SAFETY: the block was just allocated with this size.
        unsafe { buffer.copy_from_nonoverlapping(units.as_ptr(), units.len()) };
        let length = u16::try_from(bytes).expect("a counted string has at most 65535 bytes");
        Self {
            length,
            maximum_length: length + 2,
            buffer,
        }
    }

    /// An empty string without a buffer.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            length: 0,
            maximum_length: 0,
            buffer: std::ptr::null_mut(),
        }
    }
}

impl std::fmt::Display for UnicodeString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf16_lossy(self.units()))
    }
}

/// A counted string that may be missing, as text.
pub fn text(string: *const UnicodeString) -> String {
    // SAFETY: null, or a driver's string; a bad address faults into a report.
    unsafe { string.as_ref() }.map_or_else(String::new, ToString::to_string)
}

/// The same of a string that a driver gives to a Zw routine.
pub(crate) fn given(string: *const UnicodeString) -> String {
    // SAFETY: null, or a driver's string; a bad address faults into a report.
    if let Some(string) = unsafe { string.as_ref() } {
        let (length, room) = (string.length, string.maximum_length);
        if length % 2 != 0 || room % 2 != 0 || length > room {
            finding::raise(
                &rules::ZW_ARGUMENT,
                format!("a counted string has Length {length} and MaximumLength {room}: {string}"),
            );
        }
    }
    text(string)
}

/// A zero-terminated string, as units.
pub fn terminated(string: *const u16) -> &'static [u16] {
    if string.is_null() {
        return &[];
    }
    let mut length = 0;
    // SAFETY: a driver's zero-terminated string; a bad one faults into a report.
    unsafe {
        while string.add(length).read_unaligned() != 0 {
            length += 1;
        }
        std::slice::from_raw_parts(string, length)
    }
}

/// One unit in upper case, as `RtlUpcaseUnicodeChar` for the characters that have a single one.
pub fn upper(unit: u16) -> u16 {
    let Some(character) = char::from_u32(u32::from(unit)) else {
        return unit;
    };
    let mut upper = character.to_uppercase();
    match (
        upper.next().map(|upper| u16::try_from(u32::from(upper))),
        upper.next(),
    ) {
        (Some(Ok(upper)), None) => upper,
        _ => unit,
    }
}

fn compare(first: &[u16], second: &[u16], ignore_case: bool) -> Ordering {
    if ignore_case {
        first
            .iter()
            .map(|unit| upper(*unit))
            .cmp(second.iter().map(|unit| upper(*unit)))
    } else {
        first.cmp(second)
    }
}

extern "win64" fn rtl_init_unicode_string(string: *mut UnicodeString, source: *mut u16) {
    let length = u16::try_from(terminated(source).len() * 2).unwrap_or(u16::MAX - 3);
    let maximum_length = if source.is_null() { 0 } else { length + 2 };
    // SAFETY: the driver's place for the result; a bad address faults into a report.
    unsafe {
        string.write_unaligned(UnicodeString {
            length,
            maximum_length,
            buffer: source,
        })
    };
}

/// Appends as much as fits; a zero goes behind when there is room.
fn append(string: *mut UnicodeString, units: &[u16], from: usize) -> NtStatus {
    // SAFETY: the driver's string; a bad address faults into a report.
    let target = unsafe { &mut *string };
    let room = usize::from(target.maximum_length / 2).saturating_sub(from);
    let count = units.len().min(room);
    // SAFETY: the driver says that its buffer has this room; if not, it faults into a report.
    unsafe {
        target.buffer.add(from).copy_from(units.as_ptr(), count);
        if count < room {
            target.buffer.add(from + count).write(0);
        }
    }
    target.length = u16::try_from((from + count) * 2).expect("within the buffer");
    if count < units.len() {
        STATUS_BUFFER_TOO_SMALL
    } else {
        STATUS_SUCCESS
    }
}

extern "win64" fn rtl_copy_unicode_string(
    target: *mut UnicodeString,
    source: *const UnicodeString,
) {
    // SAFETY: null, or a driver's string; a bad address faults into a report.
    let units = unsafe { source.as_ref() }.map_or(&[][..], UnicodeString::units);
    append(target, units, 0);
}

extern "win64" fn rtl_append_unicode_string_to_string(
    target: *mut UnicodeString,
    source: *const UnicodeString,
) -> NtStatus {
    // SAFETY: the driver's strings; bad addresses fault into a report.
    let (units, length) = unsafe { ((*source).units(), usize::from((*target).length / 2)) };
    append_whole(target, units, length)
}

extern "win64" fn rtl_append_unicode_to_string(
    target: *mut UnicodeString,
    source: *const u16,
) -> NtStatus {
    // SAFETY: the driver's string; a bad address faults into a report.
    let length = usize::from(unsafe { (*target).length } / 2);
    append_whole(target, terminated(source), length)
}

/// Appending fails as a whole when the room is too small.
fn append_whole(target: *mut UnicodeString, units: &[u16], length: usize) -> NtStatus {
    // SAFETY: as in the callers.
    let room = usize::from(unsafe { (*target).maximum_length } / 2) - length;
    if units.len() > room {
        STATUS_BUFFER_TOO_SMALL
    } else {
        append(target, units, length)
    }
}

extern "win64" fn rtl_compare_unicode_string(
    first: *const UnicodeString,
    second: *const UnicodeString,
    ignore_case: u8,
) -> i32 {
    // SAFETY: the driver's strings; bad addresses fault into a report.
    let (first, second) = unsafe { ((*first).units(), (*second).units()) };
    compare(first, second, ignore_case != 0) as i32
}

extern "win64" fn rtl_equal_unicode_string(
    first: *const UnicodeString,
    second: *const UnicodeString,
    ignore_case: u8,
) -> u8 {
    u8::from(rtl_compare_unicode_string(first, second, ignore_case) == 0)
}

extern "win64" fn rtl_free_unicode_string(string: *mut UnicodeString) {
    // SAFETY: the driver's string; a bad address faults into a report.
    let string = unsafe { &mut *string };
    if !string.buffer.is_null() {
        pool::free_for_driver(string.buffer as usize, None);
    }
    *string = UnicodeString::empty();
}

impl Guid {
    /// From the digits of the registry form, which may have braces; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'))
            .unwrap_or(text);
        let parts: Vec<&str> = text.split('-').collect();
        let [a, b, c, d, e] = parts.as_slice() else {
            return None;
        };
        let lengths = [a.len(), b.len(), c.len(), d.len(), e.len()];
        if lengths != [8, 4, 4, 4, 12] {
            return None;
        }
        let tail = u64::from_str_radix(&format!("{d}{e}"), 16).ok()?;
        Some(Self {
            data1: u32::from_str_radix(a, 16).ok()?,
            data2: u16::from_str_radix(b, 16).ok()?,
            data3: u16::from_str_radix(c, 16).ok()?,
            data4: tail.to_be_bytes(),
        })
    }
}

impl std::fmt::Display for Guid {
    /// The registry form, with braces and upper-case digits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c @ ..] = self.data4;
        let tail: String = c.iter().map(|byte| format!("{byte:02X}")).collect();
        write!(
            f,
            "{{{:08X}-{:04X}-{:04X}-{a:02X}{b:02X}-{tail}}}",
            self.data1, self.data2, self.data3
        )
    }
}

impl std::fmt::Debug for Guid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

extern "win64" fn rtl_string_from_guid(guid: *const Guid, string: *mut UnicodeString) -> NtStatus {
    // SAFETY: the driver's GUID and place for the result; bad addresses fault into a report.
    unsafe {
        let units: Vec<u16> = guid.read_unaligned().to_string().encode_utf16().collect();
        string.write_unaligned(UnicodeString::copy_of(&units, Owner::Driver));
    }
    STATUS_SUCCESS
}

extern "win64" fn rtl_guid_from_string(string: *const UnicodeString, guid: *mut Guid) -> NtStatus {
    let Some(parsed) = Guid::parse(&text(string)) else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: the driver's place for the result; a bad address faults into a report.
    unsafe { guid.write_unaligned(parsed) };
    STATUS_SUCCESS
}

nt_rows! {
    "RtlInitUnicodeString"           rtl_init_unicode_string             DISPATCH "wdm/nf-wdm-rtlinitunicodestring";
    "RtlCopyUnicodeString"           rtl_copy_unicode_string             DISPATCH "wdm/nf-wdm-rtlcopyunicodestring";
    "RtlAppendUnicodeStringToString" rtl_append_unicode_string_to_string DISPATCH "wdm/nf-wdm-rtlappendunicodestringtostring";
    "RtlAppendUnicodeToString"       rtl_append_unicode_to_string        DISPATCH "wdm/nf-wdm-rtlappendunicodetostring";
    "RtlCompareUnicodeString"        rtl_compare_unicode_string          PASSIVE  "wdm/nf-wdm-rtlcompareunicodestring";
    "RtlEqualUnicodeString"          rtl_equal_unicode_string            PASSIVE  "wdm/nf-wdm-rtlequalunicodestring";
    "RtlFreeUnicodeString"           rtl_free_unicode_string             APC      "wdm/nf-wdm-rtlfreeunicodestring";
    "RtlStringFromGUID"              rtl_string_from_guid                PASSIVE  "wdm/nf-wdm-rtlstringfromguid";
    "RtlGUIDFromString"              rtl_guid_from_string                PASSIVE  "wdm/nf-wdm-rtlguidfromstring";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn strings_compare_with_and_without_case() {
        Kernel::boot(Options::default());
        for (first, second, ignore_case, expected) in [
            ("Tap", "tap", 1, 0),
            ("Tap", "tap", 0, -1),
            ("a", "ab", 1, -1),
            ("é", "É", 1, 0),
            ("b", "a", 0, 1),
        ] {
            let (first, second) = (
                UnicodeString::allocate(first),
                UnicodeString::allocate(second),
            );
            assert_eq!(
                rtl_compare_unicode_string(&raw const first, &raw const second, ignore_case),
                expected,
                "{first} {second}"
            );
        }
    }

    #[test]
    fn appending_needs_room_for_everything() {
        Kernel::boot(Options::default());
        let mut target = UnicodeString::allocate("abcd");
        target.length = 2;
        let tail = UnicodeString::allocate("wxyz");
        assert_eq!(
            rtl_append_unicode_string_to_string(&raw mut target, &raw const tail),
            STATUS_SUCCESS
        );
        assert_eq!(target.to_string(), "awxyz");
        assert_eq!(
            rtl_append_unicode_string_to_string(&raw mut target, &raw const tail),
            STATUS_BUFFER_TOO_SMALL
        );
        assert_eq!(target.to_string(), "awxyz");
    }

    #[test]
    fn a_guid_reads_as_it_is_written() {
        let text = "{6994AD04-93EF-11D0-A3CC-00A0C9223196}";
        let guid = Guid::parse(text).expect("a GUID");
        assert_eq!(
            (guid.data1, guid.data4[0], guid.data4[7]),
            (0x6994_AD04, 0xA3, 0x96)
        );
        assert_eq!(guid.to_string(), text);
        for bad in [
            "",
            "{6994AD04-93EF-11D0-A3CC-00A0C922319}",
            "6994AD04-93EF-11D0-A3CC_00A0C9223196",
            "{6994AD0G-93EF-11D0-A3CC-00A0C9223196}",
        ] {
            assert_eq!(Guid::parse(bad), None, "{bad}");
        }
    }
}
