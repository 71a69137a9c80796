//! The notification events of a stream. Guarded by the cable lock, which the timer holds too.

use waverig_portcls::status::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND,
};
use waverig_portcls::{KEVENT, NTSTATUS};
use wdk_sys::ntddk::KeSetEvent;

/// Events a stream takes; a client registers one.
const MAX_EVENTS: usize = 16;

pub(super) struct Events([*mut KEVENT; MAX_EVENTS]);

// SAFETY: events are kernel objects, usable from anywhere.
unsafe impl Send for Events {}

impl Events {
    pub(super) const fn new() -> Self {
        Self([core::ptr::null_mut(); MAX_EVENTS])
    }

    /// # Errors
    /// `STATUS_INVALID_PARAMETER` for NULL and for an event that is there already, `STATUS_INSUFFICIENT_RESOURCES` when all
    /// places are taken.
    pub(super) fn add(&mut self, event: *mut KEVENT) -> Result<(), NTSTATUS> {
        if event.is_null() || self.0.contains(&event) {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let free = self
            .0
            .iter_mut()
            .find(|place| place.is_null())
            .ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        *free = event;
        Ok(())
    }

    /// # Errors
    /// `STATUS_INVALID_PARAMETER` for NULL, `STATUS_NOT_FOUND` for an event that was not added.
    pub(super) fn remove(&mut self, event: *mut KEVENT) -> Result<(), NTSTATUS> {
        if event.is_null() {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let place = self
            .0
            .iter_mut()
            .find(|place| **place == event)
            .ok_or(STATUS_NOT_FOUND)?;
        *place = core::ptr::null_mut();
        Ok(())
    }

    /// DISPATCH_LEVEL.
    pub(super) fn signal(&self) {
        for event in self.0.iter().filter(|event| !event.is_null()) {
            // SAFETY: PortCls keeps the event until it is removed.
            unsafe { KeSetEvent(event.cast(), 0, 0) };
        }
    }
}
