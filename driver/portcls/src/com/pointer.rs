//! A pointer that owns one reference.

use crate::{Guid, IUnknownVtbl, NTSTATUS, status};
use core::ffi::c_void;
use core::ptr::NonNull;

/// What an interface pointer points to: one pointer to a table.
///
/// # Safety
/// The type is `repr(C)` with a pointer to `Vtbl` as its only field, and `Vtbl` is `repr(C)` and begins with
/// [`IUnknownVtbl`].
pub unsafe trait Interface {
    /// The table of functions.
    type Vtbl;
    /// The interface's identifier.
    const IID: Guid;
}

/// An interface pointer that owns one reference: dropping it releases, cloning it adds one.
pub struct Com<I: Interface>(NonNull<I>);

impl<I: Interface> Com<I> {
    /// Takes over a reference, as an out parameter hands it over; `None` for NULL.
    ///
    /// # Safety
    /// `raw` is NULL or a valid pointer of this interface, and one reference on it belongs to the caller.
    pub const unsafe fn from_raw(raw: *mut I) -> Option<Self> {
        match NonNull::new(raw) {
            Some(raw) => Some(Self(raw)),
            None => None,
        }
    }

    /// Adds a reference to a borrowed pointer, as a parameter lends it; `None` for NULL.
    ///
    /// # Safety
    /// `raw` is NULL or a valid pointer of this interface.
    pub unsafe fn from_borrowed(raw: *mut I) -> Option<Self> {
        let raw = NonNull::new(raw)?;
        // SAFETY: the pointer is valid, says the caller; its table begins with IUnknown's (trait Interface).
        unsafe { ((*unknown(raw)).AddRef)(raw.as_ptr().cast()) };
        Some(Self(raw))
    }

    /// Gives the reference away.
    pub const fn into_raw(self) -> *mut I {
        let raw = self.0.as_ptr();
        core::mem::forget(self);
        raw
    }

    /// The pointer, for the `this` of a call; no reference changes hands.
    pub const fn this(&self) -> *mut c_void {
        self.0.as_ptr().cast()
    }

    /// The functions.
    pub const fn vtbl(&self) -> &I::Vtbl {
        // SAFETY: the pointer is valid while this reference is owned, and it points to a pointer to the table (trait
        // Interface), which lives as long as the object.
        unsafe { &**self.0.as_ptr().cast::<*const I::Vtbl>() }
    }

    /// Asks for another interface of the same object.
    ///
    /// # Errors
    /// What the object answers, `STATUS_INVALID_PARAMETER` or `STATUS_NOT_SUPPORTED` as a rule.
    pub fn query<J: Interface>(&self) -> Result<Com<J>, NTSTATUS> {
        let mut out: *mut c_void = core::ptr::null_mut();
        // SAFETY: the pointer is valid while this reference is owned; `out` is a place for one pointer.
        let result = unsafe { ((*unknown(self.0)).QueryInterface)(self.this(), &J::IID, &mut out) };
        if result < 0 {
            return Err(result);
        }
        // SAFETY: on success the object handed over a reference to this interface.
        unsafe { Com::from_raw(out.cast()) }.ok_or(status::STATUS_UNSUCCESSFUL)
    }
}

/// The table's first part.
fn unknown<I: Interface>(raw: NonNull<I>) -> *const IUnknownVtbl {
    // SAFETY: an interface pointer points to a pointer to its table, which begins with IUnknown's (trait Interface).
    unsafe { *raw.as_ptr().cast::<*const IUnknownVtbl>() }
}

impl<I: Interface> Clone for Com<I> {
    fn clone(&self) -> Self {
        // SAFETY: the pointer is valid while this reference is owned.
        unsafe { ((*unknown(self.0)).AddRef)(self.this()) };
        Self(self.0)
    }
}

impl<I: Interface> Drop for Com<I> {
    fn drop(&mut self) {
        // SAFETY: the pointer is valid while this reference is owned, and it is given up here.
        unsafe { ((*unknown(self.0)).Release)(self.this()) };
    }
}

// SAFETY: COM objects of the kernel count references atomically and are callable from every thread; what IRQL a method
// needs is the caller's business.
unsafe impl<I: Interface> Send for Com<I> {}
// SAFETY: as above.
unsafe impl<I: Interface> Sync for Com<I> {}
