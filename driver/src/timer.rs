//! A high-resolution one-shot timer. Its callback runs at DISPATCH_LEVEL.

use crate::fault::{self, Deliberate};
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use waverig_engine::Hns;
use waverig_portcls::NTSTATUS;
use waverig_portcls::status::STATUS_INSUFFICIENT_RESOURCES;
use wdk_sys::ntddk::{ExAllocateTimer, ExCancelTimer, ExDeleteTimer, ExSetTimer};
use wdk_sys::{EX_TIMER_HIGH_RESOLUTION, EXT_CALLBACK};

/// Owns the timer; dropping it cancels it and waits for its callback. The system clock runs fast only while it is set.
pub(crate) struct Timer(NonNull<wdk_sys::_EX_TIMER>);

// SAFETY: a timer object may be used from any thread.
unsafe impl Send for Timer {}
// SAFETY: as above.
unsafe impl Sync for Timer {}

impl Timer {
    /// A timer that is not set. PASSIVE_LEVEL.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    pub(crate) fn new(callback: EXT_CALLBACK, context: *const c_void) -> Result<Self, NTSTATUS> {
        // SAFETY: the callback takes the context that is given here.
        let timer =
            unsafe { ExAllocateTimer(callback, context.cast_mut(), EX_TIMER_HIGH_RESOLUTION) };
        NonNull::new(timer)
            .map(Self)
            .ok_or(STATUS_INSUFFICIENT_RESOURCES)
    }

    /// Fires once, this long from now, at once when it is not positive. Replaces what was set. IRQL ≤ DISPATCH_LEVEL.
    pub(crate) fn set(&self, after: Hns) {
        // A high-resolution timer takes relative times only, which are negative (WDK: ExSetTimer).
        let due = after.0.max(1).saturating_neg();
        // SAFETY: the timer is owned.
        unsafe { ExSetTimer(self.0.as_ptr(), due, 0, null_mut()) };
    }

    /// Does not fire, unless it is firing. IRQL ≤ DISPATCH_LEVEL.
    pub(crate) fn cancel(&self) {
        // SAFETY: the timer is owned.
        unsafe { ExCancelTimer(self.0.as_ptr(), null_mut()) };
    }
}

impl Drop for Timer {
    /// PASSIVE_LEVEL, no lock held.
    fn drop(&mut self) {
        if fault::is(Deliberate::KeepTimer) {
            return;
        }
        // SAFETY: the timer is owned.
        unsafe { ExDeleteTimer(self.0.as_ptr(), 1, 1, null_mut()) };
    }
}
