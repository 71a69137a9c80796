//! Framework objects: handles, contexts, references, and the parent that takes its children along.

use std::ffi::c_void;

use super::loader::Globals;
use super::wdf_rows;
use crate::call;
use crate::finding;
use crate::kernel::kernel;
use crate::nt::layout::{DeviceObject, DriverObject, KMutex};
use crate::nt::pool::{self, Owner};
use crate::nt::status::{NtStatus, STATUS_OBJECT_NAME_EXISTS, STATUS_SUCCESS};
use crate::rules;

type Callback = unsafe extern "win64" fn(usize);

/// `WDF_OBJECT_ATTRIBUTES`.
#[repr(C)]
pub(super) struct Attributes {
    size: u32,
    cleanup: Option<Callback>,
    destroy: Option<Callback>,
    execution_level: i32,
    synchronization: i32,
    parent: usize,
    context_size: usize,
    context_type: *const ContextType,
}

/// `WDF_OBJECT_CONTEXT_TYPE_INFO`.
#[repr(C)]
struct ContextType {
    size: u32,
    name: *const u8,
    context_size: usize,
    unique: *const ContextType,
    get_unique: *const c_void,
}

/// What an object is, and what only its kind has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Driver {
        object: *mut DriverObject,
    },
    Device {
        /// Device object, the next lower one, and the physical one.
        stack: [*mut DeviceObject; 3],
    },
    Plain,
    Collection(Vec<usize>),
    SpinLock {
        word: *mut usize,
        irql: u8,
    },
    WaitLock {
        mutex: *mut KMutex,
    },
    WorkItem {
        routine: usize,
        queued: bool,
    },
}

impl Kind {
    fn words(&self) -> &'static str {
        match self {
            Self::Driver { .. } => "WDFDRIVER",
            Self::Device { .. } => "WDFDEVICE",
            Self::Plain => "WDFOBJECT",
            Self::Collection(_) => "WDFCOLLECTION",
            Self::SpinLock { .. } => "WDFSPINLOCK",
            Self::WaitLock { .. } => "WDFWAITLOCK",
            Self::WorkItem { .. } => "WDFWORKITEM",
        }
    }
}

/// An object. Its handle is the address of a block of the pool, so that a number that a driver makes up is no handle.
#[derive(Debug)]
pub(crate) struct Object {
    pub(super) kind: Kind,
    pub(super) parent: usize,
    references: u32,
    deleted: bool,
    cleanup: Option<Callback>,
    destroy: Option<Callback>,
    /// Contexts by the type that names them.
    contexts: Vec<(usize, usize)>,
    /// Memory that belongs to the object.
    memory: Vec<usize>,
}

/// Looks at an object; a handle of none ends the run.
pub(super) fn with<T>(handle: usize, what: &str, look: impl FnOnce(&mut Object) -> T) -> T {
    let mut objects = kernel().nt.wdf.objects.borrow_mut();
    match objects.get_mut(&handle) {
        Some(object) => look(object),
        None => {
            drop(objects);
            finding::fatal(
                &rules::WDF_OBJECT,
                format!("{what} with {handle:#x}, which is no handle or was deleted"),
            )
        }
    }
}

/// The handle is one of another kind.
pub(super) fn wrong_kind(handle: usize, what: &str) -> ! {
    let kind = with(handle, what, |object| object.kind.words());
    finding::fatal(
        &rules::WDF_OBJECT,
        format!("{what} with {handle:#x}, which is a {kind}"),
    )
}

/// Makes an object; without a parent in `attributes` it belongs to the driver.
pub(super) fn create(
    globals: *const Globals,
    attributes: *const Attributes,
    kind: Kind,
    memory: Vec<usize>,
) -> usize {
    let handle = pool::allocate(16, *b"WdfH", Owner::System) as usize;
    // SAFETY: null, or the driver's structure; a bad address faults into a report. The globals were bound.
    let (attributes, driver) = unsafe { (attributes.as_ref(), (*globals).driver) };
    let parent = match attributes {
        Some(attributes) if attributes.parent != 0 => attributes.parent,
        _ => driver,
    };
    let object = Object {
        kind,
        parent,
        references: 1,
        deleted: false,
        cleanup: attributes.and_then(|one| one.cleanup),
        destroy: attributes.and_then(|one| one.destroy),
        contexts: Vec::new(),
        memory,
    };
    kernel().nt.wdf.objects.borrow_mut().insert(handle, object);
    if let Some(attributes) = attributes {
        add_context(handle, attributes);
    }
    handle
}

/// The type that names a context: the one that the information points to, or the information itself.
fn unique(information: *const ContextType) -> usize {
    // SAFETY: the driver's structure; a bad address faults into a report.
    match unsafe { (*information).unique } {
        unique if unique.is_null() => information as usize,
        unique => unique as usize,
    }
}

fn add_context(handle: usize, attributes: &Attributes) -> Option<usize> {
    let information = attributes.context_type;
    if information.is_null() {
        return None;
    }
    // SAFETY: as in `unique`.
    let listed = unsafe { (*information).context_size };
    let size = match attributes.context_size {
        0 => listed,
        size => size,
    };
    let context = pool::allocate(size.max(1), *b"WdfC", Owner::System) as usize;
    with(handle, "a context", |object| {
        object.contexts.push((unique(information), context));
        object.memory.push(context);
    });
    Some(context)
}

/// Deletes an object with its children: cleanup now, destruction with the last reference.
pub(super) fn delete(handle: usize) {
    let again = with(handle, "WdfObjectDelete", |object| {
        std::mem::replace(&mut object.deleted, true)
    });
    if again {
        finding::fatal(
            &rules::WDF_OBJECT,
            format!("WdfObjectDelete with {handle:#x}, which is being deleted"),
        );
    }
    let children: Vec<usize> = kernel()
        .nt
        .wdf
        .objects
        .borrow()
        .iter()
        .filter(|(_, object)| object.parent == handle && !object.deleted)
        .map(|(handle, _)| *handle)
        .collect();
    for child in children {
        delete(child);
    }
    let cleanup = with(handle, "WdfObjectDelete", |object| object.cleanup);
    if let Some(cleanup) = cleanup {
        // SAFETY: the callback that the driver gave for this object.
        unsafe { call::driver("EvtCleanupCallback", cleanup, (handle,)) };
    }
    dereference(handle);
}

/// Takes a reference.
pub(super) fn hold(handle: usize) {
    with(handle, "WdfObjectReference", |object| {
        object.references += 1;
    });
}

/// Gives a reference back; with the last the object is destroyed.
pub(super) fn let_go(handle: usize) {
    dereference(handle);
}

fn dereference(handle: usize) {
    let last = with(handle, "WdfObjectDereference", |object| {
        object.references -= 1;
        object.references == 0
    });
    if !last {
        return;
    }
    let destroy = with(handle, "WdfObjectDereference", |object| object.destroy);
    if let Some(destroy) = destroy {
        // SAFETY: the callback that the driver gave for this object.
        unsafe { call::driver("EvtDestroyCallback", destroy, (handle,)) };
    }
    let object = kernel().nt.wdf.objects.borrow_mut().remove(&handle);
    for block in object.into_iter().flat_map(|object| object.memory) {
        pool::free(block as *mut u8);
    }
    pool::free(handle as *mut u8);
}

/// The end of a client: its WDFDRIVER and everything below goes.
pub(super) fn delete_driver(globals: *mut Globals) {
    // SAFETY: globals that are bound.
    let driver = unsafe { std::mem::take(&mut (*globals).driver) };
    if driver != 0 {
        delete(driver);
    }
}

/// Reports what a driver leaves of the framework's objects when it is unloaded.
pub(crate) fn check_leaks() {
    let objects = kernel().nt.wdf.objects.borrow();
    let left: Vec<&Object> = objects.values().collect();
    if let Some(first) = left.first() {
        let driver = left
            .iter()
            .any(|object| matches!(object.kind, Kind::Driver { .. }));
        let text = if driver {
            "the WDFDRIVER is left after unload: a miniport's DriverUnload calls WdfDriverMiniportUnload".to_owned()
        } else {
            format!(
                "{} framework objects are left after unload, the first a {} with {} references",
                left.len(),
                first.kind.words(),
                first.references
            )
        };
        finding::raise_at(&rules::WDF_LEAK, text, None);
    }
}

extern "win64" fn wdf_object_create(
    globals: *const Globals,
    attributes: *const Attributes,
    object: *mut usize,
) -> NtStatus {
    let handle = create(globals, attributes, Kind::Plain, Vec::new());
    // SAFETY: the driver's place for the handle; a bad address faults into a report.
    unsafe { object.write(handle) };
    STATUS_SUCCESS
}

extern "win64" fn wdf_object_delete(_globals: *const Globals, object: usize) {
    delete(object);
}

extern "win64" fn wdf_object_get_typed_context(
    _globals: *const Globals,
    object: usize,
    information: *const ContextType,
) -> usize {
    let wanted = unique(information);
    with(object, "WdfObjectGetTypedContext", |object| {
        let mut all = object.contexts.iter();
        all.find(|(kind, _)| *kind == wanted)
            .map_or(0, |(_, context)| *context)
    })
}

extern "win64" fn wdf_object_allocate_context(
    globals: *const Globals,
    object: usize,
    attributes: *const Attributes,
    context: *mut usize,
) -> NtStatus {
    // SAFETY: the driver's structure; a bad address faults into a report.
    let attributes = unsafe { &*attributes };
    let there = wdf_object_get_typed_context(globals, object, attributes.context_type);
    let (status, found) = match there {
        0 => (
            STATUS_SUCCESS,
            add_context(object, attributes).unwrap_or_default(),
        ),
        there => (STATUS_OBJECT_NAME_EXISTS, there),
    };
    if !context.is_null() {
        // SAFETY: the driver's place for the result.
        unsafe { context.write(found) };
    }
    status
}

extern "win64" fn wdf_object_context_get_object(context: usize) -> usize {
    let objects = kernel().nt.wdf.objects.borrow();
    let mut all = objects.iter();
    all.find(|(_, object)| object.contexts.iter().any(|(_, one)| *one == context))
        .map_or(0, |(handle, _)| *handle)
}

extern "win64" fn wdf_object_reference(
    _globals: *const Globals,
    object: usize,
    _tag: *const c_void,
    _line: i32,
    _file: *const u8,
) {
    hold(object);
}

extern "win64" fn wdf_object_dereference(
    _globals: *const Globals,
    object: usize,
    _tag: *const c_void,
    _line: i32,
    _file: *const u8,
) {
    dereference(object);
}

wdf_rows! {
    202 "WdfObjectGetTypedContextWorker" wdf_object_get_typed_context  ANY      "wdfobject/nf-wdfobject-wdfobjectgettypedcontext";
    203 "WdfObjectAllocateContext"       wdf_object_allocate_context   DISPATCH "wdfobject/nf-wdfobject-wdfobjectallocatecontext";
    204 "WdfObjectContextGetObject"      wdf_object_context_get_object ANY      "wdfobject/nf-wdfobject-wdfobjectcontextgetobject";
    205 "WdfObjectReferenceActual"       wdf_object_reference          ANY      "wdfobject/nf-wdfobject-wdfobjectreferenceactual";
    206 "WdfObjectDereferenceActual"     wdf_object_dereference        DISPATCH "wdfobject/nf-wdfobject-wdfobjectdereferenceactual";
    207 "WdfObjectCreate"                wdf_object_create             DISPATCH "wdfobject/nf-wdfobject-wdfobjectcreate";
    208 "WdfObjectDelete"                wdf_object_delete             DISPATCH "wdfobject/nf-wdfobject-wdfobjectdelete";
}
