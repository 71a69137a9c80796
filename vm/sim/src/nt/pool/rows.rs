//! The pool routines that drivers import.

use super::{ALIGNMENT, Owner, Request, free_for_driver, place};
use crate::finding;
use crate::imports::nt_rows;
use crate::nt::irql::{self, Irql};
use crate::rules;

// POOL_FLAGS (wdm.h).
const FLAG_UNINITIALIZED: u64 = 0x02;
const FLAG_CACHE_ALIGNED: u64 = 0x08;
const FLAG_NON_PAGED: u64 = 0x40;
const FLAG_NON_PAGED_EXECUTE: u64 = 0x80;
const FLAG_PAGED: u64 = 0x100;
/// Flags that must be known to the caller's system; unknown ones beyond them fail the call.
const REQUIRED_FLAGS: u64 = 0xFFFF_FFFF;
const KNOWN_FLAGS: u64 = 0x3FF;

// POOL_TYPE (wdm.h).
const TYPE_PAGED: i32 = 1;
const TYPE_CACHE_ALIGNED: i32 = 4;
const TYPE_NX: i32 = 512;

const CACHE_LINE: usize = 64;

/// Paged pool is the business of APC_LEVEL and below.
pub(super) fn check_level(paged: bool, done: &str) {
    let level = irql::current();
    if paged && level > Irql::APC {
        finding::raise(
            &rules::POOL_PAGED_AT_DISPATCH,
            format!("paged pool is {done} at {level}"),
        );
    }
}

fn check(size: usize, tag: u32, executable: bool) {
    if size == 0 || tag == 0 {
        finding::raise(
            &rules::POOL_ZERO,
            format!("an allocation of {size} bytes with tag {tag:#x}"),
        );
    }
    if executable {
        finding::raise(
            &rules::POOL_EXECUTABLE,
            format!("an allocation of {size} bytes is to be executable"),
        );
    }
}

extern "win64" fn ex_allocate_pool2(flags: u64, size: usize, tag: u32) -> *mut u8 {
    let kinds = flags & (FLAG_NON_PAGED | FLAG_NON_PAGED_EXECUTE | FLAG_PAGED);
    if kinds.count_ones() != 1
        || flags & REQUIRED_FLAGS & !KNOWN_FLAGS != 0
        || size == 0
        || tag == 0
    {
        let text = format!("ExAllocatePool2(flags {flags:#x}, {size} bytes, tag {tag:#x}) fails");
        finding::raise(&rules::POOL_ZERO, text);
        return std::ptr::null_mut();
    }
    check(size, tag, flags & FLAG_NON_PAGED_EXECUTE != 0);
    let paged = flags & FLAG_PAGED != 0;
    check_level(paged, "allocated");
    place(Request {
        size,
        tag: tag.to_le_bytes(),
        owner: Owner::Driver,
        zeroed: flags & FLAG_UNINITIALIZED == 0,
        paged,
        alignment: if flags & FLAG_CACHE_ALIGNED == 0 {
            ALIGNMENT
        } else {
            CACHE_LINE
        },
    })
}

extern "win64" fn ex_allocate_pool_with_tag(kind: i32, size: usize, tag: u32) -> *mut u8 {
    let paged = kind & TYPE_PAGED != 0;
    check(size, tag, !paged && kind & TYPE_NX == 0);
    check_level(paged, "allocated");
    place(Request {
        size,
        tag: tag.to_le_bytes(),
        owner: Owner::Driver,
        zeroed: false,
        paged,
        alignment: if kind & TYPE_CACHE_ALIGNED == 0 {
            ALIGNMENT
        } else {
            CACHE_LINE
        },
    })
}

extern "win64" fn ex_allocate_pool(kind: i32, size: usize) -> *mut u8 {
    ex_allocate_pool_with_tag(kind, size, u32::from_le_bytes(*b"enoN"))
}

extern "win64" fn ex_free_pool(address: usize) {
    free_for_driver(address, None);
}

extern "win64" fn ex_free_pool_with_tag(address: usize, tag: u32) {
    free_for_driver(address, Some(tag.to_le_bytes()));
}

nt_rows! {
    "ExAllocatePool2"       ex_allocate_pool2         DISPATCH "wdm/nf-wdm-exallocatepool2";
    "ExAllocatePoolWithTag" ex_allocate_pool_with_tag DISPATCH "wdm/nf-wdm-exallocatepoolwithtag";
    "ExAllocatePool"        ex_allocate_pool          DISPATCH "wdm/nf-wdm-exallocatepool";
    "ExFreePool"            ex_free_pool              DISPATCH "ntddk/nf-ntddk-exfreepool";
    "ExFreePoolWithTag"     ex_free_pool_with_tag     DISPATCH "wdm/nf-wdm-exfreepoolwithtag";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    const TAG: u32 = u32::from_le_bytes(*b"Test");

    #[test]
    fn flags_that_name_no_pool_or_two_fail() {
        for (flags, size, tag, works) in [
            (FLAG_NON_PAGED, 8, TAG, true),
            (FLAG_PAGED | FLAG_UNINITIALIZED, 8, TAG, true),
            (0, 8, TAG, false),
            (FLAG_NON_PAGED | FLAG_PAGED, 8, TAG, false),
            (FLAG_NON_PAGED, 0, TAG, false),
            (FLAG_NON_PAGED, 8, 0, false),
        ] {
            let machine = Kernel::boot(Options::default());
            assert_eq!(
                !ex_allocate_pool2(flags, size, tag).is_null(),
                works,
                "{flags:#x} {size} {tag:#x}"
            );
            assert_eq!(machine.findings.has(&rules::POOL_ZERO), !works);
        }
    }

    #[test]
    fn paged_pool_at_dispatch_and_executable_pool_are_found() {
        let machine = Kernel::boot(Options::default());
        crate::call::at_irql(Irql::DISPATCH, || ex_allocate_pool2(FLAG_PAGED, 8, TAG));
        assert!(machine.findings.has(&rules::POOL_PAGED_AT_DISPATCH));
        ex_allocate_pool_with_tag(TYPE_NX, 8, TAG);
        assert!(!machine.findings.has(&rules::POOL_EXECUTABLE));
        ex_allocate_pool_with_tag(0, 8, TAG);
        assert!(machine.findings.has(&rules::POOL_EXECUTABLE));
    }
}
