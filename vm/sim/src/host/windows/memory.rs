//! Address space and pages through VirtualAlloc; pages mapped twice through a section backed by the paging file.

use std::ffi::c_void;
use std::io;
use std::ptr::{self, NonNull};

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::Diagnostics::Debug::ReadProcessMemory;
use windows_sys::Win32::System::Memory::{
    CreateFileMappingW, FILE_MAP_READ, FILE_MAP_WRITE, MEM_COMMIT, MEM_DECOMMIT, MEM_RESERVE,
    MEMORY_BASIC_INFORMATION, MEMORY_MAPPED_VIEW_ADDRESS, MapViewOfFile, PAGE_EXECUTE_READ,
    PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY, PAGE_NOACCESS, PAGE_PROTECTION_FLAGS,
    PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY, UnmapViewOfFile, VirtualAlloc, VirtualFree,
    VirtualProtect, VirtualQuery,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetCurrentThreadStackLimits};

use crate::host::{PAGE_SIZE, Protection, pages};

/// Views start at multiples of this (SYSTEM_INFO.dwAllocationGranularity).
const GRANULARITY: usize = 64 * 1024;

fn flags(protection: Protection) -> PAGE_PROTECTION_FLAGS {
    match protection {
        Protection::None => PAGE_NOACCESS,
        Protection::Read => PAGE_READONLY,
        Protection::ReadWrite => PAGE_READWRITE,
        Protection::ReadExecute => PAGE_EXECUTE_READ,
    }
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn some(address: *mut c_void) -> io::Result<NonNull<u8>> {
    NonNull::new(address.cast()).ok_or_else(io::Error::last_os_error)
}

/// Reserves `length` bytes of address space; any access faults until pages are committed.
///
/// # Errors
/// When the host has no such range.
pub fn reserve(length: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: the host chooses free addresses.
    some(unsafe { VirtualAlloc(ptr::null(), pages(length), MEM_RESERVE, PAGE_NOACCESS) })
}

/// Makes pages of a reserved range usable. Fresh pages are zero.
///
/// # Errors
/// When the host has no memory left.
///
/// # Safety
/// The range must lie in one that [`reserve`] gave, and nothing may rely on its present protection.
pub unsafe fn commit(address: *mut u8, length: usize, protection: Protection) -> io::Result<()> {
    // SAFETY: the caller owns the range.
    some(unsafe { VirtualAlloc(address.cast(), pages(length), MEM_COMMIT, flags(protection)) })
        .map(|_| ())
}

/// Changes what may be done with committed pages.
///
/// # Errors
/// When the host refuses.
///
/// # Safety
/// The range must lie in one that [`reserve`] gave, and nothing may rely on its present protection.
pub unsafe fn protect(address: *mut u8, length: usize, protection: Protection) -> io::Result<()> {
    let mut before = 0;
    // SAFETY: the caller owns the range.
    check(unsafe {
        VirtualProtect(
            address.cast(),
            pages(length),
            flags(protection),
            &raw mut before,
        )
    })
}

/// Gives committed pages back; the addresses stay reserved and fault.
///
/// # Errors
/// When the host refuses.
///
/// # Safety
/// The range must lie in one that [`reserve`] gave, and nobody may still use its contents.
pub unsafe fn decommit(address: *mut u8, length: usize) -> io::Result<()> {
    // SAFETY: the caller owns the range; its contents are dropped on purpose.
    check(unsafe { VirtualFree(address.cast(), pages(length), MEM_DECOMMIT) })
}

/// Pages that can be mapped more than once.
#[derive(Debug)]
pub struct SharedPages {
    section: HANDLE,
    length: usize,
}

impl SharedPages {
    /// Takes `length` bytes, rounded up to pages, all zero.
    ///
    /// # Errors
    /// When the host has no memory or handle left.
    pub fn create(length: usize) -> io::Result<Self> {
        let length = pages(length.max(1));
        let (high, low) = (
            (length as u64 >> 32) as u32,
            (length as u64 & 0xFFFF_FFFF) as u32,
        );
        // SAFETY: no pointer but null is passed; the section lives in the paging file.
        let section = unsafe {
            CreateFileMappingW(
                INVALID_HANDLE_VALUE,
                ptr::null(),
                PAGE_READWRITE,
                high,
                low,
                ptr::null(),
            )
        };
        if section.is_null() {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { section, length })
    }

    /// Length in bytes, whole pages.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Maps all pages once more. What lies between their end and the next multiple of 64 KB is inaccessible; a length
    /// that is such a multiple has no guard behind it on this host.
    ///
    /// # Errors
    /// When the host has no address space left.
    pub fn map(&self, protection: Protection) -> io::Result<View> {
        let access = match protection {
            Protection::ReadWrite => FILE_MAP_READ | FILE_MAP_WRITE,
            _ => FILE_MAP_READ,
        };
        // SAFETY: the host chooses free addresses; the section is live.
        let view = unsafe { MapViewOfFile(self.section, access, 0, 0, self.length) };
        Ok(View {
            address: some(view.Value)?,
            length: self.length,
        })
    }
}

impl Drop for SharedPages {
    fn drop(&mut self) {
        // SAFETY: an own handle that is closed once; views keep the pages alive.
        unsafe { CloseHandle(self.section) };
    }
}

/// One mapping of [`SharedPages`]; dropping it makes its addresses inaccessible for good.
#[derive(Debug)]
pub struct View {
    address: NonNull<u8>,
    length: usize,
}

impl View {
    /// Where it starts.
    #[must_use]
    pub fn address(&self) -> *mut u8 {
        self.address.as_ptr()
    }

    /// Its length in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let address = self.address.as_ptr().cast::<c_void>();
        // SAFETY: an own view that is unmapped once. The range is reserved again at once, so that a late access through
        // the old mapping faults instead of hitting something new; if another thread took it first, that is harmless.
        unsafe {
            UnmapViewOfFile(MEMORY_MAPPED_VIEW_ADDRESS { Value: address });
            VirtualAlloc(
                address,
                self.length.next_multiple_of(GRANULARITY),
                MEM_RESERVE,
                PAGE_NOACCESS,
            );
        }
    }
}

/// Copies memory of this process that may not be there; `None` when it is not.
#[must_use]
pub fn read_word(address: u64) -> Option<u64> {
    let mut word = 0_u64;
    let mut copied = 0;
    let place = (&raw mut word).cast();
    // SAFETY: the system copies into our word and answers a bad source with an error instead of a fault.
    let result = unsafe {
        ReadProcessMemory(
            GetCurrentProcess(),
            address as *const c_void,
            place,
            size_of::<u64>(),
            &raw mut copied,
        )
    };
    (result != 0 && copied == size_of::<u64>()).then_some(word)
}

/// Whether a byte of this process can be written.
#[must_use]
pub fn is_writable(address: usize) -> bool {
    // SAFETY: plain data, for which zero is a value.
    let mut region: MEMORY_BASIC_INFORMATION = unsafe { std::mem::zeroed() };
    // SAFETY: the system writes the description into our structure.
    let length = unsafe {
        VirtualQuery(
            address as *const c_void,
            &raw mut region,
            size_of::<MEMORY_BASIC_INFORMATION>(),
        )
    };
    let writable =
        PAGE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY;
    length != 0 && region.State == MEM_COMMIT && region.Protect & writable != 0
}

/// Whether an address near the stack pointer lies in the guard at the low end of this thread's stack. Its pages turn
/// readable when they are hit, so the stack's limits decide.
#[must_use]
pub fn is_stack_guard(address: usize) -> bool {
    let (mut low, mut high) = (0, 0);
    // SAFETY: both places are this frame's own.
    unsafe { GetCurrentThreadStackLimits(&raw mut low, &raw mut high) };
    (low.saturating_sub(GRANULARITY)..low + GRANULARITY).contains(&address)
}

/// The page size that the rest of the simulator assumes is this host's.
const _: () = assert!(PAGE_SIZE == 4096);
