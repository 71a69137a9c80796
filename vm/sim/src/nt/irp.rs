//! I/O request packets: sent down a device stack, completed on the way up, each exactly once.

mod by_driver;
mod cancel;
mod complete;
pub(crate) mod csq;
mod rows;
mod send;

use std::cell::RefCell;

use crate::address::ByAddress;
use crate::finding;
use crate::imports::call_site;
use crate::kernel::kernel;
use crate::nt::layout::{DeviceObject, IoStackLocation, IoStatus, Irp, KSpinLockWord, ListEntry};
use crate::nt::pool::{self, Owner};
use crate::nt::status::NtStatus;
use crate::rules;

pub use cancel::cancel;
pub(crate) use cancel::{acquire_cancel_lock, begin_cancel, end_cancel, release_cancel_lock};
pub use complete::{complete, finish};
pub(crate) use rows::IMPORTS;
pub use send::{call_driver, dispatch};

/// Kind of an IRP (IO_TYPE_IRP, wdm.h).
const IRP_OBJECT: i16 = 6;
/// The location's IRP was marked pending (SL_PENDING_RETURNED).
pub const SL_PENDING: u8 = 0x01;
/// Tag of IRPs.
const TAG: [u8; 4] = *b"Irp ";

// IRP major function codes (wdm.h).
/// IRP_MJ_CREATE.
pub const MJ_CREATE: u8 = 0x00;
/// IRP_MJ_CLOSE.
pub const MJ_CLOSE: u8 = 0x02;
/// IRP_MJ_READ.
pub const MJ_READ: u8 = 0x03;
/// IRP_MJ_WRITE.
pub const MJ_WRITE: u8 = 0x04;
/// IRP_MJ_DEVICE_CONTROL.
pub const MJ_DEVICE_CONTROL: u8 = 0x0e;
/// IRP_MJ_CLEANUP.
pub const MJ_CLEANUP: u8 = 0x12;
/// IRP_MJ_POWER.
pub const MJ_POWER: u8 = 0x16;
/// IRP_MJ_SYSTEM_CONTROL.
pub const MJ_SYSTEM_CONTROL: u8 = 0x17;
/// IRP_MJ_PNP.
pub const MJ_PNP: u8 = 0x1b;

type OnDone = Box<dyn FnOnce(IoStatus)>;

/// What the kernel knows of a live IRP.
struct Record {
    owner: Owner,
    /// The packet was completed and has not come back to whoever made it.
    completed: bool,
    /// What happens at the end, for the kernel's own.
    on_done: Option<OnDone>,
    site: Option<usize>,
    /// The lowest stack location that a driver has had.
    lowest: i8,
}

/// A dispatch routine that runs now, and what became of its stack location meanwhile.
#[derive(Debug, Clone, Copy)]
struct Watch {
    irp: usize,
    location: i8,
    /// Its major and minor function.
    function: (u8, u8),
    /// Once it was completed: whether it was marked pending, and the status.
    completed: Option<(bool, NtStatus)>,
}

/// All IRPs.
#[derive(Default)]
pub(crate) struct IrpState {
    live: RefCell<ByAddress<Record>>,
    /// Of the processor that runs, innermost last, and of the one that does not.
    watches: RefCell<Vec<Watch>>,
    watches_elsewhere: RefCell<Vec<Watch>>,
    cancel_lock: KSpinLockWord,
}

impl std::fmt::Debug for IrpState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} IRPs", self.live.borrow().len())
    }
}

fn state() -> &'static IrpState {
    &kernel().nt.irps
}

/// Major and minor function of the request whose dispatch routine runs now, the innermost.
pub(crate) fn dispatching() -> Option<(u8, u8)> {
    state().watches.borrow().last().map(|watch| watch.function)
}

/// Runs `action` as if in the dispatch routine of such a request.
#[cfg(test)]
pub(crate) fn as_if_in<T>(function: (u8, u8), action: impl FnOnce() -> T) -> T {
    state().watches.borrow_mut().push(Watch {
        irp: 0,
        location: 0,
        function,
        completed: None,
    });
    let result = action();
    state().watches.borrow_mut().pop();
    result
}

/// The other processor runs from now on.
pub(crate) fn exchange() {
    state().watches.swap(&state().watches_elsewhere);
}

/// Name of a major function code.
pub fn major_name(major: u8) -> &'static str {
    const NAMES: [&str; 28] = [
        "IRP_MJ_CREATE",
        "IRP_MJ_CREATE_NAMED_PIPE",
        "IRP_MJ_CLOSE",
        "IRP_MJ_READ",
        "IRP_MJ_WRITE",
        "IRP_MJ_QUERY_INFORMATION",
        "IRP_MJ_SET_INFORMATION",
        "IRP_MJ_QUERY_EA",
        "IRP_MJ_SET_EA",
        "IRP_MJ_FLUSH_BUFFERS",
        "IRP_MJ_QUERY_VOLUME_INFORMATION",
        "IRP_MJ_SET_VOLUME_INFORMATION",
        "IRP_MJ_DIRECTORY_CONTROL",
        "IRP_MJ_FILE_SYSTEM_CONTROL",
        "IRP_MJ_DEVICE_CONTROL",
        "IRP_MJ_INTERNAL_DEVICE_CONTROL",
        "IRP_MJ_SHUTDOWN",
        "IRP_MJ_LOCK_CONTROL",
        "IRP_MJ_CLEANUP",
        "IRP_MJ_CREATE_MAILSLOT",
        "IRP_MJ_QUERY_SECURITY",
        "IRP_MJ_SET_SECURITY",
        "IRP_MJ_POWER",
        "IRP_MJ_SYSTEM_CONTROL",
        "IRP_MJ_DEVICE_CHANGE",
        "IRP_MJ_QUERY_QUOTA",
        "IRP_MJ_SET_QUOTA",
        "IRP_MJ_PNP",
    ];
    NAMES
        .get(usize::from(major))
        .copied()
        .unwrap_or("an IRP of unknown kind")
}

/// Bytes of an IRP with this many stack locations.
fn size_of_irp(stack_size: i8) -> usize {
    size_of::<Irp>() + size_of::<IoStackLocation>() * usize::from(stack_size.unsigned_abs())
}

/// Makes an IRP; for the kernel's own, [`dispatch`] frees it at its end.
pub fn allocate(stack_size: i8, owner: Owner) -> *mut Irp {
    let irp: *mut Irp = pool::allocate(size_of_irp(stack_size), TAG, Owner::System).cast();
    initialize(irp, stack_size);
    let record = Record {
        owner,
        completed: false,
        on_done: None,
        site: call_site(),
        lowest: stack_size + 1,
    };
    state().live.borrow_mut().insert(irp as usize, record);
    irp
}

/// Puts an IRP into its first state.
fn initialize(irp: *mut Irp, stack_size: i8) {
    let size = size_of_irp(stack_size);
    // SAFETY: the block has room for the packet and its stack locations; for a driver's own a bad one faults.
    unsafe {
        irp.cast::<u8>().write_bytes(0, size);
        (*irp).kind = IRP_OBJECT;
        (*irp).size = u16::try_from(size).expect("at most 127 stack locations");
        (*irp).stack_count = stack_size;
        (*irp).current_location = stack_size + 1;
        (*irp).current_stack_location = irp
            .add(1)
            .cast::<IoStackLocation>()
            .add(usize::from(stack_size.unsigned_abs()));
        let head: *mut ListEntry = &raw mut (*irp).thread_list;
        (*irp).thread_list = ListEntry {
            flink: head,
            blink: head,
        };
    }
}

/// Frees an IRP.
pub fn free(irp: *mut Irp) {
    if state().live.borrow_mut().remove(&(irp as usize)).is_none() {
        finding::fatal(
            &rules::IRP_BAD,
            format!("IoFreeIrp with {irp:p}, which is no IRP or was freed"),
        );
    }
    pool::free(irp.cast());
}

/// The present stack location (`IoGetCurrentIrpStackLocation`).
pub fn current_stack(irp: *mut Irp) -> *mut IoStackLocation {
    // SAFETY: a live IRP; a bad address faults into a report.
    unsafe { (*irp).current_stack_location }
}

/// The stack location of the driver below (`IoGetNextIrpStackLocation`).
pub fn next_stack(irp: *mut Irp) -> *mut IoStackLocation {
    // SAFETY: the locations lie below each other in one block; a bad address faults into a report.
    unsafe { (*irp).current_stack_location.sub(1) }
}

/// Marks the present stack location pending (`IoMarkIrpPending`).
pub fn mark_pending(irp: *mut Irp) {
    // SAFETY: as for `current_stack`.
    unsafe { (*current_stack(irp)).control |= SL_PENDING };
}

/// Ends the run unless `irp` is one that lives.
fn check_live(irp: *mut Irp, what: &str) {
    if !state().live.borrow().contains_key(&(irp as usize)) {
        finding::fatal(
            &rules::IRP_BAD,
            format!("{what} with {irp:p}, which is no IRP or was completed or freed"),
        );
    }
}

/// Requests of programs that the driver of `device` has not completed: their kinds.
pub(crate) fn pended_on(device: *mut DeviceObject) -> Vec<&'static str> {
    let live = state().live.borrow();
    let mut pended: Vec<(usize, &'static str)> = live
        .iter()
        .filter(|(_, record)| record.owner == Owner::System && !record.completed)
        .filter_map(|(irp, _)| {
            let request = *irp as *mut Irp;
            // SAFETY: IRPs of the table are allocated; the location is that of the driver that has it.
            let stack = unsafe {
                if (*request).current_location > (*request).stack_count {
                    return None;
                }
                *current_stack(request)
            };
            (stack.device_object == device && !stack.file_object.is_null())
                .then(|| (*irp, major_name(stack.major_function)))
        })
        .collect();
    pended.sort_unstable();
    pended.into_iter().map(|(_, name)| name).collect()
}

/// Whether the processor that does not run is sending a request.
pub(crate) fn is_dispatching_elsewhere() -> bool {
    !state().watches_elsewhere.borrow().is_empty()
}

/// Whether an IRP lives and was not completed.
fn is_with_driver(irp: *mut Irp) -> bool {
    let live = state().live.borrow();
    live.get(&(irp as usize))
        .is_some_and(|record| !record.completed)
}

/// Reports IRPs that were never completed, and IRPs of the driver that it did not free.
pub(crate) fn check_lost() {
    let live = state().live.borrow();
    let left: Vec<_> = live
        .iter()
        .map(|(irp, record)| (*irp, record.owner, record.site))
        .collect();
    drop(live);
    for (irp, owner, site) in left {
        let irp = irp as *mut Irp;
        // SAFETY: IRPs of the table are allocated; the location is that of the driver that has it, if any does.
        let what = unsafe {
            if (*irp).current_location <= (*irp).stack_count {
                major_name((*current_stack(irp)).major_function)
            } else {
                "an IRP"
            }
        };
        let text = match owner {
            Owner::System => format!("{what} at {irp:p} was never completed"),
            Owner::Driver => format!("{what} at {irp:p}, allocated by the driver, was not freed"),
        };
        finding::raise_at(&rules::IRP_LOST, text, site);
    }
}

#[cfg(test)]
mod tests;
