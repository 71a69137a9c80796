//! Requests, as far as the driver looks into them; the inline functions of wdm.h are spelled out here.

use crate::event::Event;
use crate::fault::{self, Deliberate};
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};
use waverig_engine::tap::share::{SharedMemory, Target};
use waverig_portcls::status::{STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING};
use wdk_sys::_MEMORY_CACHING_TYPE::MmCached;
use wdk_sys::_MODE::KernelMode;
use wdk_sys::ntddk::{IofCompleteRequest, MmMapLockedPagesSpecifyCache};
use wdk_sys::{
    DRIVER_CANCEL, IO_STACK_LOCATION, IRP, MDL_MAPPED_TO_SYSTEM_VA, MDL_SOURCE_IS_NONPAGED_POOL,
    NTSTATUS, PFILE_OBJECT, SL_PENDING_RETURNED,
};

/// `NormalPagePriority | MdlMappingNoExecute` (wdm.h); kits differ in the type of the first and not all have the second.
const MAPPING_PRIORITY: u32 = 16 | 0x4000_0000;

/// A request that this driver owns at the moment: it came from the I/O manager and was neither completed nor passed on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Irp(NonNull<IRP>);

// SAFETY: a request is handed from thread to thread; who owns it, uses it.
unsafe impl Send for Irp {}

impl Irp {
    /// # Safety
    /// `irp` is a request that the driver owns.
    pub(crate) unsafe fn new(irp: *mut IRP) -> Option<Self> {
        NonNull::new(irp).map(Self)
    }

    pub(crate) const fn as_ptr(self) -> *mut IRP {
        self.0.as_ptr()
    }

    /// The driver's stack location (`IoGetCurrentIrpStackLocation`).
    pub(crate) fn stack(&self) -> &IO_STACK_LOCATION {
        // SAFETY: a request that the driver owns has a current stack location, which lives as long.
        unsafe {
            &*(*self.as_ptr())
                .Tail
                .Overlay
                .__bindgen_anon_2
                .__bindgen_anon_1
                .CurrentStackLocation
        }
    }

    pub(crate) fn file(&self) -> PFILE_OBJECT {
        self.stack().FileObject
    }

    /// Completes the request. IRQL ≤ DISPATCH_LEVEL, no lock held. The request is not touched again.
    pub(crate) fn complete(self, status: NTSTATUS, information: usize) -> NTSTATUS {
        self.set_status(status, information);
        let locked = fault::lock_at_completion();
        // SAFETY: the driver owns the request and gives it up here.
        unsafe { IofCompleteRequest(self.as_ptr(), 0) };
        drop(locked);
        if fault::is(Deliberate::TouchCompleted) {
            // SAFETY: none, on purpose: the request is gone.
            unsafe { (&raw const (*self.as_ptr()).IoStatus.Information).read_volatile() };
        }
        status
    }

    fn set_status(self, mut status: NTSTATUS, mut information: usize) {
        if fault::is(Deliberate::LongAnswer) && information > 0 {
            information += 4096;
        }
        if fault::is(Deliberate::CompletePending) {
            status = STATUS_PENDING;
        }
        // SAFETY: the driver owns the request.
        unsafe {
            (*self.as_ptr()).IoStatus.__bindgen_anon_1.Status = status;
            (*self.as_ptr()).IoStatus.Information = information as u64;
        }
    }

    /// The request will be completed later (`IoMarkIrpPending`); the dispatch routine returns `STATUS_PENDING`.
    pub(crate) fn mark_pending(self) {
        if fault::is(Deliberate::UnmarkedPending) {
            return;
        }
        // SAFETY: as in `stack`; the location is the driver's to write.
        unsafe {
            let stack = (*self.as_ptr())
                .Tail
                .Overlay
                .__bindgen_anon_2
                .__bindgen_anon_1
                .CurrentStackLocation;
            (*stack).Control |= SL_PENDING_RETURNED as u8;
        }
    }

    /// Sets or takes back the cancel routine (`IoSetCancelRoutine`); `true` when there was one before.
    ///
    /// Taking it back makes the request uncancellable; when there was none any more, the routine is on its way and owns the
    /// request.
    pub(crate) fn set_cancel_routine(self, routine: DRIVER_CANCEL) -> bool {
        let new = routine.map_or(null_mut(), |routine| routine as *mut c_void);
        // SAFETY: the field is a pointer that the I/O manager, too, changes only by interlocked exchange.
        let field = unsafe {
            AtomicPtr::from_ptr((&raw mut (*self.as_ptr()).CancelRoutine).cast::<*mut c_void>())
        };
        !field.swap(new, Ordering::AcqRel).is_null()
    }

    /// Whether cancelling was asked for.
    pub(crate) fn is_cancelled(self) -> bool {
        // SAFETY: the driver owns the request; the flag changes under it.
        unsafe { (&raw const (*self.as_ptr()).Cancel).read_volatile() != 0 }
    }

    /// One of the words that belong to the request's owner (`Tail.Overlay.DriverContext`); `index` below 4.
    fn context<const INDEX: usize>(self) -> *mut *mut c_void {
        const { assert!(INDEX < 4) };
        // SAFETY: the words lie within the request.
        unsafe {
            let words = &raw mut (*self.as_ptr())
                .Tail
                .Overlay
                .__bindgen_anon_1
                .__bindgen_anon_1
                .DriverContext;
            words.cast::<*mut c_void>().add(INDEX)
        }
    }

    /// Leaves a pointer in the request for the cancel routine.
    pub(crate) fn set_owner(self, owner: *const c_void) {
        // SAFETY: the driver owns the request and this word of it.
        unsafe { *self.context::<0>() = owner.cast_mut() };
    }

    /// What [`Irp::set_owner`] left.
    pub(crate) fn owner(self) -> *const c_void {
        // SAFETY: as above.
        unsafe { *self.context::<0>() }
    }

    /// Input of a buffered or direct device control.
    pub(crate) fn input(&self) -> &[u8] {
        let (len, _) = self.control_lengths();
        // SAFETY: the I/O manager made the buffer at least as long as the input; the borrow keeps writers away.
        self.system_buffer().map_or(&[], |buffer| unsafe {
            core::slice::from_raw_parts(buffer.as_ptr(), len)
        })
    }

    /// Room for the output of a buffered device control; the input lies in the same place.
    pub(crate) fn output(&mut self) -> &mut [u8] {
        let (_, len) = self.control_lengths();
        // SAFETY: the I/O manager made the buffer at least as long as the output; the borrow keeps others away.
        self.system_buffer().map_or(&mut [], |buffer| unsafe {
            core::slice::from_raw_parts_mut(buffer.as_ptr(), len)
        })
    }

    fn system_buffer(&self) -> Option<NonNull<u8>> {
        // SAFETY: every bit pattern of the union is a pointer, and that of a device control is the buffer.
        NonNull::new(unsafe { (*self.as_ptr()).AssociatedIrp.SystemBuffer }.cast())
    }

    /// The control code of a device control.
    pub(crate) fn control_code(&self) -> u32 {
        // SAFETY: every bit pattern is a control code.
        unsafe { self.stack().Parameters.DeviceIoControl.IoControlCode }
    }

    /// Who sent the request: `KernelMode` or `UserMode`.
    pub(crate) fn requestor_mode(&self) -> i8 {
        // SAFETY: the driver owns the request.
        unsafe { (*self.as_ptr()).RequestorMode }
    }

    /// Bytes of input and output of a device control.
    fn control_lengths(&self) -> (usize, usize) {
        // SAFETY: every bit pattern is a length.
        let control = unsafe { &self.stack().Parameters.DeviceIoControl };
        (
            control.InputBufferLength as usize,
            control.OutputBufferLength as usize,
        )
    }

    /// The client's locked output pages of a direct device control, mapped (`MmGetSystemAddressForMdlSafe`). PASSIVE_LEVEL.
    /// The mapping goes away with the request.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES` when they cannot be mapped.
    pub(crate) fn direct_output(&self) -> Result<Output, NTSTATUS> {
        // SAFETY: the I/O manager locked the pages and described them; the MDL lives as long as the request.
        unsafe {
            let Some(mdl) = (*self.as_ptr()).MdlAddress.as_mut() else {
                return Ok(Output {
                    base: NonNull::dangling(),
                    len: 0,
                });
            };
            let mapped =
                mdl.MdlFlags as u32 & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) != 0;
            let base = if mapped {
                mdl.MappedSystemVa
            } else {
                MmMapLockedPagesSpecifyCache(
                    mdl,
                    KernelMode as i8,
                    MmCached,
                    null_mut(),
                    0,
                    MAPPING_PRIORITY as _,
                )
            };
            let base = NonNull::new(base.cast()).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
            let (_, output) = self.control_lengths();
            Ok(Output {
                base,
                len: output.min(mdl.ByteCount as usize),
            })
        }
    }
}

/// A client's output pages, mapped into the system. Valid until the request they came with is completed.
pub(crate) struct Output {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: system addresses are the same everywhere.
unsafe impl Send for Output {}

impl Output {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_aligned(&self, alignment: usize) -> bool {
        self.base.as_ptr().addr().is_multiple_of(alignment)
    }

    /// The bytes, to be written.
    ///
    /// # Safety
    /// The request is not completed before the result is gone.
    pub(crate) unsafe fn mapped(&mut self) -> Mapped<'_> {
        Mapped(self)
    }
}

/// Locked and mapped pages of a client's. User mode may read and change them at any time, so no Rust reference to them exists,
/// and nothing is read from them.
pub(crate) struct Mapped<'a>(&'a mut Output);

impl Mapped<'_> {
    /// The place for `len` bytes at `at`, if it is there.
    fn place(&self, at: usize, len: usize) -> Option<*mut u8> {
        let inside = at.checked_add(len).is_some_and(|end| end <= self.0.len);
        // SAFETY: the offset lies within the mapping.
        inside.then(|| unsafe { self.0.base.as_ptr().add(at) })
    }
}

impl Target for Mapped<'_> {
    fn room(&self) -> usize {
        self.0.len
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        let len = bytes.len().min(self.0.len.saturating_sub(at));
        if let Some(place) = self.place(at, len) {
            // SAFETY: the place has as many bytes, is mapped while the request lives, and overlaps nothing of the kernel's.
            unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), len) };
        }
    }
}

impl SharedMemory for Mapped<'_> {
    fn store(&mut self, at: usize, value: u64) {
        let place = self.place(at, size_of::<u64>()).map(<*mut u8>::cast::<u64>);
        if let Some(place) = place.filter(|place| place.is_aligned()) {
            fence(Ordering::Release);
            // SAFETY: the place is mapped and aligned; others reach it, if at all, by atomic loads or from user mode.
            unsafe { AtomicU64::from_ptr(place) }.store(value.to_le(), Ordering::Relaxed);
            fence(Ordering::Release);
        }
    }
}

/// Requests that are done, to be completed when no lock is held. In order.
#[derive(Default)]
pub(crate) struct Completions {
    first: Option<Irp>,
    last: Option<Irp>,
}

impl Completions {
    /// Adds a request that the driver owns and that cannot be cancelled any more.
    pub(crate) fn push(&mut self, irp: Irp, status: NTSTATUS, information: usize) {
        self.push_with(irp, status, information, None);
    }

    /// As [`Completions::push`], with an event that is let go of at the same time.
    pub(crate) fn push_with(
        &mut self,
        irp: Irp,
        status: NTSTATUS,
        information: usize,
        event: Option<Event>,
    ) {
        irp.set_status(status, information);
        // SAFETY: the driver owns these requests and their words.
        unsafe {
            *irp.context::<1>() = null_mut();
            *irp.context::<2>() = event.map_or(null_mut(), Event::into_raw);
            match self.last {
                Some(last) => *last.context::<1>() = irp.as_ptr().cast(),
                None => self.first = Some(irp),
            }
        }
        self.last = Some(irp);
    }

    /// Completes them. IRQL ≤ DISPATCH_LEVEL, no lock held.
    pub(crate) fn finish(self) {
        let mut next = self.first;
        while let Some(irp) = next {
            // SAFETY: the word was set by `push`; the request is read before it is given up.
            unsafe {
                next = Irp::new((*irp.context::<1>()).cast());
                drop(Event::from_raw(*irp.context::<2>()));
                IofCompleteRequest(irp.as_ptr(), 0);
                if fault::is(Deliberate::CompleteTwice) {
                    IofCompleteRequest(irp.as_ptr(), 0);
                }
            }
        }
    }
}
