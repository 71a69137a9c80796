//! Non-paged pool whose exhaustion is a status and not a panic.

use alloc::vec::Vec;
use core::alloc::Layout;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use waverig_portcls::NTSTATUS;
use waverig_portcls::com::Memory;
use waverig_portcls::status::STATUS_INSUFFICIENT_RESOURCES;
use wdk_sys::POOL_FLAG_NON_PAGED;
use wdk_sys::ntddk::{ExAllocatePool2, ExFreePoolWithTag};

/// Shows as `WvRg` in pool listings.
const TAG: u32 = u32::from_le_bytes(*b"WvRg");

/// What the pool aligns to: `MEMORY_ALLOCATION_ALIGNMENT` (wdm.h).
const ALIGNMENT: usize = 16;

/// Where COM objects live. IRQL ≤ DISPATCH_LEVEL.
pub(crate) struct Pool;

impl Memory for Pool {
    fn allocate(layout: Layout) -> Option<NonNull<u8>> {
        if layout.align() > ALIGNMENT {
            return None;
        }
        // SAFETY: any size may be asked for; NULL is looked at.
        NonNull::new(
            unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, layout.size() as u64, TAG) }.cast(),
        )
    }

    unsafe fn free(place: NonNull<u8>, _: Layout) {
        // SAFETY: the block came from `allocate` with this tag, says the trait.
        unsafe { ExFreePoolWithTag(place.as_ptr().cast(), TAG) };
    }
}

/// An owned value in non-paged pool. `None` of it is a null pointer.
#[repr(transparent)]
pub(crate) struct PoolBox<T>(NonNull<T>);

// SAFETY: the box owns its value.
unsafe impl<T: Send> Send for PoolBox<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for PoolBox<T> {}

impl<T> PoolBox<T> {
    /// Moves the value into the pool. IRQL ≤ DISPATCH_LEVEL.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`; the value is dropped.
    pub(crate) fn new(value: T) -> Result<Self, NTSTATUS> {
        let place = Pool::allocate(Layout::new::<T>())
            .ok_or(STATUS_INSUFFICIENT_RESOURCES)?
            .cast::<T>();
        // SAFETY: the place is fresh, large enough and aligned.
        unsafe { place.write(value) };
        Ok(Self(place))
    }
}

impl<T> Deref for PoolBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the box owns a live value.
        unsafe { self.0.as_ref() }
    }
}

impl<T> DerefMut for PoolBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the box owns a live value.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for PoolBox<T> {
    fn drop(&mut self) {
        // SAFETY: the box owns the value and the block it came with.
        unsafe {
            self.0.drop_in_place();
            Pool::free(self.0.cast(), Layout::new::<T>());
        }
    }
}

/// `len` zeros. IRQL ≤ DISPATCH_LEVEL.
///
/// # Errors
/// `STATUS_INSUFFICIENT_RESOURCES`.
pub(crate) fn zeros<T: Clone + Default>(len: usize) -> Result<Vec<T>, NTSTATUS> {
    let mut zeros = Vec::new();
    zeros
        .try_reserve_exact(len)
        .map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
    zeros.resize(len, T::default());
    Ok(zeros)
}
