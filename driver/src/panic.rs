//! A panic is a bug check with a code of our own.

use core::panic::PanicInfo;
use wdk_sys::ntddk::KeBugCheckEx;

/// Bug check code of a panic: `WAVR`. Parameters: address and length of the file name, line, column.
const WAVERIG_PANIC: u32 = u32::from_be_bytes(*b"WAVR");

/// Any IRQL.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let (file, line, column) = info
        .location()
        .map_or(("", 0, 0), |at| (at.file(), at.line(), at.column()));
    // SAFETY: a bug check may be raised from anywhere.
    unsafe {
        KeBugCheckEx(
            WAVERIG_PANIC,
            file.as_ptr() as u64,
            file.len() as u64,
            line.into(),
            column.into(),
        )
    }
}
