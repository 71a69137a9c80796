//! Deferred procedure calls: queued once, run at DISPATCH_LEVEL as soon as the processor is below it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::c_void;

use crate::call;
use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::irql::{self, Irql};
use crate::nt::layout::{DpcRoutine, KDpc};
use crate::processor;
use crate::rules;

/// Kind of a DPC object (`KOBJECTS`, ntddk.h: DpcObject).
const DPC_OBJECT: u8 = 19;

/// Something to run at DISPATCH_LEVEL.
enum Queued {
    /// A driver's DPC.
    Dpc(*mut KDpc),
    /// The kernel's own work at that level: an expired timer.
    Kernel(Box<dyn FnOnce()>),
}

/// The queue of the processor that runs, and of the one that does not ("Organization of DPC Queues": each has its own, and a DPC is
/// queued on the processor that asks for it).
#[derive(Default)]
pub(crate) struct DpcState {
    queue: RefCell<VecDeque<Queued>>,
    /// Whether a DPC runs now: DPCs do not nest.
    running: Cell<bool>,
    queue_elsewhere: RefCell<VecDeque<Queued>>,
    running_elsewhere: Cell<bool>,
}

/// The other processor runs from now on.
pub(crate) fn exchange() {
    let state = &kernel().nt.dpcs;
    state.queue.swap(&state.queue_elsewhere);
    state.running.swap(&state.running_elsewhere);
}

impl std::fmt::Debug for DpcState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} DPCs queued", self.queue.borrow().len())
    }
}

/// Prepares a DPC object.
pub fn initialize(dpc: *mut KDpc, routine: Option<DpcRoutine>, context: *mut c_void) {
    // SAFETY: the caller passes memory for a KDPC; a bad address faults into a report.
    unsafe {
        std::ptr::write_bytes(dpc, 0, 1);
        (*dpc).kind = DPC_OBJECT;
        (*dpc).importance = 1;
        (*dpc).routine = routine;
        (*dpc).context = context;
    }
}

/// Queues a DPC; `false` when it is queued already. It runs at once when the processor is below DISPATCH_LEVEL.
pub fn insert(dpc: *mut KDpc, argument1: *mut c_void, argument2: *mut c_void) -> bool {
    // SAFETY: a queued DPC is memory of the driver; a bad address faults into a report.
    let object = unsafe { &mut *dpc };
    if object.kind != DPC_OBJECT {
        finding::raise(
            &rules::OBJECT_UNINITIALIZED,
            format!("the DPC at {dpc:p} was not initialised (KeInitializeDpc)"),
        );
    }
    if !object.data.is_null() {
        return false;
    }
    object.argument1 = argument1;
    object.argument2 = argument2;
    object.data = dpc.cast();
    kernel()
        .nt
        .dpcs
        .queue
        .borrow_mut()
        .push_back(Queued::Dpc(dpc));
    if irql::current() < Irql::DISPATCH {
        drain();
    }
    true
}

/// Takes a DPC out of the queue; `false` when it was not in it.
pub fn remove(dpc: *mut KDpc) -> bool {
    let state = &kernel().nt.dpcs;
    let take = |queue: &RefCell<VecDeque<Queued>>| {
        let mut queue = queue.borrow_mut();
        let before = queue.len();
        queue.retain(|queued| !matches!(queued, Queued::Dpc(known) if *known == dpc));
        queue.len() < before
    };
    if !take(&state.queue) && !take(&state.queue_elsewhere) {
        return false;
    }
    // SAFETY: a queued DPC is memory of the driver; a bad address faults into a report.
    unsafe { (*dpc).data = std::ptr::null_mut() };
    true
}

/// Queues work of the kernel that runs like a DPC.
pub(crate) fn insert_kernel(action: impl FnOnce() + 'static) {
    kernel()
        .nt
        .dpcs
        .queue
        .borrow_mut()
        .push_back(Queued::Kernel(Box::new(action)));
    if irql::current() < Irql::DISPATCH {
        drain();
    }
}

/// Runs queued DPCs; `false` when there was nothing to run or the processor is too high.
pub(crate) fn drain() -> bool {
    let state = &kernel().nt.dpcs;
    if state.running.get() || irql::current() >= Irql::DISPATCH {
        return false;
    }
    let mut ran = false;
    loop {
        let next = state.queue.borrow_mut().pop_front();
        let Some(queued) = next else { return ran };
        ran = true;
        state.running.set(true);
        let before = irql::current();
        irql::set(Irql::DISPATCH);
        match queued {
            Queued::Kernel(action) => action(),
            Queued::Dpc(dpc) => run(dpc),
        }
        irql::set(before);
        state.running.set(false);
    }
}

fn run(dpc: *mut KDpc) {
    // SAFETY: a queued DPC is memory of the driver; a bad address faults into a report.
    let (routine, context, argument1, argument2) = unsafe {
        (*dpc).data = std::ptr::null_mut();
        (
            (*dpc).routine,
            (*dpc).context,
            (*dpc).argument1,
            (*dpc).argument2,
        )
    };
    if let Some(routine) = routine {
        // SAFETY: the routine is the one that the driver gave for this DPC.
        unsafe { call::driver("DPC routine", routine, (dpc, context, argument1, argument2)) };
    }
}

/// DPCs in the queue whose object lies in this range of memory.
pub(crate) fn queued_in(start: usize, length: usize) -> usize {
    let state = &kernel().nt.dpcs;
    let (here, elsewhere) = (state.queue.borrow(), state.queue_elsewhere.borrow());
    let inside = |queued: &&Queued| matches!(queued, Queued::Dpc(dpc) if (start..start + length).contains(&(*dpc as usize)));
    here.iter().chain(elsewhere.iter()).filter(inside).count()
}

extern "win64" fn ke_initialize_dpc(
    dpc: *mut KDpc,
    routine: Option<DpcRoutine>,
    context: *mut c_void,
) {
    initialize(dpc, routine, context);
}

extern "win64" fn ke_insert_queue_dpc(
    dpc: *mut KDpc,
    argument1: *mut c_void,
    argument2: *mut c_void,
) -> bool {
    insert(dpc, argument1, argument2)
}

extern "win64" fn ke_remove_queue_dpc(dpc: *mut KDpc) -> bool {
    remove(dpc)
}

/// Returns when every DPC that was queued on any processor has run to its end.
extern "win64" fn ke_flush_queued_dpcs() {
    drain();
    processor::wait("KeFlushQueuedDpcs, for the other processor", || {
        let state = &kernel().nt.dpcs;
        !state.running_elsewhere.get() && state.queue_elsewhere.borrow().is_empty()
    });
}

extern "win64" fn ke_set_importance_dpc(dpc: *mut KDpc, importance: i32) {
    // SAFETY: memory of the driver; a bad address faults into a report.
    unsafe { (*dpc).importance = importance.to_le_bytes()[0] };
}

extern "win64" fn ke_set_target_processor_dpc(_dpc: *mut KDpc, number: i8) {
    if number != 0 {
        finding::raise(
            &rules::BAD_ARGUMENT,
            format!("KeSetTargetProcessorDpc names processor {number} of a machine with one"),
        );
    }
}

nt_rows! {
    "KeInitializeDpc"         ke_initialize_dpc           ANY     "wdm/nf-wdm-keinitializedpc";
    "KeInsertQueueDpc"        ke_insert_queue_dpc         ANY     "wdm/nf-wdm-keinsertqueuedpc";
    "KeRemoveQueueDpc"        ke_remove_queue_dpc         ANY     "wdm/nf-wdm-keremovequeuedpc";
    "KeFlushQueuedDpcs"       ke_flush_queued_dpcs        PASSIVE "wdm/nf-wdm-keflushqueueddpcs";
    "KeSetImportanceDpc"      ke_set_importance_dpc       ANY     "ntddk/nf-ntddk-kesetimportancedpc";
    "KeSetTargetProcessorDpc" ke_set_target_processor_dpc ANY     "ntddk/nf-ntddk-kesettargetprocessordpc";
}
