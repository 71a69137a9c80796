//! The performance counter.

use core::ptr::null_mut;
use waverig_engine::{Qpc, QpcFrequency};
use wdk_sys::LARGE_INTEGER;
use wdk_sys::ntddk::KeQueryPerformanceCounter;

/// The time. Any IRQL.
pub(crate) fn now() -> Qpc {
    // SAFETY: the frequency may be left out; every bit of the union is the integer.
    Qpc(unsafe { KeQueryPerformanceCounter(null_mut()).QuadPart })
}

/// Ticks per second; fixed while the system is up. Any IRQL.
pub(crate) fn frequency() -> Option<QpcFrequency> {
    let mut frequency = LARGE_INTEGER { QuadPart: 0 };
    // SAFETY: a place for the frequency; every bit of the union is the integer.
    unsafe {
        KeQueryPerformanceCounter(&mut frequency);
        QpcFrequency::new(frequency.QuadPart)
    }
}
