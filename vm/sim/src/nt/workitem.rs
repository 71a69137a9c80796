//! Work items: routines that run at PASSIVE_LEVEL when the machine next waits.

use std::cell::RefCell;
use std::ffi::c_void;

use crate::address::ByAddress;
use crate::call;
use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::layout::DeviceObject;
use crate::nt::pool::{self, Owner};
use crate::rules;
use crate::sched;

/// Size of what the driver gets; opaque to it.
const SIZE: usize = 0x58;

type Routine = unsafe extern "win64" fn(*mut DeviceObject, *mut c_void);
type RoutineEx = unsafe extern "win64" fn(*mut c_void, *mut c_void, usize);

#[derive(Debug, Clone, Copy)]
struct Item {
    device: *mut c_void,
    queued: bool,
}

/// Work items by address.
#[derive(Debug, Default)]
pub(crate) struct WorkState {
    items: RefCell<ByAddress<Item>>,
}

fn items() -> &'static RefCell<ByAddress<Item>> {
    &kernel().nt.work.items
}

/// Reports items that the driver did not free.
pub(crate) fn check_leaks() {
    let mut left: Vec<(usize, bool)> = items()
        .borrow()
        .iter()
        .map(|(item, state)| (*item, state.queued))
        .collect();
    left.sort_unstable();
    for (item, queued) in left {
        let state = if queued { "queued" } else { "not freed" };
        finding::raise(
            &rules::WORK_ITEM_LEAK,
            format!("the work item at {item:#x} is {state} at unload"),
        );
    }
}

/// Marks an item queued and gives its device; a finding when it is queued already.
fn enqueue(item: usize, what: &str) -> Option<*mut c_void> {
    let found = items().borrow().get(&item).copied();
    match found {
        None => finding::fatal(
            &rules::BAD_ARGUMENT_FATAL,
            format!("{what} with {item:#x}, which is no work item or was freed"),
        ),
        Some(Item { queued: true, .. }) => {
            finding::raise(
                &rules::BAD_ARGUMENT,
                format!("{what} with {item:#x}, which is queued"),
            );
            None
        }
        Some(Item { device, .. }) => {
            items().borrow_mut().insert(
                item,
                Item {
                    device,
                    queued: true,
                },
            );
            Some(device)
        }
    }
}

fn dequeue(item: usize) {
    if let Some(item) = items().borrow_mut().get_mut(&item) {
        item.queued = false;
    }
}

extern "win64" fn io_allocate_work_item(device: *mut c_void) -> usize {
    let item = pool::allocate(SIZE, *b"Work", Owner::System) as usize;
    items().borrow_mut().insert(
        item,
        Item {
            device,
            queued: false,
        },
    );
    item
}

extern "win64" fn io_queue_work_item(
    item: usize,
    routine: Routine,
    _queue: i32,
    context: *mut c_void,
) {
    if let Some(device) = enqueue(item, "IoQueueWorkItem") {
        sched::soon("work item", move || {
            dequeue(item);
            // SAFETY: the routine is the one that the driver gave for this item.
            unsafe {
                call::driver(
                    "work item",
                    routine,
                    (device.cast::<DeviceObject>(), context),
                )
            };
        });
    }
}

extern "win64" fn io_queue_work_item_ex(
    item: usize,
    routine: RoutineEx,
    _queue: i32,
    context: *mut c_void,
) {
    if let Some(device) = enqueue(item, "IoQueueWorkItemEx") {
        sched::soon("work item", move || {
            dequeue(item);
            // SAFETY: the routine is the one that the driver gave for this item.
            unsafe { call::driver("work item", routine, (device, context, item)) };
        });
    }
}

extern "win64" fn io_free_work_item(item: usize) {
    match items().borrow_mut().remove(&item) {
        Some(Item { queued, .. }) => {
            if queued {
                finding::fatal(
                    &rules::BAD_ARGUMENT_FATAL,
                    format!("the work item at {item:#x} is freed while queued"),
                );
            }
            pool::free(item as *mut u8);
        }
        None => finding::fatal(
            &rules::BAD_ARGUMENT_FATAL,
            format!("IoFreeWorkItem with {item:#x}, which is no work item or was freed"),
        ),
    }
}

nt_rows! {
    "IoAllocateWorkItem" io_allocate_work_item DISPATCH "wdm/nf-wdm-ioallocateworkitem";
    "IoQueueWorkItem"    io_queue_work_item    DISPATCH "wdm/nf-wdm-ioqueueworkitem";
    "IoQueueWorkItemEx"  io_queue_work_item_ex DISPATCH "wdm/nf-wdm-ioqueueworkitemex";
    "IoFreeWorkItem"     io_free_work_item     DISPATCH "wdm/nf-wdm-iofreeworkitem";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use std::cell::Cell;

    thread_local! {
        static RAN: Cell<usize> = const { Cell::new(0) };
    }

    unsafe extern "win64" fn note(_device: *mut DeviceObject, context: *mut c_void) {
        RAN.set(context as usize);
    }

    #[test]
    fn an_item_runs_once_it_may_and_can_be_queued_again() {
        let machine = Kernel::boot(Options::default());
        let item = io_allocate_work_item(std::ptr::null_mut());
        io_queue_work_item(item, note, 1, 5 as *mut c_void);
        io_queue_work_item(item, note, 1, 6 as *mut c_void);
        assert!(machine.findings.has(&rules::BAD_ARGUMENT));
        assert_eq!(RAN.get(), 0);
        sched::settle();
        assert_eq!(RAN.get(), 5);
        io_queue_work_item(item, note, 1, 7 as *mut c_void);
        sched::settle();
        assert_eq!(RAN.get(), 7);
        io_free_work_item(item);
    }
}
