//! Strings of bytes, and numbers in strings. Of the code page only ASCII is known: what lies beyond becomes a question mark (inferred: which
//! page a machine has is its own affair).

use crate::imports::nt_rows;
use crate::nt::layout::UnicodeString;
use crate::nt::pool::{self, Owner};
use crate::nt::status::{
    NtStatus, STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};
use crate::nt::unicode;

/// Tag of strings that the kernel makes.
const TAG: [u8; 4] = *b"Astr";

/// `STRING` (wdm.h).
#[repr(C)]
struct AnsiString {
    length: u16,
    maximum_length: u16,
    buffer: *mut u8,
}

impl AnsiString {
    fn bytes(&self) -> &[u8] {
        if self.buffer.is_null() {
            return &[];
        }
        // SAFETY: a driver's string; a bad buffer faults into a report.
        unsafe { std::slice::from_raw_parts(self.buffer, usize::from(self.length)) }
    }
}

extern "win64" fn rtl_init_ansi_string(string: *mut AnsiString, source: *mut u8) {
    let length = if source.is_null() {
        None
    } else {
        // SAFETY: the driver's text, which ends with a zero; a bad address faults into a report.
        Some(unsafe { std::ffi::CStr::from_ptr(source.cast()) }.count_bytes())
    };
    let length = length.map(|length| u16::try_from(length).unwrap_or(u16::MAX - 1));
    // SAFETY: the driver's place for the result; a bad address faults into a report.
    unsafe {
        string.write_unaligned(AnsiString {
            length: length.unwrap_or(0),
            maximum_length: length.map_or(0, |length| length + 1),
            buffer: source,
        })
    };
}

extern "win64" fn rtl_unicode_string_to_ansi_string(
    target: *mut AnsiString,
    source: *const UnicodeString,
    allocate: u8,
) -> NtStatus {
    // SAFETY: the driver's strings; bad addresses fault into a report.
    let (target, units) = unsafe { (&mut *target, (*source).units()) };
    let ascii = |unit: &u16| {
        u8::try_from(*unit)
            .ok()
            .filter(u8::is_ascii)
            .unwrap_or(b'?')
    };
    let mut bytes: Vec<u8> = units.iter().map(ascii).collect();
    // A counted string has less than 65536 bytes, so half as many characters.
    let length = bytes.len() as u16;
    bytes.push(0);
    if allocate != 0 {
        target.buffer = pool::allocate(bytes.len(), TAG, Owner::Driver);
        target.maximum_length = length + 1;
    } else if usize::from(target.maximum_length) < bytes.len() {
        return STATUS_BUFFER_OVERFLOW;
    }
    target.length = length;
    // SAFETY: the block was just allocated with this size, or the driver says that its buffer has it.
    unsafe { target.buffer.copy_from(bytes.as_ptr(), bytes.len()) };
    STATUS_SUCCESS
}

/// Bytes of the same text with a zero behind it.
extern "win64" fn rtlx_unicode_string_to_ansi_size(source: *const UnicodeString) -> u32 {
    // SAFETY: the driver's string; a bad address faults into a report.
    unsafe { u32::from((*source).length / 2) + 1 }
}

extern "win64" fn rtl_ansi_string_to_unicode_string(
    target: *mut UnicodeString,
    source: *const AnsiString,
    allocate: u8,
) -> NtStatus {
    // SAFETY: the driver's strings; bad addresses fault into a report.
    let (target, bytes) = unsafe { (&mut *target, (*source).bytes()) };
    let mut units: Vec<u16> = bytes.iter().map(|byte| u16::from(*byte)).collect();
    if allocate != 0 {
        *target = UnicodeString::copy_of(&units, Owner::Driver);
        return STATUS_SUCCESS;
    }
    units.push(0);
    if usize::from(target.maximum_length) < size_of_val(&units[..]) {
        return STATUS_BUFFER_OVERFLOW;
    }
    target.length = (2 * bytes.len()) as u16;
    // SAFETY: the driver says that its buffer has this room.
    unsafe { target.buffer.copy_from(units.as_ptr(), units.len()) };
    STATUS_SUCCESS
}

extern "win64" fn rtl_free_ansi_string(string: *mut AnsiString) {
    // SAFETY: the driver's string; a bad address faults into a report.
    let string = unsafe { &mut *string };
    if !string.buffer.is_null() {
        pool::free_for_driver(string.buffer as usize, None);
    }
    *string = AnsiString {
        length: 0,
        maximum_length: 0,
        buffer: std::ptr::null_mut(),
    };
}

/// The number that a text begins with, as the page of RtlUnicodeStringToInteger has it; base 0 is told by the text's own prefix.
fn number(text: &str, base: u32) -> Option<u32> {
    let text = text.trim_start_matches(|c: char| c <= ' ');
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (base, text) = match base {
        0 => [("0x", 16), ("0o", 8), ("0b", 2)]
            .into_iter()
            .find_map(|(prefix, base)| Some((base, text.strip_prefix(prefix)?)))
            .unwrap_or((10, text)),
        2 | 8 | 10 | 16 => (base, text),
        _ => return None,
    };
    let digits = text.chars().map_while(|digit| digit.to_digit(base));
    let value = digits.fold(0_u32, |value, digit| {
        value.wrapping_mul(base).wrapping_add(digit)
    });
    Some(if negative {
        value.wrapping_neg()
    } else {
        value
    })
}

extern "win64" fn rtl_unicode_string_to_integer(
    string: *const UnicodeString,
    base: u32,
    value: *mut u32,
) -> NtStatus {
    let Some(number) = number(&unicode::text(string), base) else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: the driver's variable; a bad address faults into a report.
    unsafe { value.write_unaligned(number) };
    STATUS_SUCCESS
}

extern "win64" fn rtl_integer_to_unicode_string(
    value: u32,
    base: u32,
    string: *mut UnicodeString,
) -> NtStatus {
    let text = match base {
        0 | 10 => value.to_string(),
        2 => format!("{value:b}"),
        8 => format!("{value:o}"),
        16 => format!("{value:X}"),
        _ => return STATUS_INVALID_PARAMETER,
    };
    let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
    // SAFETY: the driver's string; a bad address faults into a report.
    let target = unsafe { &mut *string };
    let bytes = size_of_val(&units[..]);
    if usize::from(target.maximum_length) + 2 < bytes {
        return STATUS_BUFFER_OVERFLOW;
    }
    // The zero goes behind when there is room.
    let count = units.len().min(usize::from(target.maximum_length / 2));
    target.length = (bytes - 2) as u16;
    // SAFETY: the driver says that its buffer has this room.
    unsafe { target.buffer.copy_from(units.as_ptr(), count) };
    STATUS_SUCCESS
}

extern "win64" fn rtl_prefix_unicode_string(
    prefix: *const UnicodeString,
    string: *const UnicodeString,
    ignore_case: u8,
) -> bool {
    let (prefix, mut text) = (unicode::text(prefix), unicode::text(string));
    let mut front: String = prefix;
    if ignore_case != 0 {
        (front, text) = (front.to_uppercase(), text.to_uppercase());
    }
    text.starts_with(&front)
}

nt_rows! {
    "RtlInitAnsiString"            rtl_init_ansi_string              ANY     "wdm/nf-wdm-rtlinitansistring";
    "RtlInitString"                rtl_init_ansi_string              ANY     "wdm/nf-wdm-rtlinitstring";
    "RtlUnicodeStringToAnsiString" rtl_unicode_string_to_ansi_string PASSIVE "wdm/nf-wdm-rtlunicodestringtoansistring";
    "RtlxUnicodeStringToAnsiSize"  rtlx_unicode_string_to_ansi_size  PASSIVE "wdm.h, RtlUnicodeStringToAnsiSize";
    "RtlAnsiStringToUnicodeString" rtl_ansi_string_to_unicode_string PASSIVE "wdm/nf-wdm-rtlansistringtounicodestring";
    "RtlFreeAnsiString"            rtl_free_ansi_string              APC     "wdm/nf-wdm-rtlfreeansistring";
    "RtlUnicodeStringToInteger"    rtl_unicode_string_to_integer     PASSIVE "wdm/nf-wdm-rtlunicodestringtointeger";
    "RtlIntegerToUnicodeString"    rtl_integer_to_unicode_string     PASSIVE "wdm/nf-wdm-rtlintegertounicodestring";
    "RtlPrefixUnicodeString"       rtl_prefix_unicode_string         PASSIVE "ntddk/nf-ntddk-rtlprefixunicodestring";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn a_number_ends_at_the_first_character_that_is_no_digit() {
        for (text, base, expect) in [
            ("42 volts", 10, Some(42)),
            (" -1", 0, Some(u32::MAX)),
            ("0x1F", 0, Some(31)),
            ("0b101", 0, Some(5)),
            ("volts", 10, Some(0)),
            ("1", 7, None),
        ] {
            assert_eq!(number(text, base), expect, "{text:?} in base {base}");
        }
    }

    #[test]
    fn strings_go_there_and_back() {
        Kernel::boot(Options::default());
        let source = UnicodeString::allocate("Größe 7");
        let mut ansi = AnsiString {
            length: 0,
            maximum_length: 0,
            buffer: std::ptr::null_mut(),
        };
        let short = rtl_unicode_string_to_ansi_string(&raw mut ansi, &raw const source, 0);
        assert_eq!(short, STATUS_BUFFER_OVERFLOW);
        let made = rtl_unicode_string_to_ansi_string(&raw mut ansi, &raw const source, 1);
        assert_eq!((made, ansi.bytes()), (STATUS_SUCCESS, &b"Gr??e 7"[..]));
        let mut back = UnicodeString::empty();
        rtl_ansi_string_to_unicode_string(&raw mut back, &raw const ansi, 1);
        assert_eq!(back.to_string(), "Gr??e 7");
        rtl_free_ansi_string(&raw mut ansi);
        let prefix = UnicodeString::allocate("gR");
        let starts = |case| rtl_prefix_unicode_string(&raw const prefix, &raw const back, case);
        assert!(starts(1) && !starts(0));
    }

    #[test]
    fn a_number_needs_room_for_its_digits() {
        Kernel::boot(Options::default());
        let mut room = [0_u16; 3];
        let mut string = UnicodeString {
            length: 0,
            maximum_length: 6,
            buffer: room.as_mut_ptr(),
        };
        let put = |value, string: &mut UnicodeString| {
            (
                rtl_integer_to_unicode_string(value, 16, string),
                string.to_string(),
            )
        };
        assert_eq!(put(0xABC, &mut string), (STATUS_SUCCESS, "ABC".into()));
        assert_eq!(put(0xABCD, &mut string).0, STATUS_BUFFER_OVERFLOW);
    }
}
