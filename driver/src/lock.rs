//! A spin lock that owns what it guards. The order of locks is in the crate's documentation.

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use wdk_sys::ntddk::{KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock};
use wdk_sys::{KIRQL, KSPIN_LOCK};

/// A value behind a spin lock. Memory of zeros is a free lock around a value of zeros.
#[repr(C)]
pub(crate) struct SpinLock<T> {
    lock: UnsafeCell<KSPIN_LOCK>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by one processor at a time, under the lock.
unsafe impl<T: Send> Send for SpinLock<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// A free lock. (`KeInitializeSpinLock` is inline in wdm.h and sets the lock to 0.)
    pub(crate) const fn new(value: T) -> Self {
        Self {
            lock: UnsafeCell::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the lock and raises to DISPATCH_LEVEL until the guard is dropped. IRQL ≤ DISPATCH_LEVEL.
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        // SAFETY: a lock in non-paged memory, initialised.
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        Guard {
            lock: self,
            irql,
            _stays_here: PhantomData,
        }
    }
}

/// The right to use the value; dropping it releases the lock and restores the IRQL.
pub(crate) struct Guard<'a, T> {
    lock: &'a SpinLock<T>,
    irql: KIRQL,
    /// A spin lock is released by the processor that took it.
    _stays_here: PhantomData<*mut ()>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held, by this guard alone.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: this guard took the lock at this IRQL.
        unsafe { KeReleaseSpinLock(self.lock.lock.get(), self.irql) };
    }
}
