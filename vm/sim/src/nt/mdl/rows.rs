//! The MDL routines that drivers import.

use std::ffi::c_void;

use super::{
    MAPPED_TO_SYSTEM_VA, PAGES_LOCKED, SOURCE_IS_NONPAGED_POOL, allocate_pages, for_buffer,
    free_pages, map, release, unmap,
};
use crate::finding;
use crate::host::{PAGE_SIZE, memory};
use crate::imports::nt_rows;
use crate::nt::exception;
use crate::nt::layout::{Irp, Mdl};
use crate::nt::pool::Owner;
use crate::nt::status::STATUS_ACCESS_VIOLATION;
use crate::rules;

/// Mapping for the kernel; the other access mode maps into a process.
const KERNEL_MODE: i8 = 0;
/// `IoReadAccess` (LOCK_OPERATION, wdm.h).
const READ_ACCESS: i32 = 0;

extern "win64" fn io_allocate_mdl(
    address: usize,
    length: u32,
    secondary: u8,
    _charge_quota: u8,
    irp: *mut Irp,
) -> *mut Mdl {
    let mdl = for_buffer(address, length as usize);
    if !irp.is_null() {
        // SAFETY: the driver's IRP and its chain of MDLs; bad addresses fault into a report.
        unsafe {
            let mut link = &raw mut (*irp).mdl_address;
            while secondary != 0 && !(*link).is_null() {
                link = &raw mut (**link).next;
            }
            *link = mdl;
        }
    }
    mdl
}

fn flags(mdl: *mut Mdl) -> i16 {
    // SAFETY: the driver's MDL; a bad address faults into a report.
    unsafe { (*mdl).flags }
}

fn set_flags(mdl: *mut Mdl, flags: i16) {
    // SAFETY: as for `flags`.
    unsafe { (*mdl).flags = flags };
}

extern "win64" fn io_free_mdl(mdl: *mut Mdl) {
    if flags(mdl) & PAGES_LOCKED != 0 {
        finding::raise(
            &rules::MDL_BAD,
            format!("the MDL at {mdl:p} is freed with its pages locked"),
        );
    }
    if flags(mdl) & MAPPED_TO_SYSTEM_VA != 0 {
        finding::raise(
            &rules::MDL_DOUBLE_MAP,
            format!("the MDL at {mdl:p} is freed while mapped"),
        );
    }
    release(mdl);
}

extern "win64" fn mm_build_mdl_for_non_paged_pool(mdl: *mut Mdl) {
    // SAFETY: the driver's MDL; a bad address faults into a report.
    unsafe {
        (*mdl).mapped_system_va = (*mdl).start_va.byte_add((*mdl).byte_offset as usize);
        (*mdl).flags |= SOURCE_IS_NONPAGED_POOL;
    }
}

/// Whether every page that an MDL describes is there, for `write`; a program names none of the kernel's.
fn is_accessible(mdl: *mut Mdl, mode: i8, write: bool) -> bool {
    // SAFETY: the driver's MDL; a bad address faults into a report.
    let (first, offset, length) = unsafe {
        (
            (*mdl).start_va as usize,
            (*mdl).byte_offset as usize,
            (*mdl).byte_count as usize,
        )
    };
    let mut pages = (first..first.saturating_add(offset + length.max(1))).step_by(PAGE_SIZE);
    pages.all(|page| {
        let there = if write {
            memory::is_writable(page)
        } else {
            memory::read_word(page as u64).is_some()
        };
        there && (mode == KERNEL_MODE || !exception::is_kernel(page))
    })
}

/// APC_LEVEL or below for pageable memory, else DISPATCH_LEVEL or below.
extern "win64" fn mm_probe_and_lock_pages(mdl: *mut Mdl, mode: i8, operation: i32) {
    if !is_accessible(mdl, mode, operation != READ_ACCESS) {
        exception::raise(STATUS_ACCESS_VIOLATION);
        return;
    }
    if flags(mdl) & PAGES_LOCKED != 0 {
        finding::raise(
            &rules::MDL_DOUBLE_MAP,
            format!("the pages of the MDL at {mdl:p} are locked again"),
        );
    }
    set_flags(mdl, flags(mdl) | PAGES_LOCKED);
}

extern "win64" fn mm_unlock_pages(mdl: *mut Mdl) {
    if flags(mdl) & PAGES_LOCKED == 0 {
        finding::fatal(
            &rules::MDL_BAD,
            format!("the pages of the MDL at {mdl:p} are unlocked but not locked"),
        );
    }
    if flags(mdl) & MAPPED_TO_SYSTEM_VA != 0 {
        // SAFETY: the driver's MDL.
        let mapped = unsafe { (*mdl).mapped_system_va };
        unmap(mapped.cast(), mdl);
    }
    set_flags(mdl, flags(mdl) & !PAGES_LOCKED);
}

extern "win64" fn mm_map_locked_pages_specify_cache(
    mdl: *mut Mdl,
    mode: i8,
    _cache: i32,
    _address: *mut c_void,
    _bug_check: u32,
    _priority: u32,
) -> *mut u8 {
    if mode != KERNEL_MODE {
        finding::fatal(
            &rules::MISSING_IMPORT,
            "MmMapLockedPagesSpecifyCache into a process is not in the simulator: add it to vm/sim/src/nt/mdl/rows.rs",
        );
    }
    map(mdl)
}

extern "win64" fn mm_unmap_locked_pages(address: *mut u8, mdl: *mut Mdl) {
    unmap(address, mdl);
}

extern "win64" fn mm_allocate_pages_for_mdl_ex(
    _low: u64,
    _high: u64,
    _skip: u64,
    bytes: usize,
    _cache: i32,
    _flags: u32,
) -> *mut Mdl {
    allocate_pages(bytes, Owner::Driver).unwrap_or(std::ptr::null_mut())
}

extern "win64" fn mm_allocate_pages_for_mdl(
    low: u64,
    high: u64,
    skip: u64,
    bytes: usize,
) -> *mut Mdl {
    mm_allocate_pages_for_mdl_ex(low, high, skip, bytes, 1, 0)
}

extern "win64" fn mm_free_pages_from_mdl(mdl: *mut Mdl) {
    free_pages(mdl);
}

nt_rows! {
    "IoAllocateMdl"                io_allocate_mdl                   DISPATCH "wdm/nf-wdm-ioallocatemdl";
    "IoFreeMdl"                    io_free_mdl                       DISPATCH "wdm/nf-wdm-iofreemdl";
    "MmBuildMdlForNonPagedPool"    mm_build_mdl_for_non_paged_pool   DISPATCH "wdm/nf-wdm-mmbuildmdlfornonpagedpool";
    "MmProbeAndLockPages"          mm_probe_and_lock_pages           DISPATCH "wdm/nf-wdm-mmprobeandlockpages";
    "MmUnlockPages"                mm_unlock_pages                   DISPATCH "wdm/nf-wdm-mmunlockpages";
    "MmMapLockedPagesSpecifyCache" mm_map_locked_pages_specify_cache DISPATCH "wdm/nf-wdm-mmmaplockedpagesspecifycache";
    "MmUnmapLockedPages"           mm_unmap_locked_pages             DISPATCH "wdm/nf-wdm-mmunmaplockedpages";
    "MmAllocatePagesForMdlEx"      mm_allocate_pages_for_mdl_ex      APC      "wdm/nf-wdm-mmallocatepagesformdlex";
    "MmAllocatePagesForMdl"        mm_allocate_pages_for_mdl         APC      "wdm/nf-wdm-mmallocatepagesformdl";
    "MmFreePagesFromMdl"           mm_free_pages_from_mdl            APC      "wdm/nf-wdm-mmfreepagesfrommdl";
}
