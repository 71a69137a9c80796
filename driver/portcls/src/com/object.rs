//! A reference-counted object that shows several interfaces, each through a table of its own.
//!
//! An object is one allocation: `N` faces, the count, the value. A face is what an interface pointer points to; its
//! first word is the table, its second tells how far it lies behind the object's start, so that one set of IUnknown
//! functions serves every face.

use crate::{Guid, IUnknownVtbl, NTSTATUS, status};
use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering, fence};

/// Where objects live.
pub trait Memory {
    /// Room for `layout`, or `None`.
    fn allocate(layout: Layout) -> Option<NonNull<u8>>;

    /// Gives the room back.
    ///
    /// # Safety
    /// `place` came from [`Memory::allocate`] with the same layout and is not used again.
    unsafe fn free(place: NonNull<u8>, layout: Layout);
}

/// One table of a class and the identifiers that it answers to.
#[derive(Clone, Copy)]
pub struct Table {
    /// The functions; begins with [`IUnknownVtbl`].
    pub vtbl: *const c_void,
    /// The interfaces that the table serves: its own and those it is derived from.
    pub iids: &'static [&'static Guid],
}

/// The value inside an object with `N` tables.
///
/// # Safety
/// Every table's first three functions are [`query_interface`], [`add_ref`] and [`release`] of this class, its other functions
/// expect a `this` of this class, and it is laid out as each interface in its `iids` demands. The first table answers
/// for `IUnknown` even when it does not say so.
pub unsafe trait Class<const N: usize>: Sized + Send + Sync + 'static {
    /// Where objects of the class live.
    type Memory: Memory;
    /// The tables.
    const TABLES: [Table; N];

    /// The IUnknown part of every table of the class.
    const UNKNOWN: IUnknownVtbl = IUnknownVtbl {
        QueryInterface: query_interface::<Self, N>,
        AddRef: add_ref::<Self, N>,
        Release: release::<Self, N>,
    };
}

/// What an interface pointer points to.
#[repr(C)]
pub struct Face {
    vtbl: *const c_void,
    /// Bytes from the object's start to this face.
    offset: usize,
}

/// The allocation.
#[repr(C)]
pub struct Object<T: Class<N>, const N: usize> {
    faces: [Face; N],
    references: AtomicU32,
    value: T,
}

impl<T: Class<N>, const N: usize> Object<T, N> {
    const LAYOUT: Layout = Layout::new::<Self>();

    /// Makes an object with one reference.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`; the value is dropped.
    pub fn create(value: T) -> Result<Shared<T, N>, NTSTATUS> {
        let place = T::Memory::allocate(Self::LAYOUT)
            .ok_or(status::STATUS_INSUFFICIENT_RESOURCES)?
            .cast::<Self>();
        let mut index = 0;
        let faces = T::TABLES.map(|table| {
            let offset = index;
            index += size_of::<Face>();
            Face {
                vtbl: table.vtbl,
                offset,
            }
        });
        // SAFETY: the place is fresh, large enough and aligned for the object.
        unsafe {
            place.write(Self {
                faces,
                references: AtomicU32::new(1),
                value,
            })
        };
        Ok(Shared(place))
    }

    /// The value behind an interface pointer.
    ///
    /// # Safety
    /// `this` points to a face of a live object of this class and stays so for `'a`.
    pub unsafe fn value<'a>(this: *mut c_void) -> &'a T {
        // SAFETY: the object is live, says the caller, and only ever shared.
        unsafe { &(*Self::of(this)).value }
    }

    /// The object's start.
    ///
    /// # Safety
    /// `this` points to a face of a live object of this class.
    unsafe fn of(this: *mut c_void) -> *mut Self {
        // SAFETY: a face knows how far it lies behind the start of its object.
        unsafe { this.byte_sub((*this.cast::<Face>()).offset).cast() }
    }
}

/// One reference on an object, with its value at hand; the driver's own end of an interface pointer. `None` of it is a
/// null pointer.
#[repr(transparent)]
pub struct Shared<T: Class<N>, const N: usize>(NonNull<Object<T, N>>);

impl<T: Class<N>, const N: usize> Shared<T, N> {
    /// The first face, which answers for `IUnknown`; no reference changes hands.
    pub const fn unknown(&self) -> *mut c_void {
        self.0.as_ptr().cast()
    }

    /// The first face, with the reference.
    pub const fn into_raw(self) -> *mut c_void {
        let raw = self.unknown();
        core::mem::forget(self);
        raw
    }

    /// The reference that [`Shared::into_raw`] gave away.
    ///
    /// # Safety
    /// `raw` came from there, of this class, and is not used again.
    pub const unsafe fn from_raw(raw: *mut c_void) -> Self {
        // SAFETY: the first face lies at the object's start, which is not null.
        Self(unsafe { NonNull::new_unchecked(raw.cast()) })
    }
}

impl<T: Class<N>, const N: usize> core::ops::Deref for Shared<T, N> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the object lives while this reference does.
        unsafe { &(*self.0.as_ptr()).value }
    }
}

impl<T: Class<N>, const N: usize> Clone for Shared<T, N> {
    fn clone(&self) -> Self {
        // SAFETY: the object lives while this reference does.
        unsafe { add_ref::<T, N>(self.unknown()) };
        Self(self.0)
    }
}

impl<T: Class<N>, const N: usize> Drop for Shared<T, N> {
    fn drop(&mut self) {
        // SAFETY: the reference is given up here.
        unsafe { release::<T, N>(self.unknown()) };
    }
}

// SAFETY: references are counted atomically, and the value is Send and Sync.
unsafe impl<T: Class<N>, const N: usize> Send for Shared<T, N> {}
// SAFETY: as above.
unsafe impl<T: Class<N>, const N: usize> Sync for Shared<T, N> {}

/// `IUnknown::QueryInterface` of a class; for its tables. Any IRQL.
///
/// # Safety
/// `this` points to a face of a live object, `iid` to an identifier, `out` to a place for a pointer.
pub unsafe extern "efiapi" fn query_interface<T: Class<N>, const N: usize>(
    this: *mut c_void,
    iid: *const Guid,
    out: *mut *mut c_void,
) -> NTSTATUS {
    // SAFETY: valid pointers, says the caller.
    unsafe {
        let iid = *iid;
        let wanted = |table: &Table| table.iids.contains(&&iid);
        let unknown = [crate::id::IID_IUnknown, crate::id::IID_IUnknown_COM];
        let index = if unknown.contains(&iid) {
            Some(0)
        } else {
            T::TABLES.iter().position(wanted)
        };
        match index {
            Some(index) => {
                let object = Object::<T, N>::of(this);
                (*object).references.fetch_add(1, Ordering::Relaxed);
                *out = object.cast::<Face>().add(index).cast();
                status::STATUS_SUCCESS
            }
            None => {
                *out = core::ptr::null_mut();
                status::STATUS_INVALID_PARAMETER
            }
        }
    }
}

/// `IUnknown::AddRef` of a class; for its tables. Any IRQL.
///
/// # Safety
/// `this` points to a face of a live object.
pub unsafe extern "efiapi" fn add_ref<T: Class<N>, const N: usize>(this: *mut c_void) -> u32 {
    // SAFETY: a live object, says the caller.
    unsafe {
        (*Object::<T, N>::of(this))
            .references
            .fetch_add(1, Ordering::Relaxed)
            + 1
    }
}

/// `IUnknown::Release` of a class; for its tables. The IRQL at which the value may be dropped and memory freed.
///
/// # Safety
/// `this` points to a face of a live object, and one reference on it belongs to the caller.
pub unsafe extern "efiapi" fn release<T: Class<N>, const N: usize>(this: *mut c_void) -> u32 {
    // SAFETY: a live object, says the caller; the last one to leave owns it alone.
    unsafe {
        let object = Object::<T, N>::of(this);
        let left = (*object).references.fetch_sub(1, Ordering::Release) - 1;
        if left == 0 {
            fence(Ordering::Acquire);
            core::ptr::drop_in_place(object);
            T::Memory::free(
                NonNull::new_unchecked(object.cast()),
                Object::<T, N>::LAYOUT,
            );
        }
        left
    }
}

#[cfg(test)]
mod tests;
