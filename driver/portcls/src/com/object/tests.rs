//! An object with two tables, seen through owning pointers.

use super::*;
use crate::com::{Com, Interface};
use crate::unknown::interfaces;
use core::sync::atomic::AtomicUsize;
use std::sync::Arc;

#[derive(Clone, Copy)]
#[repr(C)]
struct NumberVtbl {
    base: IUnknownVtbl,
    number: unsafe extern "efiapi" fn(this: *mut c_void) -> u32,
}

// Two identifiers of real interfaces stand in for the test's own.
interfaces! {
    First: NumberVtbl, IID_IPort, "The first table.";
    Second: NumberVtbl, IID_IMiniport, "The second table.";
    Unoffered: NumberVtbl, IID_IPortEvents, "No table of the object.";
}

/// Counts what is alive.
struct Thing {
    number: u32,
    alive: Arc<AtomicUsize>,
}

impl Thing {
    fn new(number: u32, alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self {
            number,
            alive: alive.clone(),
        }
    }
}

impl Drop for Thing {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Heap;

impl Memory for Heap {
    fn allocate(layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: objects are not of size 0.
        NonNull::new(unsafe { std::alloc::alloc(layout) })
    }

    unsafe fn free(place: NonNull<u8>, layout: Layout) {
        // SAFETY: the trait's contract.
        unsafe { std::alloc::dealloc(place.as_ptr(), layout) };
    }
}

unsafe extern "efiapi" fn plain(this: *mut c_void) -> u32 {
    // SAFETY: called through a table of Thing.
    unsafe { Object::<Thing, 2>::value(this) }.number
}

unsafe extern "efiapi" fn doubled(this: *mut c_void) -> u32 {
    // SAFETY: called through a table of Thing.
    unsafe { Object::<Thing, 2>::value(this) }.number * 2
}

static FIRST: NumberVtbl = NumberVtbl {
    base: <Thing as Class<2>>::UNKNOWN,
    number: plain,
};
static SECOND: NumberVtbl = NumberVtbl {
    base: <Thing as Class<2>>::UNKNOWN,
    number: doubled,
};

// SAFETY: both tables begin with the class's IUnknown and their function expects a Thing.
unsafe impl Class<2> for Thing {
    type Memory = Heap;
    const TABLES: [Table; 2] = [
        Table {
            vtbl: (&raw const FIRST).cast(),
            iids: &[&First::IID],
        },
        Table {
            vtbl: (&raw const SECOND).cast(),
            iids: &[&Second::IID],
        },
    ];
}

fn thing(number: u32, alive: &Arc<AtomicUsize>) -> Com<First> {
    let thing = Object::create(Thing::new(number, alive)).expect("the heap has room");
    // SAFETY: the first face is a First.
    unsafe { Com::from_raw(thing.into_raw().cast()) }.expect("not null")
}

#[test]
fn both_tables_reach_the_value() {
    let alive = Arc::default();
    let first = thing(21, &alive);
    let second = first.query::<Second>().expect("offered");
    // SAFETY: both pointers are owned.
    let seen = unsafe {
        (
            (first.vtbl().number)(first.this()),
            (second.vtbl().number)(second.this()),
        )
    };
    assert_eq!(seen, (21, 42));
}

#[test]
fn the_last_reference_frees_whichever_face_it_is() {
    let alive = Arc::default();
    let first = thing(1, &alive);
    let second = first.clone().query::<Second>().expect("offered");
    drop(first);
    assert_eq!(
        alive.load(Ordering::Relaxed),
        1,
        "the second face holds the object"
    );
    drop(second);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn unknown_is_the_same_pointer_through_every_face() {
    let alive = Arc::default();
    let first = thing(1, &alive);
    let second = first.query::<Second>().expect("offered");
    let through_first = first.query::<crate::IUnknown>().expect("always offered");
    let through_second = second.query::<crate::IUnknown>().expect("always offered");
    assert_eq!(
        through_first.this(),
        through_second.this(),
        "COM's rule of identity"
    );
}

#[test]
fn an_interface_that_is_not_offered_is_refused_and_the_pointer_cleared() {
    let alive = Arc::default();
    let first = thing(1, &alive);
    assert_eq!(
        first.query::<Unoffered>().err(),
        Some(status::STATUS_INVALID_PARAMETER)
    );
    let mut out = first.this();
    // SAFETY: valid pointers.
    unsafe { query_interface::<Thing, 2>(first.this(), &Unoffered::IID, &mut out) };
    assert!(out.is_null());
}

#[test]
fn references_are_counted_as_com_says() {
    let alive = Arc::default();
    let first = thing(1, &alive);
    // SAFETY: the pointer is owned, and what is added is released.
    let counts = unsafe {
        (
            add_ref::<Thing, 2>(first.this()),
            release::<Thing, 2>(first.this()),
        )
    };
    assert_eq!(counts, (2, 1));
    // SAFETY: a borrowed, valid pointer.
    let borrowed = unsafe { Com::from_borrowed(first.this().cast::<First>()) }.expect("not null");
    drop(first);
    assert_eq!(alive.load(Ordering::Relaxed), 1);
    drop(borrowed);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

struct Full;

impl Memory for Full {
    fn allocate(_: Layout) -> Option<NonNull<u8>> {
        None
    }

    unsafe fn free(_: NonNull<u8>, _: Layout) {}
}

struct Homeless(Arc<AtomicUsize>);

impl Drop for Homeless {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

static HOMELESS: IUnknownVtbl = <Homeless as Class<1>>::UNKNOWN;

// SAFETY: the table is the class's IUnknown.
unsafe impl Class<1> for Homeless {
    type Memory = Full;
    const TABLES: [Table; 1] = [Table {
        vtbl: (&raw const HOMELESS).cast(),
        iids: &[],
    }];
}

#[test]
fn no_memory_is_a_status_and_the_value_is_dropped() {
    let dropped = Arc::default();
    let refused = Object::create(Homeless(Arc::clone(&dropped))).err();
    assert_eq!(refused, Some(status::STATUS_INSUFFICIENT_RESOURCES));
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn a_shared_reference_shows_the_value_and_counts() {
    let alive = Arc::default();
    let thing = Object::create(Thing::new(7, &alive)).expect("the heap has room");
    let other = thing.clone();
    drop(thing);
    assert_eq!((other.number, alive.load(Ordering::Relaxed)), (7, 1));
    drop(other);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}
