//! Memory routines, and what compilers call by themselves.

use std::arch::{asm, naked_asm};

use crate::finding;
use crate::imports::Import;
use crate::rules;

/// A null pointer of the driver faults here as any bad address does; Rust's own routines would take it for a defect of the simulator.
fn reach(address: *const u8, length: usize, writes: bool) {
    if !address.is_null() || length == 0 {
        return;
    }
    // SAFETY: the access faults, and the fault ends the run with a report.
    unsafe {
        if writes {
            asm!("mov byte ptr [{}], 0", in(reg) address);
        } else {
            asm!("mov {1}, byte ptr [{0}]", in(reg) address, out(reg_byte) _);
        }
    }
}

/// A range of the driver's.
fn range<'a>(address: *const u8, length: usize) -> &'a [u8] {
    reach(address, length, false);
    if length == 0 {
        return &[];
    }
    // SAFETY: the driver's range; a bad one faults into a report.
    unsafe { std::slice::from_raw_parts(address, length) }
}

extern "win64" fn memory_copy(target: *mut u8, source: *const u8, length: usize) -> *mut u8 {
    reach(source, length, false);
    reach(target, length, true);
    // SAFETY: the driver's ranges; bad ones fault into a report. `copy` allows them to overlap.
    unsafe { target.copy_from(source, length) };
    target
}

/// For callers that say that the ranges do not overlap. Compilers copy a value onto itself with it, too.
extern "win64" fn memory_copy_apart(target: *mut u8, source: *const u8, length: usize) -> *mut u8 {
    let apart = (target as usize).abs_diff(source as usize);
    if apart != 0 && apart < length {
        finding::raise(
            &rules::MEMCPY_OVERLAP,
            format!("{length} bytes are copied from {source:p} to {target:p}, {apart} bytes away"),
        );
    }
    memory_copy(target, source, length)
}

extern "win64" fn memory_set(target: *mut u8, value: i32, length: usize) -> *mut u8 {
    reach(target, length, true);
    // SAFETY: the driver's range; a bad one faults into a report.
    unsafe { target.write_bytes(value.to_le_bytes()[0], length) };
    target
}

extern "win64" fn memory_compare(first: *const u8, second: *const u8, length: usize) -> i32 {
    range(first, length).cmp(range(second, length)) as i32
}

extern "win64" fn rtl_compare_memory(first: *const u8, second: *const u8, length: usize) -> usize {
    range(first, length)
        .iter()
        .zip(range(second, length))
        .take_while(|(first, second)| first == second)
        .count()
}

extern "win64" fn rtl_zero_memory(target: *mut u8, length: usize) {
    memory_set(target, 0, length);
}

extern "win64" fn rtl_fill_memory(target: *mut u8, length: usize, value: u8) {
    memory_set(target, i32::from(value), length);
}

extern "win64" fn string_length(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: the driver's zero-terminated string; a bad one faults into a report.
    while unsafe { text.add(length).read() } != 0 {
        length += 1;
    }
    length
}

extern "win64" fn wide_length(text: *const u16) -> usize {
    super::unicode::terminated(text).len()
}

/// The size of a frame comes in rax; every page of it is touched in order, so that the guard page is met. Changes
/// no register.
#[unsafe(naked)]
extern "win64" fn check_stack() {
    naked_asm!(
        "push rcx",
        "push rax",
        // Where rsp was before the call.
        "lea rcx, [rsp + 24]",
        "2:",
        "cmp rax, 4096",
        "jb 3f",
        "sub rcx, 4096",
        "test byte ptr [rcx], 0",
        "sub rax, 4096",
        "jmp 2b",
        "3:",
        "sub rcx, rax",
        "test byte ptr [rcx], 0",
        "pop rax",
        "pop rcx",
        "ret",
    )
}

pub(crate) static IMPORTS: &[Import] = &[
    Import::memory(
        "memcpy",
        memory_copy_apart as *const (),
        "wdm/nf-wdm-rtlcopymemory",
    ),
    Import::memory(
        "memmove",
        memory_copy as *const (),
        "wdm/nf-wdm-rtlmovememory",
    ),
    Import::memory(
        "memset",
        memory_set as *const (),
        "wdm/nf-wdm-rtlfillmemory",
    ),
    Import::memory(
        "memcmp",
        memory_compare as *const (),
        "wdm/nf-wdm-rtlequalmemory",
    ),
    Import::memory(
        "RtlCopyMemory",
        memory_copy_apart as *const (),
        "wdm/nf-wdm-rtlcopymemory",
    ),
    Import::memory(
        "RtlMoveMemory",
        memory_copy as *const (),
        "wdm/nf-wdm-rtlmovememory",
    ),
    Import::memory(
        "RtlCompareMemory",
        rtl_compare_memory as *const (),
        "wdm/nf-wdm-rtlcomparememory",
    ),
    Import::memory(
        "RtlZeroMemory",
        rtl_zero_memory as *const (),
        "wdm/nf-wdm-rtlzeromemory",
    ),
    Import::memory(
        "RtlFillMemory",
        rtl_fill_memory as *const (),
        "wdm/nf-wdm-rtlfillmemory",
    ),
    Import::memory(
        "strlen",
        string_length as *const (),
        "C run-time library, strlen",
    ),
    Import::memory(
        "wcslen",
        wide_length as *const (),
        "C run-time library, wcslen",
    ),
    Import::raw(
        "ntoskrnl.exe",
        "__chkstk",
        check_stack as *const (),
        "\"_chkstk Routine\", Microsoft Learn",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparing_counts_and_orders() {
        let (first, second) = (*b"waverig", *b"wavelet");
        assert_eq!(rtl_compare_memory(first.as_ptr(), second.as_ptr(), 7), 4);
        for (one, other, expected) in [
            (&first, &first, 0),
            (&first, &second, 1),
            (&second, &first, -1),
        ] {
            assert_eq!(memory_compare(one.as_ptr(), other.as_ptr(), 7), expected);
        }
        assert_eq!(string_length(c"four".as_ptr().cast()), 4);
    }

    #[test]
    fn overlapping_ranges_move_whole() {
        let mut bytes = *b"0123456789";
        memory_copy(bytes[2..].as_mut_ptr(), bytes.as_ptr(), 8);
        assert_eq!(&bytes, b"0101234567");
    }
}
