//! The C run-time routines that the kernel exports and that C++ drivers call: strings, formats, and the end of a pure virtual call.

use crate::finding;
use crate::imports::{Import, Levels};
use crate::nt::debug::{self, variadic};
use crate::nt::unicode;
use crate::rules;

/// A character of either width.
trait Unit: Copy + PartialEq + Ord + Default + 'static {
    fn lower(self) -> Self;
}

impl Unit for u8 {
    fn lower(self) -> Self {
        self.to_ascii_lowercase()
    }
}

impl Unit for u16 {
    fn lower(self) -> Self {
        match u8::try_from(self) {
            Ok(letter) => letter.to_ascii_lowercase().into(),
            Err(_) => self,
        }
    }
}

/// Reads one unit of the driver's string.
fn at<U: Unit>(text: *const U, index: usize) -> U {
    // SAFETY: the driver's string; a bad address faults into a report.
    unsafe { text.add(index).read_unaligned() }
}

/// Units before the terminator, of which there may be none within `most`.
fn length_within<U: Unit>(text: *const U, most: usize) -> usize {
    (0..most)
        .find(|index| at(text, *index) == U::default())
        .unwrap_or(most)
}

fn length<U: Unit>(text: *const U) -> usize {
    length_within(text, usize::MAX)
}

fn compare<U: Unit>(a: *const U, b: *const U, most: usize, fold: fn(U) -> U) -> i32 {
    for index in 0..most {
        let (a, b) = (fold(at(a, index)), fold(at(b, index)));
        if a != b {
            return if a < b { -1 } else { 1 };
        }
        if a == U::default() {
            break;
        }
    }
    0
}

fn same<U>(unit: U) -> U {
    unit
}

/// Copies up to `most` units, and zeros up to there as strncpy does; a zero behind when `close`.
fn copy<U: Unit>(to: *mut U, from: *const U, most: usize, close: bool) {
    // What lies behind the last unit that is asked for need not be there.
    let count = length_within(from, most);
    // SAFETY: the driver's strings; bad ones fault into a report.
    unsafe {
        to.copy_from(from, count);
        if close {
            to.add(count).write(U::default());
        } else {
            for index in count..most {
                to.add(index).write(U::default());
            }
        }
    }
}

fn find<U: Unit>(text: *const U, wanted: U) -> *const U {
    let place = (0..=length(text)).find(|index| at(text, *index) == wanted);
    place.map_or(std::ptr::null(), |index| text.wrapping_add(index))
}

fn find_last<U: Unit>(text: *const U, wanted: U) -> *const U {
    let place = (0..=length(text))
        .rev()
        .find(|index| at(text, *index) == wanted);
    place.map_or(std::ptr::null(), |index| text.wrapping_add(index))
}

fn find_text<U: Unit>(text: *const U, wanted: *const U) -> *const U {
    let (whole, part) = (length(text), length(wanted));
    let fits = |start: &usize| (0..part).all(|at_| at(text, start + at_) == at(wanted, at_));
    let place = (0..=whole.saturating_sub(part)).find(fits);
    place
        .filter(|_| part <= whole)
        .map_or(std::ptr::null(), |index| text.wrapping_add(index))
}

macro_rules! string_routines {
    ($unit:ty: $length:ident $compare:ident $compare_most:ident $compare_fold:ident $compare_fold_most:ident $copy:ident $copy_most:ident
        $append:ident $find:ident $find_last:ident $find_text:ident) => {
        extern "win64" fn $length(text: *const $unit, most: usize) -> usize {
            length_within(text, most)
        }
        extern "win64" fn $compare(a: *const $unit, b: *const $unit) -> i32 {
            compare(a, b, usize::MAX, same)
        }
        extern "win64" fn $compare_most(a: *const $unit, b: *const $unit, most: usize) -> i32 {
            compare(a, b, most, same)
        }
        extern "win64" fn $compare_fold(a: *const $unit, b: *const $unit) -> i32 {
            compare(a, b, usize::MAX, Unit::lower)
        }
        extern "win64" fn $compare_fold_most(a: *const $unit, b: *const $unit, most: usize) -> i32 {
            compare(a, b, most, Unit::lower)
        }
        extern "win64" fn $copy(to: *mut $unit, from: *const $unit) -> *mut $unit {
            copy(to, from, usize::MAX, true);
            to
        }
        extern "win64" fn $copy_most(
            to: *mut $unit,
            from: *const $unit,
            most: usize,
        ) -> *mut $unit {
            copy(to, from, most, false);
            to
        }
        extern "win64" fn $append(to: *mut $unit, from: *const $unit) -> *mut $unit {
            copy(
                to.wrapping_add(length(to.cast_const())),
                from,
                usize::MAX,
                true,
            );
            to
        }
        extern "win64" fn $find(text: *const $unit, wanted: i32) -> *const $unit {
            find(text, wanted as $unit)
        }
        extern "win64" fn $find_last(text: *const $unit, wanted: i32) -> *const $unit {
            find_last(text, wanted as $unit)
        }
        extern "win64" fn $find_text(text: *const $unit, wanted: *const $unit) -> *const $unit {
            find_text(text, wanted)
        }
    };
}
string_routines!(u8: strnlen strcmp strncmp stricmp strnicmp strcpy strncpy strcat strchr strrchr strstr);
string_routines!(u16: wcsnlen wcscmp wcsncmp wcsicmp wcsnicmp wcscpy wcsncpy wcscat wcschr wcsrchr wcsstr);

/// Writes a formatted string as `_vsnprintf` does: the number of units, or -1 when they do not fit; a zero behind when there is room.
fn put<U: Copy + Default>(to: *mut U, room: usize, units: &[U]) -> i32 {
    let count = units.len().min(room);
    // SAFETY: the driver's room; a bad address faults into a report.
    unsafe {
        to.copy_from(units.as_ptr(), count);
        if count < room {
            to.add(count).write(U::default());
        }
    }
    match i32::try_from(units.len()) {
        Ok(written) if units.len() <= room => written,
        _ => -1,
    }
}

/// Arguments behind a `va_list`: eight bytes each.
fn listed(list: *const u64) -> impl Iterator<Item = u64> {
    // SAFETY: the caller's list; the format says how far it is read.
    (0..).map(move |index| unsafe { list.add(index).read() })
}

extern "win64" fn vsnprintf(to: *mut u8, room: usize, format: *const u8, list: *const u64) -> i32 {
    put(to, room, debug::formatted(format, listed(list)).as_bytes())
}

extern "win64" fn vsnwprintf(
    to: *mut u16,
    room: usize,
    format: *const u16,
    list: *const u64,
) -> i32 {
    put(to, room, &wide(format, listed(list)))
}

fn wide(format: *const u16, arguments: impl Iterator<Item = u64>) -> Vec<u16> {
    let template = String::from_utf16_lossy(unicode::terminated(format));
    let text = debug::format_wide(&template, arguments);
    text.encode_utf16().collect()
}

variadic! {
    fn snprintf(to: *mut u8, room: usize, format: *const u8) -> i32, |arguments| {
        put(to, room, debug::formatted(format, arguments).as_bytes())
    }
}
variadic! {
    fn snwprintf(to: *mut u16, room: usize, format: *const u16) -> i32, |arguments| {
        put(to, room, &wide(format, arguments))
    }
}

extern "win64" fn pure_call() {
    finding::fatal(
        &rules::PURE_CALL,
        "a pure virtual function is called: the object is still, or already no more, that of its base class",
    );
}

const SOURCE: &str = "C run-time library reference, Microsoft Learn";

const fn row(name: &'static str, function: *const ()) -> Import {
    Import::nt(name, function, Levels::ANY, SOURCE)
}

/// String routines would fill the record of calls.
const fn quiet(name: &'static str, function: *const ()) -> Import {
    Import::memory(name, function, SOURCE)
}

pub(crate) static IMPORTS: &[Import] = &[
    quiet("strnlen", strnlen as *const ()),
    quiet("strcmp", strcmp as *const ()),
    quiet("strncmp", strncmp as *const ()),
    quiet("_stricmp", stricmp as *const ()),
    quiet("_strnicmp", strnicmp as *const ()),
    quiet("strcpy", strcpy as *const ()),
    quiet("strncpy", strncpy as *const ()),
    quiet("strcat", strcat as *const ()),
    quiet("strchr", strchr as *const ()),
    quiet("strrchr", strrchr as *const ()),
    quiet("strstr", strstr as *const ()),
    quiet("wcsnlen", wcsnlen as *const ()),
    quiet("wcscmp", wcscmp as *const ()),
    quiet("wcsncmp", wcsncmp as *const ()),
    quiet("_wcsicmp", wcsicmp as *const ()),
    quiet("_wcsnicmp", wcsnicmp as *const ()),
    quiet("wcscpy", wcscpy as *const ()),
    quiet("wcsncpy", wcsncpy as *const ()),
    quiet("wcscat", wcscat as *const ()),
    quiet("wcschr", wcschr as *const ()),
    quiet("wcsrchr", wcsrchr as *const ()),
    quiet("wcsstr", wcsstr as *const ()),
    row("_vsnprintf", vsnprintf as *const ()),
    row("_vsnwprintf", vsnwprintf as *const ()),
    row("_snprintf", snprintf as *const ()),
    row("_snwprintf", snwprintf as *const ()),
    row("_purecall", pure_call as *const ()),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use crate::nt::pool::{self, Owner};

    #[test]
    fn strings_are_compared_copied_and_searched() {
        let (a, b) = (c"Wave".as_ptr().cast(), c"wavelet".as_ptr().cast());
        assert_eq!(strcmp(a, b), -1);
        assert_eq!(stricmp(a, b), -1);
        assert_eq!(strnicmp(a, b, 4), 0);
        assert_eq!(strncmp(b, c"wavy".as_ptr().cast(), 4), -1);
        let mut room = [0xEE_u8; 8];
        strncpy(room.as_mut_ptr(), a, 6);
        assert_eq!(&room, b"Wave\0\0\xEE\xEE");
        strcat(room.as_mut_ptr(), c"RT".as_ptr().cast());
        assert_eq!(&room, b"WaveRT\0\xEE");
        assert_eq!(strchr(b, b'l'.into()) as usize - b as usize, 4);
        assert!(strchr(b, b'z'.into()).is_null());
        let part = c"let".as_ptr().cast();
        assert_eq!(strstr(b, part) as usize - b as usize, 4);
        assert!(strstr(part, b).is_null());
    }

    #[test]
    fn a_copy_reads_no_more_than_it_is_asked_for() {
        Kernel::boot(Options::default());
        // It ends at the guard page.
        let from = pool::allocate(16, *b"Test", Owner::System);
        // SAFETY: the block is live and as long.
        unsafe { from.write_bytes(b'x', 16) };
        let mut to = [0_u8; 16];
        strncpy(to.as_mut_ptr(), from, 16);
        assert_eq!(to, [b'x'; 16]);
    }

    #[test]
    fn a_format_that_does_not_fit_says_so() {
        let format: Vec<u16> = "%s_%d\0".encode_utf16().collect();
        let name: Vec<u16> = "ab\0".encode_utf16().collect();
        let list = [name.as_ptr() as u64, 12];
        for (room, expect, text) in [(8, 5, "ab_12\0"), (5, 5, "ab_12"), (3, -1, "ab_")] {
            let mut to = vec![0xEEEE_u16; 8];
            let written = vsnwprintf(to.as_mut_ptr(), room, format.as_ptr(), list.as_ptr());
            assert_eq!(written, expect, "{room}");
            let units: Vec<u16> = text.encode_utf16().collect();
            assert_eq!(to[..units.len()], units);
            assert_eq!(to[units.len()], 0xEEEE);
        }
    }
}
