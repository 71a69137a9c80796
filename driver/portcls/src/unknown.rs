//! `IUnknown` (punknown.h): the first three slots of every table.

use crate::{Guid, NTSTATUS};
use core::ffi::c_void;

/// Table of [`IUnknown`].
#[derive(Clone, Copy)]
#[repr(C)]
pub struct IUnknownVtbl {
    /// `(this, InterfaceId, out Interface)`: a referenced pointer, or NULL and `STATUS_INVALID_PARAMETER`.
    pub QueryInterface: unsafe extern "efiapi" fn(
        this: *mut c_void,
        iid: *const Guid,
        out: *mut *mut c_void,
    ) -> NTSTATUS,
    /// Adds a reference and returns the new count.
    pub AddRef: unsafe extern "efiapi" fn(this: *mut c_void) -> u32,
    /// Drops a reference and returns the new count; the object is gone at 0.
    pub Release: unsafe extern "efiapi" fn(this: *mut c_void) -> u32,
}

/// Declares the type an interface pointer points to: one pointer to its table.
macro_rules! interfaces {
    ($($vis:vis $name:ident: $vtbl:ident, $iid:ident, $doc:literal;)*) => {
        $(#[doc = $doc]
        #[repr(C)]
        $vis struct $name {
            /// The functions.
            $vis vtbl: *const $vtbl,
        }

        // SAFETY: the type is what a pointer of this interface points to, and its table begins with IUnknown's.
        unsafe impl crate::com::Interface for $name {
            type Vtbl = $vtbl;
            const IID: crate::Guid = crate::id::$iid;
        })*
    };
}
pub(crate) use interfaces;

interfaces! {
    pub IUnknown: IUnknownVtbl, IID_IUnknown, "What every object can do (punknown.h).";
}
