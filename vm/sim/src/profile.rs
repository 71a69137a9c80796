//! Tells a profiler that runs this process what to count: callgrind counts while a scenario is played.
//!
//! Valgrind's client requests (valgrind.h, callgrind.h) are an instruction sequence that does nothing on a processor; so without
//! the profiler nothing happens here. `cargo xtask bench` reads the counts.

use std::arch::asm;
use std::ffi::CString;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests of callgrind.h, counted from `'C' 'T'`.
const DUMP_STATS_AT: usize = 0x4354_0003;
const START_INSTRUMENTATION: usize = 0x4354_0004;
const STOP_INSTRUMENTATION: usize = 0x4354_0005;

/// Where the driver was mapped last.
static IMAGE: AtomicUsize = AtomicUsize::new(0);

/// Notes where a driver was mapped: the profiler knows addresses only.
pub(crate) fn note_image(base: usize) {
    IMAGE.store(base, Ordering::Relaxed);
}

/// Counting starts, from nothing.
pub(crate) fn start() {
    request(START_INSTRUMENTATION, 0);
}

/// What was counted is written under the text `name base`, the second in hexadecimal, and counting ends.
pub(crate) fn stop(name: &str) {
    let base = IMAGE.load(Ordering::Relaxed);
    // A name with a NUL is no scenario's.
    if let Ok(text) = CString::new(format!("{name} {base:x}")) {
        request(DUMP_STATS_AT, text.as_ptr() as usize);
    }
    request(STOP_INSTRUMENTATION, 0);
}

fn request(code: usize, argument: usize) {
    let block = [code, argument, 0, 0, 0, 0];
    // SAFETY: the rotations add up to 128 bits and the exchange is of a register with itself, so the processor's state is
    // unchanged; valgrind reads the block, which lives until then, and writes rdx.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") block.as_ptr(),
            inout("rdx") 0usize => _,
            options(nostack),
        );
    }
}
