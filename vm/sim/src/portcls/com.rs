//! COM in both directions: objects of the simulator that the driver holds, and the driver's objects.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};

use waverig_portcls::com::Interface;
use waverig_portcls::status::{STATUS_INVALID_PARAMETER, STATUS_SUCCESS};
use waverig_portcls::{Guid, IUnknown, IUnknownVtbl, NTSTATUS, id};

use super::rules;
use crate::address::ByAddress;
use crate::imports::{self, Levels};
use crate::{call, finding};

/// One function of a table.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) function: *const (),
    pub(crate) levels: Levels,
    pub(crate) source: &'static str,
}

/// The functions of one interface after IUnknown's three.
pub(crate) struct Table {
    pub(crate) iid: Guid,
    pub(crate) methods: &'static [Method],
}

// SAFETY: the addresses are those of functions and never change.
unsafe impl Sync for Method {}

/// An object of the simulator that the driver gets interface pointers of.
pub(crate) trait HostObject: Any {
    /// For messages: `port of "WaveRender"`.
    fn name(&self) -> String;
    /// Its interfaces; the first also answers for IUnknown.
    fn tables(&self) -> &'static [&'static Table];
}

/// What an interface pointer of a host object points to.
#[repr(C)]
struct Face {
    table: *const *const (),
    mark: u64,
    iid: Guid,
    owner: &'static Owner,
}

const MARK: u64 = 0x4543_4146_4853_4F48;

/// A host object as COM sees it. It lives as long as the process, so that a stale pointer is recognised.
struct Owner {
    references: Cell<u32>,
    kept: RefCell<Option<Rc<dyn HostObject>>>,
    object: Weak<dyn HostObject>,
    tables: &'static [&'static Table],
    faces: RefCell<Vec<&'static Face>>,
    /// Its name when it was first handed out, for when it is gone.
    name: String,
}

thread_local! {
    static OWNERS: RefCell<ByAddress<&'static Owner>> = RefCell::default();
    static TABLES: RefCell<HashMap<Guid, *const *const ()>> = RefCell::default();
}

/// The interface `iid` of `object`, without a reference of its own, as parameters lend it. `None` when it has none.
pub(crate) fn lend<T: HostObject>(object: &Rc<T>, iid: &Guid) -> Option<*mut c_void> {
    let owner = owner_of(object);
    face(owner, iid)
}

/// The same with a reference that belongs to the receiver.
pub(crate) fn give<T: HostObject>(object: &Rc<T>, iid: &Guid) -> Option<*mut c_void> {
    let pointer = lend(object, iid)?;
    add_reference(owner_of(object));
    Some(pointer)
}

fn owner_of<T: HostObject>(object: &Rc<T>) -> &'static Owner {
    let key = Rc::as_ptr(object).cast::<()>() as usize;
    let object_of_trait: Rc<dyn HostObject> = object.clone();
    let weak = Rc::downgrade(&object_of_trait);
    OWNERS.with_borrow_mut(|owners| {
        // The address of an object that is gone may be taken again by another.
        let known = owners
            .get(&key)
            .filter(|owner| owner.object.strong_count() > 0);
        if let Some(owner) = known {
            return *owner;
        }
        let owner: &'static Owner = Box::leak(Box::new(Owner {
            references: Cell::new(0),
            kept: RefCell::new(None),
            object: weak,
            tables: object.tables(),
            faces: RefCell::default(),
            name: object.name(),
        }));
        owners.insert(key, owner);
        owner
    })
}

fn face(owner: &'static Owner, iid: &Guid) -> Option<*mut c_void> {
    // Drivers know it by one of two names, by the header that they include first; that PortCls takes both is inferred.
    let table = if [id::IID_IUnknown, id::IID_IUnknown_COM].contains(iid) {
        owner.tables.first()?
    } else {
        owner.tables.iter().find(|table| table.iid == *iid)?
    };
    let mut faces = owner.faces.borrow_mut();
    let known = faces.iter().find(|face| face.iid == table.iid).copied();
    let face = known.unwrap_or_else(|| {
        let face: &'static Face = Box::leak(Box::new(Face {
            table: functions(table),
            mark: MARK,
            iid: table.iid,
            owner,
        }));
        faces.push(face);
        face
    });
    Some(std::ptr::from_ref(face).cast_mut().cast())
}

/// The table as the driver sees it: addresses of thunks that record and check each call.
fn functions(table: &Table) -> *const *const () {
    TABLES.with_borrow_mut(|tables| {
        *tables.entry(table.iid).or_insert_with(|| {
            const UNKNOWN: [(&str, *const ()); 3] = [
                ("IUnknown::QueryInterface", query_interface as *const ()),
                ("IUnknown::AddRef", add_ref as *const ()),
                ("IUnknown::Release", release as *const ()),
            ];
            let unknown = UNKNOWN
                .map(|(name, function)| imports::export(name, function, Levels::ANY, "punknown.h"));
            let own = table
                .methods
                .iter()
                .map(|one| imports::export(one.name, one.function, one.levels, one.source));
            let all: Box<[*const ()]> = unknown.into_iter().chain(own).collect();
            Box::leak(all).as_ptr()
        })
    })
}

fn add_reference(owner: &Owner) -> u32 {
    let count = owner.references.get() + 1;
    owner.references.set(count);
    owner.kept.replace(owner.object.upgrade());
    count
}

fn face_of(this: *mut c_void) -> &'static Face {
    // SAFETY: `this` is what the driver says is an interface pointer of ours; a wild one faults or lacks the mark.
    let face = unsafe { this.cast::<Face>().as_ref() };
    match face {
        Some(face) if face.mark == MARK => face,
        _ => finding::fatal(
            &rules::COM_BAD_POINTER,
            format!("{this:p} is no interface pointer of PortCls"),
        ),
    }
}

/// The object behind the `this` of a method.
pub(crate) fn host<T: HostObject>(this: *mut c_void) -> Rc<T> {
    let owner = face_of(this).owner;
    let Some(object) = owner.object.upgrade() else {
        let text = format!(
            "a method was called on the {}, which is gone: its last reference was released",
            owner.name
        );
        finding::fatal(&rules::COM_USE_AFTER_FREE, text);
    };
    let any: Rc<dyn Any> = object;
    match any.downcast() {
        Ok(object) => object,
        Err(_) => finding::fatal(
            &rules::COM_BAD_POINTER,
            format!("the {} has no such method", owner.name),
        ),
    }
}

/// The object behind any interface pointer of ours that the driver passes as a parameter; `None` when it is another.
pub(crate) fn known<T: HostObject>(pointer: *mut c_void) -> Option<Rc<T>> {
    if pointer.is_null() {
        return None;
    }
    let faces_of = |owner: &Owner| {
        owner
            .faces
            .borrow()
            .iter()
            .any(|face| std::ptr::from_ref(*face).cast() == pointer.cast_const())
    };
    let owner =
        OWNERS.with_borrow(|owners| owners.values().copied().find(|owner| faces_of(owner)))?;
    let any: Rc<dyn Any> = owner.object.upgrade()?;
    any.downcast().ok()
}

extern "win64" fn query_interface(
    this: *mut c_void,
    iid: *const Guid,
    out: *mut *mut c_void,
) -> NTSTATUS {
    let owner = face_of(this).owner;
    // SAFETY: the driver's pointers; bad ones fault, and the report names the caller.
    unsafe {
        match face(owner, &*iid) {
            Some(pointer) => {
                add_reference(owner);
                *out = pointer;
                STATUS_SUCCESS
            }
            None => {
                *out = std::ptr::null_mut();
                STATUS_INVALID_PARAMETER
            }
        }
    }
}

extern "win64" fn add_ref(this: *mut c_void) -> u32 {
    let owner = face_of(this).owner;
    if owner.object.strong_count() == 0 {
        finding::fatal(
            &rules::COM_USE_AFTER_FREE,
            format!("AddRef on the {}, which is gone", owner.name),
        );
    }
    add_reference(owner)
}

extern "win64" fn release(this: *mut c_void) -> u32 {
    let owner = face_of(this).owner;
    let Some(count) = owner.references.get().checked_sub(1) else {
        finding::fatal(
            &rules::COM_OVER_RELEASE,
            format!(
                "Release on the {}, on which the driver holds no reference",
                owner.name
            ),
        );
    };
    owner.references.set(count);
    if count == 0 {
        // PortCls may still hold the object itself.
        let last = owner.kept.take();
        drop(last);
    }
    count
}

/// Objects on which the driver still holds references: their names and counts.
pub(crate) fn held() -> Vec<(String, u32)> {
    let mut held: Vec<(String, u32)> = OWNERS.with_borrow(|owners| {
        let held = owners.values().filter(|owner| owner.references.get() > 0);
        let name = |owner: &Owner| {
            owner
                .object
                .upgrade()
                .map_or_else(|| owner.name.clone(), |object| object.name())
        };
        held.map(|owner| (name(owner), owner.references.get()))
            .collect()
    });
    held.sort();
    held
}

/// A reference on an object of the simulator that the driver handed over. Dropping it releases.
pub(crate) struct Held<T: HostObject> {
    object: Rc<T>,
    pointer: *mut c_void,
}

/// Takes over a reference that the driver handed out on an object of ours; `None` when it is none of ours, or of another kind.
pub(crate) fn take_over<T: HostObject>(pointer: *mut c_void) -> Option<Held<T>> {
    let object = known(pointer)?;
    Some(Held { object, pointer })
}

impl<T: HostObject> std::ops::Deref for Held<T> {
    type Target = Rc<T>;

    fn deref(&self) -> &Rc<T> {
        &self.object
    }
}

impl<T: HostObject> Drop for Held<T> {
    fn drop(&mut self) {
        release(self.pointer);
    }
}

/// A reference on an object of the driver. Dropping it releases.
pub(crate) struct Ref<I: Interface> {
    pointer: NonNull<c_void>,
    kind: PhantomData<I>,
}

impl<I: Interface> Ref<I> {
    /// Takes over a reference that the driver handed out; `None` for NULL.
    pub(crate) fn own(pointer: *mut c_void) -> Option<Self> {
        Some(Self {
            pointer: NonNull::new(pointer)?,
            kind: PhantomData,
        })
    }

    /// Adds a reference to a pointer that the driver lent; `None` for NULL.
    pub(crate) fn share(pointer: *mut c_void) -> Option<Self> {
        let reference = Self::own(pointer)?;
        // SAFETY: the driver says that this is an interface pointer; its table begins with IUnknown's.
        unsafe { call::driver("IUnknown::AddRef", reference.unknown().AddRef, (pointer,)) };
        Some(reference)
    }

    /// For the `this` of a call.
    pub(crate) fn this(&self) -> *mut c_void {
        self.pointer.as_ptr()
    }

    /// The functions.
    pub(crate) fn table(&self) -> &I::Vtbl {
        // SAFETY: an interface pointer points to a pointer to its table (trait Interface); the driver keeps both while
        // this reference lives.
        unsafe { &**self.pointer.as_ptr().cast::<*const I::Vtbl>() }
    }

    fn unknown(&self) -> &IUnknownVtbl {
        // SAFETY: as above; every table begins with IUnknown's.
        unsafe { &**self.pointer.as_ptr().cast::<*const IUnknownVtbl>() }
    }

    /// Another interface of the object.
    pub(crate) fn query<J: Interface>(&self) -> Option<Ref<J>> {
        let mut out = std::ptr::null_mut::<c_void>();
        let iid = J::IID;
        // SAFETY: the table is the driver's, the parameters live here.
        let status = unsafe {
            call::driver(
                "IUnknown::QueryInterface",
                self.unknown().QueryInterface,
                (self.this(), &raw const iid, &raw mut out),
            )
        };
        if (status >= 0) == out.is_null() {
            finding::raise(
                &rules::COM_QUERY,
                format!("QueryInterface for {iid} returned {status:#010x} and {out:p}"),
            );
        }
        if status < 0 { None } else { Ref::own(out) }
    }

    /// Gives the reference up and says how many are left.
    pub(crate) fn release(self) -> u32 {
        let reference = std::mem::ManuallyDrop::new(self);
        // SAFETY: this reference is given up exactly once.
        unsafe {
            call::driver(
                "IUnknown::Release",
                reference.unknown().Release,
                (reference.this(),),
            )
        }
    }
}

impl<I: Interface> Clone for Ref<I> {
    fn clone(&self) -> Self {
        // SAFETY: the reference keeps the object alive.
        unsafe { call::driver("IUnknown::AddRef", self.unknown().AddRef, (self.this(),)) };
        Self {
            pointer: self.pointer,
            kind: PhantomData,
        }
    }
}

impl<I: Interface> Drop for Ref<I> {
    fn drop(&mut self) {
        // SAFETY: the reference that this value owns.
        unsafe { call::driver("IUnknown::Release", self.unknown().Release, (self.this(),)) };
    }
}

/// Any object of the driver.
pub(crate) type Unknown = Ref<IUnknown>;
