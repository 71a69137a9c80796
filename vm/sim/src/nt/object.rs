//! Reference counts of kernel objects, and the handles that lead to them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;

use crate::address::ByAddress;
use crate::finding;
use crate::imports::{Import, Levels, call_site};
use crate::kernel::kernel;
use crate::nt::layout::ObjectAttributes;
use crate::nt::registry::Key;
use crate::nt::status::{
    NtStatus, STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS,
};
use crate::nt::unicode;
use crate::rules;

/// `KernelMode` of KPROCESSOR_MODE (wdm.h).
const KERNEL_MODE: i8 = 0;

/// What kind of object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// DEVICE_OBJECT.
    Device,
    /// FILE_OBJECT.
    File,
    /// KEVENT with a handle or a name.
    Event,
    /// A system thread.
    Thread,
    /// Anything else that is counted.
    Other,
}

/// Who opened a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandleOwner {
    /// The driver, which has to close it.
    Driver,
    /// A client in user mode.
    User,
}

#[derive(Clone)]
enum Target {
    Object(usize),
    Key(Key),
}

struct Object {
    kind: Kind,
    references: i64,
    on_destroy: Option<Box<dyn FnOnce()>>,
}

/// Objects by address, handles by number.
#[derive(Default)]
pub(crate) struct ObjectState {
    objects: RefCell<ByAddress<Object>>,
    handles: RefCell<BTreeMap<usize, (Target, HandleOwner)>>,
    /// References that the driver took and has not given back, and where it took the last.
    taken: RefCell<BTreeMap<usize, (i64, Option<usize>)>>,
    next: Cell<usize>,
}

impl std::fmt::Debug for ObjectState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} objects, {} handles",
            self.objects.borrow().len(),
            self.handles.borrow().len()
        )
    }
}

fn state() -> &'static ObjectState {
    &kernel().nt.objects
}

/// Counts references to an object, starting with one; `on_destroy` runs when the last is given back.
pub fn track<T>(object: *mut T, kind: Kind, on_destroy: impl FnOnce() + 'static) {
    let object_record = Object {
        kind,
        references: 1,
        on_destroy: Some(Box::new(on_destroy)),
    };
    state()
        .objects
        .borrow_mut()
        .insert(object as usize, object_record);
}

/// Stops counting: the object goes away otherwise.
pub fn forget<T>(object: *mut T) {
    state().objects.borrow_mut().remove(&(object as usize));
}

/// References to an object; 0 when it is not known.
pub fn count<T>(object: *mut T) -> i64 {
    state()
        .objects
        .borrow()
        .get(&(object as usize))
        .map_or(0, |object| object.references)
}

/// Takes one more reference and gives the count.
pub fn reference<T>(object: *mut T) -> i64 {
    match state().objects.borrow_mut().get_mut(&(object as usize)) {
        Some(record) => {
            record.references += 1;
            record.references
        }
        None => finding::fatal(
            &rules::OBJECT_REFERENCES,
            format!("{object:p} is referenced but is no object, or was destroyed"),
        ),
    }
}

/// Gives one reference back and gives the count.
pub fn dereference<T>(object: *mut T) -> i64 {
    let address = object as usize;
    let left = match state().objects.borrow_mut().get_mut(&address) {
        Some(record) => {
            record.references -= 1;
            record.references
        }
        None => finding::fatal(
            &rules::OBJECT_REFERENCES,
            format!("{object:p} is dereferenced but is no object, or was destroyed"),
        ),
    };
    if left == 0 {
        state().taken.borrow_mut().remove(&address);
        let record = state().objects.borrow_mut().remove(&address);
        if let Some(on_destroy) = record.and_then(|record| record.on_destroy) {
            on_destroy();
        }
    }
    left
}

/// Notes that the driver took a reference.
pub(crate) fn taken(object: *mut c_void) {
    let mut taken = state().taken.borrow_mut();
    let entry = taken.entry(object as usize).or_default();
    *entry = (entry.0 + 1, call_site());
}

/// Reports references of the driver's on objects that are still there.
pub(crate) fn check_references() {
    let left: Vec<(i64, Option<usize>)> = state().taken.borrow().values().copied().collect();
    for (count, site) in left.into_iter().filter(|(count, _)| *count > 0) {
        let text = format!("{count} reference(s) on an object are not given back at unload");
        finding::raise_at(&rules::OBJECT_LEAK, text, site);
    }
}

fn insert(target: Target, owner: HandleOwner) -> usize {
    let number = state().next.get() + 4;
    state().next.set(number);
    state().handles.borrow_mut().insert(number, (target, owner));
    number
}

/// Makes a handle that holds one reference to an object.
pub fn open<T>(object: *mut T, owner: HandleOwner) -> usize {
    reference(object);
    insert(Target::Object(object as usize), owner)
}

/// Makes a handle for a registry key.
pub fn open_key(key: Key, owner: HandleOwner) -> usize {
    insert(Target::Key(key), owner)
}

/// The root and the name in object attributes that a driver gives to a Zw routine.
pub(crate) fn named(attributes: *const ObjectAttributes) -> (usize, String) {
    // SAFETY: the driver's structure; a bad address faults into a report.
    let attributes = unsafe { &*attributes };
    if attributes.length as usize != size_of::<ObjectAttributes>() {
        finding::raise(
            &rules::ZW_ARGUMENT,
            format!(
                "object attributes have Length {}, not {}",
                attributes.length,
                size_of::<ObjectAttributes>()
            ),
        );
    }
    let name = unicode::given(attributes.object_name);
    (attributes.root_directory, name)
}

/// The object of a handle.
pub fn lookup(handle: usize) -> Option<*mut c_void> {
    match state().handles.borrow().get(&handle)?.0 {
        Target::Object(object) => Some(object as *mut c_void),
        Target::Key(_) => None,
    }
}

/// The key of a handle.
pub fn lookup_key(handle: usize) -> Option<Key> {
    match &state().handles.borrow().get(&handle)?.0 {
        Target::Key(key) => Some(key.clone()),
        Target::Object(_) => None,
    }
}

/// Closes a handle; `false` when it was not open.
pub fn close(handle: usize) -> bool {
    let entry = state().handles.borrow_mut().remove(&handle);
    match entry {
        Some((Target::Object(object), _)) => {
            dereference(object as *mut c_void);
            true
        }
        Some((Target::Key(_), _)) => true,
        None => false,
    }
}

/// Reports handles that the driver left open.
pub(crate) fn check_handles() {
    let open: Vec<usize> = {
        let handles = state().handles.borrow();
        handles
            .iter()
            .filter(|(_, (_, owner))| *owner == HandleOwner::Driver)
            .map(|(handle, _)| *handle)
            .collect()
    };
    for handle in open {
        let what = lookup_key(handle).map_or_else(
            || "an object".to_owned(),
            |key| format!("the key {}", key.path()),
        );
        finding::raise_at(
            &rules::HANDLE_LEAK,
            format!("the handle {handle:#x} to {what} is open after unload"),
            None,
        );
    }
}

// Variables that hold object types: drivers pass their values on, nothing looks inside.
static FILE_TYPE: [usize; 2] = [1, 0];
static EVENT_TYPE: [usize; 2] = [2, 0];
static THREAD_TYPE: [usize; 2] = [3, 0];

/// A variable with the address of a type object: drivers read it, this program does not.
#[allow(dead_code, reason = "read by drivers")]
struct TypeVariable(*const [usize; 2]);

// SAFETY: the pointer is that of a static and never changes.
unsafe impl Sync for TypeVariable {}

static FILE_TYPE_VARIABLE: TypeVariable = TypeVariable(&raw const FILE_TYPE);
static EVENT_TYPE_VARIABLE: TypeVariable = TypeVariable(&raw const EVENT_TYPE);
static THREAD_TYPE_VARIABLE: TypeVariable = TypeVariable(&raw const THREAD_TYPE);

fn io_file_object_type() -> usize {
    (&raw const FILE_TYPE_VARIABLE) as usize
}

fn ps_thread_type() -> usize {
    (&raw const THREAD_TYPE_VARIABLE) as usize
}

fn ex_event_object_type() -> usize {
    (&raw const EVENT_TYPE_VARIABLE) as usize
}

fn kind_fits(object: *mut c_void, wanted: *const c_void) -> bool {
    let kind = state()
        .objects
        .borrow()
        .get(&(object as usize))
        .map(|object| object.kind);
    match kind {
        _ if wanted.is_null() => true,
        Some(Kind::File) => wanted == (&raw const FILE_TYPE).cast(),
        Some(Kind::Event) => wanted == (&raw const EVENT_TYPE).cast(),
        Some(Kind::Thread) => wanted == (&raw const THREAD_TYPE).cast(),
        _ => false,
    }
}

extern "win64" fn ob_reference_object_by_handle(
    handle: usize,
    _access: u32,
    wanted: *const c_void,
    mode: i8,
    result: *mut *mut c_void,
    _information: *mut c_void,
) -> NtStatus {
    let Some(object) = lookup(handle) else {
        return STATUS_INVALID_HANDLE;
    };
    let owner = state().handles.borrow().get(&handle).map(|entry| entry.1);
    if mode == KERNEL_MODE && owner == Some(HandleOwner::User) {
        finding::raise(
            &rules::USER_HANDLE,
            format!(
                "the handle {handle:#x} is a program's and is used with the access of kernel mode"
            ),
        );
    }
    if !kind_fits(object, wanted) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    reference(object);
    taken(object);
    // SAFETY: the driver's place for the result; a bad address faults into a report.
    unsafe { result.write(object) };
    STATUS_SUCCESS
}

extern "win64" fn ob_reference_object_by_pointer(
    object: *mut c_void,
    _access: u32,
    wanted: *const c_void,
    _mode: i8,
) -> NtStatus {
    if !kind_fits(object, wanted) {
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    reference(object);
    taken(object);
    STATUS_SUCCESS
}

extern "win64" fn obf_reference_object(object: *mut c_void) -> i64 {
    taken(object);
    reference(object)
}

extern "win64" fn obf_dereference_object(object: *mut c_void) -> i64 {
    // References that other routines gave with an object are given back here too, so the count may fall below what was taken.
    if let Some((count, _)) = state().taken.borrow_mut().get_mut(&(object as usize)) {
        *count -= 1;
    }
    dereference(object)
}

extern "win64" fn zw_close(handle: usize) -> NtStatus {
    if close(handle) {
        return STATUS_SUCCESS;
    }
    finding::raise(
        &rules::HANDLE_BAD,
        format!("ZwClose of {handle:#x}, which is not open"),
    );
    STATUS_INVALID_HANDLE
}

pub(crate) static IMPORTS: &[Import] = &[
    Import::nt(
        "ObReferenceObjectByHandle",
        ob_reference_object_by_handle as *const (),
        Levels::PASSIVE,
        "wdm/nf-wdm-obreferenceobjectbyhandle",
    ),
    Import::nt(
        "ObReferenceObjectByPointer",
        ob_reference_object_by_pointer as *const (),
        Levels::DISPATCH,
        "wdm/nf-wdm-obreferenceobjectbypointer",
    ),
    Import::nt(
        "ObfReferenceObject",
        obf_reference_object as *const (),
        Levels::DISPATCH,
        "wdm/nf-wdm-obfreferenceobject",
    ),
    Import::nt(
        "ObfDereferenceObject",
        obf_dereference_object as *const (),
        Levels::DISPATCH,
        "wdm/nf-wdm-obdereferenceobject",
    ),
    Import::nt(
        "ZwClose",
        zw_close as *const (),
        Levels::PASSIVE,
        "wdm/nf-wdm-zwclose",
    ),
    Import::data(
        "ntoskrnl.exe",
        "IoFileObjectType",
        io_file_object_type,
        "wdm/nf-wdm-obreferenceobjectbyhandle",
    ),
    Import::data(
        "ntoskrnl.exe",
        "PsThreadType",
        ps_thread_type,
        "wdm/nf-wdm-obreferenceobjectbyhandle",
    ),
    Import::data(
        "ntoskrnl.exe",
        "ExEventObjectType",
        ex_event_object_type,
        "wdm/nf-wdm-obreferenceobjectbyhandle",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use std::rc::Rc;

    #[test]
    fn the_last_reference_destroys_and_handles_hold_one() {
        Kernel::boot(Options::default());
        let gone = Rc::new(Cell::new(false));
        let inside = Rc::clone(&gone);
        let mut memory = 0_u64;
        let object = &raw mut memory;
        track(object, Kind::Event, move || inside.set(true));
        let handle = open(object, HandleOwner::User);
        let mut found = std::ptr::null_mut();
        let event = (&raw const EVENT_TYPE).cast();
        let file = (&raw const FILE_TYPE).cast();
        assert_eq!(
            ob_reference_object_by_handle(handle, 0, file, 1, &raw mut found, std::ptr::null_mut()),
            STATUS_OBJECT_TYPE_MISMATCH
        );
        assert_eq!(
            ob_reference_object_by_handle(
                handle,
                0,
                event,
                1,
                &raw mut found,
                std::ptr::null_mut()
            ),
            STATUS_SUCCESS
        );
        assert_eq!((found, count(object)), (object.cast(), 3));
        dereference(object);
        assert!(close(handle) && !close(handle));
        assert!(!gone.get());
        assert_eq!(dereference(object), 0);
        assert!(gone.get());
    }

    #[test]
    fn a_handle_of_a_program_is_not_used_as_the_kernel() {
        let machine = Kernel::boot(Options::default());
        let mut memory = 0_u64;
        let object = &raw mut memory;
        track(object, Kind::Event, || {});
        let null = std::ptr::null();
        let mut found = std::ptr::null_mut();
        for (owner, mode, broken) in [
            (HandleOwner::User, 1, 0),
            (HandleOwner::Driver, KERNEL_MODE, 0),
            (HandleOwner::User, KERNEL_MODE, 1),
        ] {
            let handle = open(object, owner);
            let status = ob_reference_object_by_handle(
                handle,
                0,
                null,
                mode,
                &raw mut found,
                std::ptr::null_mut(),
            );
            assert_eq!(status, STATUS_SUCCESS);
            let all = machine.findings.all();
            assert_eq!(all.len(), broken, "{owner:?} {mode}: {all:?}");
            assert!(
                all.iter()
                    .all(|finding| finding.rule == rules::USER_HANDLE.id)
            );
        }
    }

    #[test]
    fn object_attributes_and_their_names_are_well_formed() {
        let name: Vec<u16> = "Key".encode_utf16().collect();
        for (length, room, size, broken) in [
            (6, 6, 0x30, 0),
            (6, 8, 0x30, 0),
            (5, 6, 0x30, 1),
            (6, 7, 0x30, 1),
            (6, 4, 0x30, 1),
            (6, 6, 0x28, 1),
        ] {
            let machine = Kernel::boot(Options::default());
            let string = crate::nt::layout::UnicodeString {
                length,
                maximum_length: room,
                buffer: name.as_ptr().cast_mut(),
            };
            let mut attributes: ObjectAttributes =
                // SAFETY: numbers and pointers, for which zeros are values.
                unsafe { std::mem::zeroed() };
            attributes.length = size;
            attributes.object_name = &raw const string;
            assert_eq!(named(&raw const attributes).0, 0);
            let all = machine.findings.all();
            assert_eq!(all.len(), broken, "{length} of {room}, {size}: {all:?}");
            assert!(
                all.iter()
                    .all(|finding| finding.rule == rules::ZW_ARGUMENT.id)
            );
        }
    }

    #[test]
    #[should_panic(expected = "object-references")]
    fn one_reference_too_many_given_back_ends_the_run() {
        Kernel::boot(Options::default());
        let mut memory = 0_u64;
        track(&raw mut memory, Kind::Other, || {});
        dereference(&raw mut memory);
        dereference(&raw mut memory);
    }
}
