//! Cancel-safe queues: the driver keeps the list, the kernel handles the races with cancellation.

use std::ffi::c_void;

use super::{mark_pending, release_cancel_lock};
use crate::call;
use crate::imports::{Levels, export, nt_rows};
use crate::nt::irql::Irql;
use crate::nt::layout::{CancelRoutine, DeviceObject, IoCsq, IoCsqContext, Irp};
use crate::nt::status::{NtStatus, STATUS_SUCCESS};

// Kinds (IO_TYPE_CSQ…, wdm.h).
const CSQ: u32 = 1;
const CONTEXT: u32 = 2;
const CSQ_EX: u32 = 3;

type Insert = unsafe extern "win64" fn(*mut IoCsq, *mut Irp);
type InsertEx = unsafe extern "win64" fn(*mut IoCsq, *mut Irp, *mut c_void) -> NtStatus;

/// Callbacks of a queue, in the order of IoCsqInitialize.
#[repr(C)]
struct Callbacks {
    insert: usize,
    remove: usize,
}

fn lock(csq: *mut IoCsq) -> Irql {
    let mut level = Irql::PASSIVE;
    // SAFETY: the queue was initialised with the driver's callbacks; a bad address faults into a report.
    unsafe {
        call::driver_unbalanced("CsqAcquireLock", (*csq).acquire_lock, (csq, &raw mut level))
    };
    level
}

fn unlock(csq: *mut IoCsq, level: Irql) {
    // SAFETY: as for `lock`.
    unsafe { call::driver_unbalanced("CsqReleaseLock", (*csq).release_lock, (csq, level)) };
}

fn remove(csq: *mut IoCsq, irp: *mut Irp) {
    // SAFETY: as for `lock`; the IRP is in the queue.
    unsafe {
        call::driver("CsqRemoveIrp", (*csq).remove, (csq, irp));
        let context = (*irp).driver_context[3].cast::<IoCsqContext>();
        if !context.is_null() && (*context).kind == CONTEXT {
            (*context).irp = std::ptr::null_mut();
        }
        (*irp).driver_context[3] = std::ptr::null_mut();
    }
}

/// The queue of an IRP, which the IRP's last context word leads to.
fn queue_of(irp: *mut Irp) -> *mut IoCsq {
    // SAFETY: the word was set by `insert`; the first member of both structures tells which one it is.
    unsafe {
        let context = (*irp).driver_context[3].cast::<IoCsqContext>();
        if (*context).kind == CONTEXT {
            (*context).csq
        } else {
            context.cast()
        }
    }
}

unsafe extern "win64" fn cancel_routine(_device: *mut DeviceObject, irp: *mut Irp) {
    // SAFETY: called by `irp::cancel` with the lock held and an IRP that is in a queue.
    unsafe {
        release_cancel_lock((*irp).cancel_irql);
        let csq = queue_of(irp);
        let level = lock(csq);
        remove(csq, irp);
        unlock(csq, level);
        call::driver(
            "CsqCompleteCanceledIrp",
            (*csq).complete_canceled,
            (csq, irp),
        );
    }
}

fn exchange(irp: *mut Irp, set: bool) -> bool {
    // SAFETY: a live IRP; a bad address faults into a report. The thunk leads to a function of this type.
    unsafe {
        let routine = set.then(|| {
            let address = export(
                "IopCsqCancelRoutine",
                cancel_routine as *const (),
                Levels::AT_DISPATCH,
                "wdm/nc-wdm-driver_cancel",
            );
            std::mem::transmute::<*const (), CancelRoutine>(address)
        });
        std::mem::replace(&mut (*irp).cancel_routine, routine).is_some()
    }
}

#[allow(clippy::too_many_arguments, reason = "the routine's own parameters")]
fn initialize(
    csq: *mut IoCsq,
    kind: u32,
    callbacks: &Callbacks,
    peek: usize,
    acquire: usize,
    release: usize,
    complete: usize,
) -> NtStatus {
    let words = [
        u64::from(kind) as usize,
        callbacks.insert,
        callbacks.remove,
        peek,
        acquire,
        release,
        complete,
        0,
    ];
    // SAFETY: the driver's memory for an IO_CSQ of eight words; a bad address faults into a report.
    unsafe { csq.cast::<[usize; 8]>().write_unaligned(words) };
    STATUS_SUCCESS
}

pub(super) extern "win64" fn io_csq_initialize(
    csq: *mut IoCsq,
    insert: usize,
    remove: usize,
    peek: usize,
    acquire: usize,
    release: usize,
    complete: usize,
) -> NtStatus {
    initialize(
        csq,
        CSQ,
        &Callbacks { insert, remove },
        peek,
        acquire,
        release,
        complete,
    )
}

extern "win64" fn io_csq_initialize_ex(
    csq: *mut IoCsq,
    insert: usize,
    remove: usize,
    peek: usize,
    acquire: usize,
    release: usize,
    complete: usize,
) -> NtStatus {
    initialize(
        csq,
        CSQ_EX,
        &Callbacks { insert, remove },
        peek,
        acquire,
        release,
        complete,
    )
}

extern "win64" fn io_csq_insert_irp_ex(
    csq: *mut IoCsq,
    irp: *mut Irp,
    context: *mut IoCsqContext,
    insert_context: *mut c_void,
) -> NtStatus {
    // SAFETY: the driver's queue, IRP and context; bad addresses fault into a report.
    unsafe {
        if context.is_null() {
            (*irp).driver_context[3] = csq.cast();
        } else {
            context.write_unaligned(IoCsqContext {
                kind: CONTEXT,
                irp,
                csq,
            });
            (*irp).driver_context[3] = context.cast();
        }
        let level = lock(csq);
        mark_pending(irp);
        let status = if (*csq).kind == CSQ_EX {
            let insert = std::mem::transmute::<usize, InsertEx>((*csq).insert);
            call::driver("CsqInsertIrpEx", insert, (csq, irp, insert_context))
        } else {
            let insert = std::mem::transmute::<usize, Insert>((*csq).insert);
            call::driver("CsqInsertIrp", insert, (csq, irp));
            STATUS_SUCCESS
        };
        if !status.is_ok() {
            unlock(csq, level);
            return status;
        }
        exchange(irp, true);
        // Cancelled before the routine was set: nobody else will call it.
        if (*irp).cancel != 0 && exchange(irp, false) {
            remove(csq, irp);
            unlock(csq, level);
            call::driver(
                "CsqCompleteCanceledIrp",
                (*csq).complete_canceled,
                (csq, irp),
            );
        } else {
            unlock(csq, level);
        }
        status
    }
}

pub(super) extern "win64" fn io_csq_insert_irp(
    csq: *mut IoCsq,
    irp: *mut Irp,
    context: *mut IoCsqContext,
) {
    io_csq_insert_irp_ex(csq, irp, context, std::ptr::null_mut());
}

pub(super) extern "win64" fn io_csq_remove_next_irp(
    csq: *mut IoCsq,
    peek_context: *mut c_void,
) -> *mut Irp {
    let level = lock(csq);
    let mut irp = std::ptr::null_mut();
    loop {
        // SAFETY: the driver's queue and callback; a bad address faults into a report.
        irp = unsafe { call::driver("CsqPeekNextIrp", (*csq).peek_next, (csq, irp, peek_context)) };
        if irp.is_null() {
            break;
        }
        // An IRP whose cancel routine is gone belongs to the cancellation that runs.
        if exchange(irp, false) {
            remove(csq, irp);
            break;
        }
    }
    unlock(csq, level);
    irp
}

extern "win64" fn io_csq_remove_irp(csq: *mut IoCsq, context: *mut IoCsqContext) -> *mut Irp {
    let level = lock(csq);
    // SAFETY: the driver's context; a bad address faults into a report.
    let mut irp = unsafe { (*context).irp };
    if !irp.is_null() {
        if exchange(irp, false) {
            remove(csq, irp);
        } else {
            irp = std::ptr::null_mut();
        }
    }
    unlock(csq, level);
    irp
}

nt_rows! {
    "IoCsqInitialize"    io_csq_initialize      ANY      "wdm/nf-wdm-iocsqinitialize";
    "IoCsqInitializeEx"  io_csq_initialize_ex   ANY      "wdm/nf-wdm-iocsqinitializeex";
    "IoCsqInsertIrp"     io_csq_insert_irp      DISPATCH "wdm/nf-wdm-iocsqinsertirp";
    "IoCsqInsertIrpEx"   io_csq_insert_irp_ex   DISPATCH "wdm/nf-wdm-iocsqinsertirpex";
    "IoCsqRemoveIrp"     io_csq_remove_irp      DISPATCH "wdm/nf-wdm-iocsqremoveirp";
    "IoCsqRemoveNextIrp" io_csq_remove_next_irp DISPATCH "wdm/nf-wdm-iocsqremovenextirp";
}
