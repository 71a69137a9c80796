//! A library of Windows that Wine 8 lacks and Rust's own asks for random numbers. Built by the tests, for Wine's prefix only.
#![no_std]

use core::ffi::c_void;

#[link(name = "advapi32")]
unsafe extern "system" {
    /// `RtlGenRandom` (ntsecapi.h).
    fn SystemFunction036(buffer: *mut c_void, length: u32) -> u8;
}

/// `ProcessPrng`: fills a buffer with random bytes and always succeeds.
///
/// # Safety
/// `data` has `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ProcessPrng(data: *mut c_void, length: usize) -> i32 {
    // SAFETY: the caller's.
    i32::from(unsafe { SystemFunction036(data, length as u32) })
}

/// `DllMain`: there is nothing to do.
#[unsafe(no_mangle)]
pub extern "system" fn DllMainCRTStartup(_: *mut c_void, _: u32, _: *mut c_void) -> i32 {
    1
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
