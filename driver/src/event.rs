//! An event object of a client's.

use crate::fault::{self, Deliberate};
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use waverig_portcls::NTSTATUS;
use waverig_portcls::status::STATUS_INVALID_HANDLE;
use wdk_sys::ntddk::{KeSetEvent, ObReferenceObjectByHandle, ObfDereferenceObject};
use wdk_sys::{EVENT_MODIFY_STATE, POBJECT_TYPE};

// The kits' import libraries differ in how they offer a variable.
#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    /// The type of event objects (wdm.h).
    static ExEventObjectType: POBJECT_TYPE;
}

/// A reference on an event; dropping it gives it back, IRQL ≤ DISPATCH_LEVEL, no lock held.
pub(crate) struct Event(NonNull<c_void>);

// SAFETY: events are kernel objects, usable from anywhere.
unsafe impl Send for Event {}

impl Event {
    /// The event behind a handle that whoever sent a request may set. PASSIVE_LEVEL, in the process of the handle.
    ///
    /// # Errors
    /// Those of `ObReferenceObjectByHandle` (wdm.h): `STATUS_INVALID_HANDLE`, `STATUS_OBJECT_TYPE_MISMATCH`,
    /// `STATUS_ACCESS_DENIED`.
    pub(crate) fn of_handle(handle: u64, mode: i8) -> Result<Self, NTSTATUS> {
        let mut object = null_mut();
        // SAFETY: any handle may be asked for: it is checked against the process's own handles, the type and the access; a place
        // for the object.
        let status = unsafe {
            ObReferenceObjectByHandle(
                handle as _,
                EVENT_MODIFY_STATE,
                ExEventObjectType,
                mode,
                &mut object,
                null_mut(),
            )
        };
        if !wdk::nt_success(status) {
            return Err(status);
        }
        NonNull::new(object).map(Self).ok_or(STATUS_INVALID_HANDLE)
    }

    /// IRQL ≤ DISPATCH_LEVEL.
    pub(crate) fn set(&self) {
        // SAFETY: the reference keeps the event.
        unsafe { KeSetEvent(self.0.as_ptr().cast(), 0, 0) };
    }

    /// The reference as a pointer, to be taken back by [`Event::from_raw`].
    pub(crate) fn into_raw(self) -> *mut c_void {
        let raw = self.0.as_ptr();
        core::mem::forget(self);
        raw
    }

    /// # Safety
    /// The pointer is NULL or came from [`Event::into_raw`], and is not used again.
    pub(crate) unsafe fn from_raw(raw: *mut c_void) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if fault::is(Deliberate::KeepEvent) {
            return;
        }
        // SAFETY: the reference is this value's own.
        unsafe { ObfDereferenceObject(self.0.as_ptr()) };
    }
}
