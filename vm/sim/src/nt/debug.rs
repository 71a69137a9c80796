//! What drivers print, and how they stop the machine.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::layout::UnicodeString;
use crate::nt::unicode;
use crate::report::{self, BugCheck, Cause};
use crate::time::Qpc;

/// Lines that are kept.
const KEPT: usize = 10_000;

/// What was printed, with its time.
#[derive(Debug, Default)]
pub(crate) struct DebugState {
    lines: RefCell<VecDeque<(Qpc, String)>>,
}

/// Everything the driver printed, oldest first.
pub fn printed() -> Vec<(Qpc, String)> {
    kernel().nt.debug.lines.borrow().iter().cloned().collect()
}

fn print(text: String) {
    let mut lines = kernel().nt.debug.lines.borrow_mut();
    if lines.len() == KEPT {
        lines.pop_front();
    }
    lines.push_back((kernel().now(), text));
}

/// A zero-terminated byte string.
fn bytes(text: *const u8) -> String {
    if text.is_null() {
        return "(null)".to_owned();
    }
    // SAFETY: the driver's zero-terminated string; a bad one faults into a report.
    unsafe { std::ffi::CStr::from_ptr(text.cast()) }
        .to_string_lossy()
        .into_owned()
}

/// Formats the zero-terminated `template` as the kernel's printf does.
pub(crate) fn formatted(template: *const u8, arguments: impl Iterator<Item = u64>) -> String {
    format(&bytes(template), arguments, false)
}

/// The same as a routine for wide strings does it: `%s` is a wide one, `%S` one of bytes.
pub(crate) fn format_wide(template: &str, arguments: impl Iterator<Item = u64>) -> String {
    format(template, arguments, true)
}

/// Formats as the kernel's printf does ("Format specification syntax", Microsoft Learn).
fn format(template: &str, mut arguments: impl Iterator<Item = u64>, wide: bool) -> String {
    let mut output = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        output.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest
            .find(|c: char| c.is_ascii_alphabetic() && !"hlwIzjt".contains(c))
            .or_else(|| rest.find('%'));
        let Some(end) = end.filter(|_| !rest.starts_with('%')) else {
            output.push('%');
            rest = rest.strip_prefix('%').unwrap_or(rest);
            continue;
        };
        // `wZ` ends in a letter that is no length, so what lies before the last letter is flags, width and length.
        let (spec, kind) = (&rest[..end], rest.as_bytes()[end]);
        rest = &rest[end + 1..];
        let flags: String = spec.chars().take_while(|c| "-+ #0".contains(*c)).collect();
        let width: String = spec[flags.len()..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let wide_number = spec.contains("ll")
            || spec.contains("I64")
            || spec.contains('z')
            || spec.contains('I') && !spec.contains("I32");
        let mut next = || arguments.next().unwrap_or(0);
        let text = match kind {
            b'd' | b'i' if wide_number => next().cast_signed().to_string(),
            b'd' | b'i' => i64::from(low(next()).cast_signed()).to_string(),
            b'u' if wide_number => next().to_string(),
            b'u' => low(next()).to_string(),
            b'x' if wide_number => format!("{:x}", next()),
            b'X' if wide_number => format!("{:X}", next()),
            b'x' => format!("{:x}", low(next())),
            b'X' => format!("{:X}", low(next())),
            b'p' => format!("{:016X}", next()),
            b'c' => char::from(next().to_le_bytes()[0]).to_string(),
            b's' | b'S'
                if spec.contains(['w', 'l']) || !spec.contains('h') && (kind == b's') == wide =>
            {
                String::from_utf16_lossy(unicode::terminated(next() as *const u16))
            }
            b's' | b'S' => bytes(next() as *const u8),
            b'Z' if spec.contains('w') => unicode::text(next() as *const UnicodeString),
            other => format!("%{spec}{}", char::from(other)),
        };
        let width: usize = width.parse().unwrap_or(0);
        let missing = width.saturating_sub(text.chars().count());
        let fill = if flags.contains('0') { "0" } else { " " };
        if flags.contains('-') {
            output.push_str(&text);
            output.push_str(&" ".repeat(missing));
        } else {
            output.push_str(&fill.repeat(missing));
            output.push_str(&text);
        }
    }
    output.push_str(rest);
    output
}

fn low(value: u64) -> u32 {
    (value & 0xFFFF_FFFF) as u32
}

/// A variadic function finds its arguments where the caller put them, so a fixed number of them reads the same places.
macro_rules! variadic {
    (fn $name:ident($($fixed:ident: $kind:ty),*) -> $result:ty, |$arguments:ident| $body:block) => {
        #[allow(clippy::too_many_arguments, reason = "stands for a variadic function")]
        extern "win64" fn $name(
            $($fixed: $kind,)*
            a0: u64, a1: u64, a2: u64, a3: u64, a4: u64, a5: u64, a6: u64, a7: u64, a8: u64, a9: u64,
        ) -> $result {
            let $arguments = [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9].into_iter();
            $body
        }
    };
}
pub(crate) use variadic;

variadic! {
    fn dbg_print(template: *const u8) -> u32, |arguments| {
        print(formatted(template, arguments));
        0
    }
}
variadic! {
    fn dbg_print_ex(_component: u32, _level: u32, template: *const u8) -> u32, |arguments| {
        print(formatted(template, arguments));
        0
    }
}

/// Stops the machine with a bug check.
pub fn bug_check(code: u32, parameters: [u64; 4]) -> ! {
    report::end(Cause::bug_check(BugCheck { code, parameters }))
}

extern "win64" fn ke_bug_check_ex(code: u32, p1: u64, p2: u64, p3: u64, p4: u64) {
    bug_check(code, [p1, p2, p3, p4]);
}

extern "win64" fn ke_bug_check(code: u32) {
    bug_check(code, [0; 4]);
}

nt_rows! {
    "DbgPrint"     dbg_print       ANY "wdm/nf-wdm-dbgprint";
    "DbgPrintEx"   dbg_print_ex    ANY "wdm/nf-wdm-dbgprintex";
    "KeBugCheckEx" ke_bug_check_ex ANY "wdm/nf-wdm-kebugcheckex";
    "KeBugCheck"   ke_bug_check    ANY "ntddk/nf-ntddk-kebugcheck";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn formats_as_the_kernel_does() {
        Kernel::boot(Options::default());
        let wide = UnicodeString::allocate("wide");
        let cases: &[(&str, &[u64], &str)] = &[
            ("plain", &[], "plain"),
            ("%d %u 100%%", &[0xFFFF_FFFF, 7], "-1 7 100%"),
            ("%08x|%-4d|%4d", &[0xBEEF, 5, 6], "0000beef|5   |   6"),
            (
                "%I64d %llu %lu",
                &[u64::MAX, u64::MAX, 9],
                "-1 18446744073709551615 9",
            ),
            (
                "%s %c",
                &[c"text".as_ptr() as u64, u64::from(b'!')],
                "text !",
            ),
            (
                "%wZ %ws",
                &[(&raw const wide) as u64, wide.buffer as u64],
                "wide wide",
            ),
            ("%p", &[0x1234], "0000000000001234"),
            ("50%", &[], "50%"),
        ];
        for (template, arguments, expected) in cases {
            let arguments = arguments.iter().copied();
            assert_eq!(format(template, arguments, false), *expected, "{template}");
        }
    }
}
