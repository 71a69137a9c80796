//! WDFWORKITEM: a routine that runs at PASSIVE_LEVEL when the machine next waits.

use super::loader::Globals;
use super::object::{self, Attributes, Kind};
use super::wdf_rows;
use crate::call;
use crate::finding;
use crate::nt::status::{NtStatus, STATUS_INVALID_PARAMETER, STATUS_SUCCESS};
use crate::rules;
use crate::sched;

type Routine = unsafe extern "win64" fn(usize);

/// `WDF_WORKITEM_CONFIG`.
#[repr(C)]
struct Config {
    size: u32,
    routine: Option<Routine>,
    serialized: u8,
}

fn item(handle: usize, what: &str) -> (usize, bool) {
    let found = object::with(handle, what, |object| match object.kind {
        Kind::WorkItem { routine, queued } => Some((routine, queued)),
        _ => None,
    });
    found.unwrap_or_else(|| object::wrong_kind(handle, what))
}

fn set_queued(handle: usize, queued: bool) {
    let (routine, _) = item(handle, "WdfWorkItemEnqueue");
    object::with(handle, "WdfWorkItemEnqueue", |object| {
        object.kind = Kind::WorkItem { routine, queued };
    });
}

extern "win64" fn wdf_work_item_create(
    globals: *const Globals,
    config: *const Config,
    attributes: *const Attributes,
    out: *mut usize,
) -> NtStatus {
    // SAFETY: the driver's structure; a bad address faults into a report.
    let Some(routine) = (unsafe { (*config).routine }) else {
        return STATUS_INVALID_PARAMETER;
    };
    let kind = Kind::WorkItem {
        routine: routine as usize,
        queued: false,
    };
    let handle = object::create(globals, attributes, kind, Vec::new());
    // SAFETY: the driver's place for the handle; a bad address faults into a report.
    unsafe { out.write(handle) };
    STATUS_SUCCESS
}

/// An item that is queued already stays queued once.
extern "win64" fn wdf_work_item_enqueue(_globals: *const Globals, handle: usize) {
    let (routine, queued) = item(handle, "WdfWorkItemEnqueue");
    if queued {
        return;
    }
    set_queued(handle, true);
    object::hold(handle);
    sched::soon("framework work item", move || {
        set_queued(handle, false);
        // SAFETY: the routine that the driver gave when it made the item.
        unsafe {
            let routine: Routine = std::mem::transmute(routine);
            call::driver("EvtWorkItemFunc", routine, (handle,));
        }
        object::let_go(handle);
    });
}

extern "win64" fn wdf_work_item_get_parent(_globals: *const Globals, handle: usize) -> usize {
    item(handle, "WdfWorkItemGetParentObject");
    object::with(handle, "WdfWorkItemGetParentObject", |object| object.parent)
}

extern "win64" fn wdf_work_item_flush(_globals: *const Globals, handle: usize) {
    let ended = sched::run_until(|| !item(handle, "WdfWorkItemFlush").1, None);
    if ended == sched::Waited::Hung {
        finding::fatal(
            &rules::HANG,
            "WdfWorkItemFlush waits for an item that nothing runs",
        );
    }
}

wdf_rows! {
    379 "WdfWorkItemCreate"          wdf_work_item_create     DISPATCH "wdfworkitem/nf-wdfworkitem-wdfworkitemcreate";
    380 "WdfWorkItemEnqueue"         wdf_work_item_enqueue    DISPATCH "wdfworkitem/nf-wdfworkitem-wdfworkitemenqueue";
    381 "WdfWorkItemGetParentObject" wdf_work_item_get_parent DISPATCH "wdfworkitem/nf-wdfworkitem-wdfworkitemgetparentobject";
    382 "WdfWorkItemFlush"           wdf_work_item_flush      PASSIVE  "wdfworkitem/nf-wdfworkitem-wdfworkitemflush";
}
