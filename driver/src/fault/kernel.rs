//! Faults in how the kernel's services are used. Each breaks one rule that documentation states; the simulator's rule of that name
//! must find it.

use super::{Deliberate, is};
use crate::lock::{Guard, SpinLock};
use crate::pool::PoolBox;
use core::ffi::c_void;
use core::mem::{forget, zeroed};
use core::ptr::null_mut;
use wdk_sys::_EVENT_TYPE::NotificationEvent;
use wdk_sys::_KWAIT_REASON::Executive;
use wdk_sys::_MODE::{KernelMode, UserMode};
use wdk_sys::ntddk::{
    ExAllocatePool2, ExFreePoolWithTag, IoAllocateMdl, IoAllocateWorkItem, IoFreeMdl,
    KeAcquireSpinLockRaiseToDpc, KeDelayExecutionThread, KeEnterCriticalRegion, KeFlushQueuedDpcs,
    KeInitializeEvent, KeInsertQueueDpc, KeLowerIrql, KeReleaseSpinLock, KeStallExecutionProcessor,
    KeWaitForSingleObject, MmBuildMdlForNonPagedPool, MmUnmapLockedPages,
};
use wdk_sys::{
    KDPC, KEVENT, KSPIN_LOCK, LARGE_INTEGER, PASSIVE_LEVEL, POOL_FLAG_NON_PAGED,
    POOL_FLAG_NON_PAGED_EXECUTE, POOL_FLAG_PAGED,
};

const TAG: u32 = u32::from_le_bytes(*b"WvRg");
/// Bytes of an allocation.
const BYTES: usize = 64;

/// 64 bytes of pool.
fn block() -> *mut u8 {
    // SAFETY: any size may be asked for.
    unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, BYTES as u64, TAG) }.cast()
}

/// When a stream was stopped. PASSIVE_LEVEL, no lock held.
pub(crate) fn at_stop() {
    if is(Deliberate::LeakPool) {
        forget(PoolBox::new([0u8; BYTES]));
    }
    // SAFETY: none, on purpose, here and below.
    unsafe {
        pool();
        locks();
        objects();
        processor();
    }
}

/// In the timer's callback. DISPATCH_LEVEL, no lock held.
pub(crate) fn in_timer() {
    // SAFETY: none, on purpose.
    unsafe {
        if is(Deliberate::WaitAtDispatch) {
            let mut interval: LARGE_INTEGER = zeroed();
            interval.QuadPart = -10_000;
            let _ = KeDelayExecutionThread(KernelMode as i8, 0, &mut interval);
        }
        if is(Deliberate::PagedAtDispatch) {
            let block = ExAllocatePool2(POOL_FLAG_PAGED, BYTES as u64, TAG);
            ExFreePoolWithTag(block, TAG);
        }
        if is(Deliberate::PassiveAtDispatch) {
            KeFlushQueuedDpcs();
        }
        if is(Deliberate::LowerIrql) {
            KeLowerIrql(PASSIVE_LEVEL as u8);
        }
        if is(Deliberate::LongCallback) {
            for _ in 0..5 {
                KeStallExecutionProcessor(40);
            }
        }
        #[cfg(target_arch = "x86_64")]
        if is(Deliberate::KeepRounding) {
            // Round towards zero.
            let control = 0x7F80_u32;
            core::arch::asm!("ldmxcsr [{}]", in(reg) &raw const control);
        }
        #[cfg(target_arch = "x86_64")]
        if is(Deliberate::KeepDirection) {
            core::arch::asm!("std");
        }
    }
}

unsafe fn pool() {
    // SAFETY: none, on purpose.
    unsafe {
        if is(Deliberate::DoubleFree) {
            let block = block().cast();
            ExFreePoolWithTag(block, TAG);
            ExFreePoolWithTag(block, TAG);
        }
        if is(Deliberate::WrongTag) {
            ExFreePoolWithTag(block().cast(), !TAG);
        }
        if is(Deliberate::FreeInside) {
            ExFreePoolWithTag(block().add(16).cast(), TAG);
        }
        if is(Deliberate::Overrun) {
            let block = block();
            block.add(BYTES).write_volatile(1);
            ExFreePoolWithTag(block.cast(), TAG);
        }
        if is(Deliberate::Underrun) {
            let block = block();
            block.sub(1).write_volatile(1);
            ExFreePoolWithTag(block.cast(), TAG);
        }
        if is(Deliberate::UseAfterFree) {
            let block = block();
            ExFreePoolWithTag(block.cast(), TAG);
            block.write_volatile(1);
        }
        if is(Deliberate::ExecutablePool) {
            let block = ExAllocatePool2(POOL_FLAG_NON_PAGED_EXECUTE, BYTES as u64, TAG);
            ExFreePoolWithTag(block, TAG);
        }
        if is(Deliberate::ExecuteData) {
            let code: extern "C" fn() = core::mem::transmute(block());
            code();
        }
    }
}

/// A lock that outlives the routine.
static mut LASTING: [KSPIN_LOCK; 2] = [0; 2];

/// `complete-locked`: a lock that is held while a request is completed. IRQL ≤ DISPATCH_LEVEL.
pub(crate) fn lock_at_completion() -> Option<Guard<'static, ()>> {
    static LOCK: SpinLock<()> = SpinLock::new(());
    is(Deliberate::CompleteLocked).then(|| LOCK.lock())
}

unsafe fn locks() {
    let (mut first, mut second): (KSPIN_LOCK, KSPIN_LOCK) = (0, 0);
    // SAFETY: none, on purpose.
    unsafe {
        if is(Deliberate::DoubleAcquire) {
            KeAcquireSpinLockRaiseToDpc(&mut first);
            KeAcquireSpinLockRaiseToDpc(&mut first);
        }
        if is(Deliberate::KeepLock) {
            KeAcquireSpinLockRaiseToDpc(&mut first);
        }
        if is(Deliberate::ReleaseFree) {
            KeReleaseSpinLock(&mut first, PASSIVE_LEVEL as u8);
        }
        if is(Deliberate::InvertedLocks) {
            let [one, other] = [&raw mut LASTING[0], &raw mut LASTING[1]];
            for (outer, inner) in [(one, other), (other, one)] {
                let before = KeAcquireSpinLockRaiseToDpc(outer);
                let between = KeAcquireSpinLockRaiseToDpc(inner);
                KeReleaseSpinLock(inner, between);
                KeReleaseSpinLock(outer, before);
            }
        }
        if is(Deliberate::TouchPaged) {
            let block = ExAllocatePool2(POOL_FLAG_PAGED, BYTES as u64, TAG);
            let before = KeAcquireSpinLockRaiseToDpc(&mut first);
            block.cast::<u8>().write_volatile(1);
            KeReleaseSpinLock(&mut first, before);
            ExFreePoolWithTag(block, TAG);
        }
        if is(Deliberate::KeepRegion) {
            KeEnterCriticalRegion();
        }
        if is(Deliberate::CrossedLocks) {
            let outer = KeAcquireSpinLockRaiseToDpc(&mut first);
            let inner = KeAcquireSpinLockRaiseToDpc(&mut second);
            KeReleaseSpinLock(&mut first, outer);
            KeReleaseSpinLock(&mut second, inner);
        }
    }
}

unsafe fn objects() {
    // SAFETY: none, on purpose.
    unsafe {
        if is(Deliberate::WaitForever) {
            let mut event: KEVENT = zeroed();
            KeInitializeEvent(&mut event, NotificationEvent, 0);
            let object = (&raw mut event).cast::<c_void>();
            let _ = KeWaitForSingleObject(object, Executive, KernelMode as i8, 0, null_mut());
        }
        if is(Deliberate::UserWait) {
            let mut event: KEVENT = zeroed();
            KeInitializeEvent(&mut event, NotificationEvent, 1);
            let object = (&raw mut event).cast::<c_void>();
            let _ = KeWaitForSingleObject(object, Executive, UserMode as i8, 0, null_mut());
        }
        if is(Deliberate::KeepMdl) {
            let block = block();
            let mdl = IoAllocateMdl(block.cast(), BYTES as u32, 0, 0, null_mut());
            MmBuildMdlForNonPagedPool(mdl);
            ExFreePoolWithTag(block.cast(), TAG);
        }
        if is(Deliberate::KeepWorkItem) {
            IoAllocateWorkItem(null_mut());
        }
        if is(Deliberate::UninitialisedDpc) {
            let mut dpc: KDPC = zeroed();
            KeInsertQueueDpc(&mut dpc, null_mut(), null_mut());
        }
        if is(Deliberate::UnmapUnmapped) {
            let block = block();
            let mdl = IoAllocateMdl(block.cast(), BYTES as u32, 0, 0, null_mut());
            MmBuildMdlForNonPagedPool(mdl);
            MmUnmapLockedPages(block.cast(), mdl);
            IoFreeMdl(mdl);
            ExFreePoolWithTag(block.cast(), TAG);
        }
    }
}

unsafe fn processor() {
    if is(Deliberate::DeepStack) {
        deep(26);
    }
    // SAFETY: none, on purpose.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        if is(Deliberate::FastFail) {
            core::arch::asm!("int 0x29", in("ecx") 2);
        }
        if is(Deliberate::Breakpoint) {
            core::arch::asm!("int3");
        }
        if is(Deliberate::IllegalInstruction) {
            core::arch::asm!("ud2");
        }
        if is(Deliberate::DivideByZero) {
            core::arch::asm!("xor edx, edx", "xor ecx, ecx", "div ecx", out("eax") _, out("edx") _, out("ecx") _);
        }
    }
}

/// Each of these frames has a kilobyte and some; larger ones would ask for a stack probe, which nothing here links.
#[inline(never)]
fn deep(frames: u32) {
    let mut room = [0_u8; 1024];
    core::hint::black_box(&mut room);
    if let Some(left) = frames.checked_sub(1) {
        deep(left);
    } else {
        let block = block().cast();
        // SAFETY: the block is fresh.
        unsafe { ExFreePoolWithTag(block, TAG) };
    }
    core::hint::black_box(&mut room);
}
