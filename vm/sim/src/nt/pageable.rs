//! Pageable memory: paged pool, and the sections of an image whose names begin with PAGE. At DISPATCH_LEVEL nothing can be paged in, so
//! there it is inaccessible. A driver that has none pays nothing.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::host::{PAGE_SIZE, Protection, memory};
use crate::kernel::kernel;
use crate::nt::irql::Irql;

/// Ranges of whole pages by their first address: their length, and what may be done with them below DISPATCH_LEVEL.
#[derive(Debug, Default)]
pub(crate) struct PageableState {
    ranges: RefCell<BTreeMap<usize, (usize, Protection)>>,
    any: Cell<bool>,
    hidden: Cell<bool>,
}

fn state() -> &'static PageableState {
    &kernel().nt.pageable
}

/// Pages that are pageable from now on. Those that are made at DISPATCH_LEVEL can be used until that is left.
pub(crate) fn add(start: usize, length: usize, protection: Protection) {
    let length = length.next_multiple_of(PAGE_SIZE);
    state()
        .ranges
        .borrow_mut()
        .insert(start, (length, protection));
    state().any.set(true);
}

/// The pages at `start` go away, or are locked: they are accessible.
pub(crate) fn remove(start: usize) {
    let gone = state().ranges.borrow_mut().remove(&start);
    if let Some((length, protection)) = gone
        && state().hidden.get()
    {
        protect(start, length, protection);
    }
    state().any.set(!state().ranges.borrow().is_empty());
}

/// An image goes away.
pub(crate) fn remove_in(start: usize, length: usize) {
    let all: Vec<usize> = {
        let ranges = state().ranges.borrow();
        ranges
            .range(start..start + length)
            .map(|(at, _)| *at)
            .collect()
    };
    all.into_iter().for_each(remove);
}

fn protect(start: usize, length: usize, protection: Protection) {
    // SAFETY: pages of the pool or of an image; nothing but driver code uses them, and what it may not touch faults into a report.
    unsafe { memory::protect(start as *mut u8, length, protection) }
        .expect("own pages can be protected");
}

/// The processor's level has become `level`.
pub(crate) fn level_is(level: Irql) {
    let state = state();
    if !state.any.get() && !state.hidden.get() {
        return;
    }
    let hide = level >= Irql::DISPATCH;
    if state.hidden.replace(hide) == hide {
        return;
    }
    for (start, (length, protection)) in state.ranges.borrow().iter() {
        let protection = if hide { Protection::None } else { *protection };
        protect(*start, *length, protection);
    }
}

/// Whether an address is one that only the level makes inaccessible.
pub(crate) fn hides(address: usize) -> bool {
    let ranges = state().ranges.borrow();
    let below = ranges.range(..=address).next_back();
    state().hidden.get() && below.is_some_and(|(start, (length, _))| address < start + length)
}

/// Makes everything accessible: a report reads code.
pub(crate) fn reveal() {
    level_is(Irql::PASSIVE);
}
