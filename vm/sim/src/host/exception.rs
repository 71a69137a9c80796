//! The way from a fault of the driver's code to the routine that looks for a handler: the host's handler leaves what it saw on the stack
//! of the code that faulted, and sends the thread to [`entry`] there, in ordinary code again.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Fault, FaultKind, RSP, memory};

/// Called in the host's handler with the place of a fault: whether [`OnException`] shall look at it. Must only touch registers, code bytes
/// and plain memory of this thread.
pub type MayHandle = fn(usize) -> bool;
/// Called in ordinary code, on the stack of the code that faulted, with the fault, the xmm registers and mxcsr.
pub type OnException = fn(&Fault, [u128; 16], u32) -> !;

static MAY_HANDLE: AtomicUsize = AtomicUsize::new(0);
static ON_EXCEPTION: AtomicUsize = AtomicUsize::new(0);

/// Bytes below rsp that are left alone when a driver is interrupted.
const BELOW: usize = 512;
/// A fault so close below rsp, or above it, in a stack's guard is one of a stack that is used up.
const NEAR: usize = 64 * 1024;

/// From now on faults at places that `may_handle` picks go to `on_exception`.
pub fn set_on_exception(may_handle: MayHandle, on_exception: OnException) {
    ON_EXCEPTION.store(on_exception as usize, Ordering::SeqCst);
    MAY_HANDLE.store(may_handle as usize, Ordering::SeqCst);
}

/// What lies on the stack of the code that faulted.
#[repr(C, align(16))]
pub(super) struct Interrupted {
    pub(super) fault: Fault,
    pub(super) xmm: [u128; 16],
    pub(super) mxcsr: u32,
}

/// Whether the exception routine is to look at a fault. There must be stack left for it.
pub(super) fn is_wanted(fault: &Fault) -> bool {
    let may_handle = MAY_HANDLE.load(Ordering::SeqCst);
    if may_handle == 0 {
        return false;
    }
    // SAFETY: `set_on_exception` stored a function of this type.
    let may_handle: MayHandle = unsafe { mem::transmute(may_handle) };
    let stack = fault.registers.general[RSP] as usize;
    let exhausted = matches!(fault.kind, FaultKind::Memory { address, .. }
        if address != 0 && address.abs_diff(stack) < NEAR && memory::is_stack_guard(address));
    !exhausted && may_handle(fault.registers.rip as usize)
}

impl Interrupted {
    /// Puts it below what the code that faulted has on its stack; gives the address, a multiple of 64, that is the argument of [`entry`].
    pub(super) fn leave(self) -> usize {
        let stack = self.fault.registers.general[RSP] as usize;
        let place = (stack - BELOW - size_of::<Self>()) & !63;
        // SAFETY: the code that faulted runs on this stack, which goes on below; code for Windows keeps nothing there.
        unsafe { (place as *mut Self).write(self) };
        place
    }
}

/// Where the handler sends the thread: ordinary code.
pub(super) extern "C" fn entry(interrupted: *const Interrupted) -> ! {
    // SAFETY: the handler has just written it; `set_on_exception` stored a function of this type.
    let (interrupted, on_exception) = unsafe {
        (
            &*interrupted,
            mem::transmute::<usize, OnException>(ON_EXCEPTION.load(Ordering::SeqCst)),
        )
    };
    on_exception(&interrupted.fault, interrupted.xmm, interrupted.mxcsr)
}
