//! What threads hold that others wait for: mutexes of every kind, resources and push locks, in the order of acquisition. Spin locks are
//! a processor's and stand in `spinlock`.

use std::cell::RefCell;

use crate::finding;
use crate::image;
use crate::imports::call_site;
use crate::kernel::kernel;
use crate::nt::lock_order;
use crate::{processor, rules, threads};

#[derive(Debug, Clone, Copy)]
struct Held {
    object: usize,
    kind: &'static str,
    owner: usize,
    /// How often its owner has it.
    times: u32,
    site: Option<usize>,
}

/// What is held, whoever holds it.
#[derive(Debug, Default)]
pub(crate) struct HeldState {
    all: RefCell<Vec<Held>>,
}

fn state() -> &'static RefCell<Vec<Held>> {
    &kernel().nt.held.all
}

/// What such locks know the thread that runs by.
pub(crate) fn owner() -> usize {
    threads::current().unwrap_or(1 + processor::side() as usize)
}

/// The thread that runs asks for `object` and may have to wait for it: that has one order, whoever does it.
pub(crate) fn wanted(object: usize) {
    let me = owner();
    let all = state().borrow();
    if all
        .iter()
        .any(|held| held.owner == me && held.object == object)
    {
        return;
    }
    for held in all.iter().filter(|held| held.owner == me) {
        lock_order::acquired(held.object, object, call_site());
    }
}

/// The thread that runs has it now, once more.
pub(crate) fn taken(object: usize, kind: &'static str) {
    let me = owner();
    let mut all = state().borrow_mut();
    let known = |held: &&mut Held| held.object == object && held.owner == me;
    match all.iter_mut().find(known) {
        Some(held) => held.times += 1,
        None => all.push(Held {
            object,
            kind,
            owner: me,
            times: 1,
            site: call_site(),
        }),
    }
}

/// `owner` gives it back once; `false` when it does not have it.
pub(crate) fn given(object: usize, owner: usize) -> bool {
    let mut all = state().borrow_mut();
    let known = |held: &Held| held.object == object && held.owner == owner;
    let Some(place) = all.iter().position(known) else {
        return false;
    };
    all[place].times -= 1;
    if all[place].times == 0 {
        all.remove(place);
    }
    true
}

/// Nobody has it any more: it was initialised anew.
pub(crate) fn forget(object: usize) {
    state().borrow_mut().retain(|held| held.object != object);
}

/// How many the thread that runs holds.
#[inline]
pub(crate) fn count() -> usize {
    let all = state().borrow();
    if all.is_empty() {
        return 0;
    }
    let me = owner();
    all.iter().filter(|held| held.owner == me).count()
}

/// Whether the thread that runs holds one of this kind.
pub(crate) fn has(kind: &str) -> bool {
    let me = owner();
    let all = state().borrow();
    all.iter().any(|held| held.owner == me && held.kind == kind)
}

/// Those of the thread that runs beyond the first `known` are told, and forgotten: it returned with them.
pub(crate) fn check_return(name: &str, known: usize) {
    let me = owner();
    if count() <= known {
        return;
    }
    let left: Vec<Held> = {
        let all = state().borrow();
        let mine = all.iter().filter(|held| held.owner == me);
        mine.skip(known).copied().collect()
    };
    for held in left {
        finding::raise(
            &rules::MUTEX_HELD,
            format!("{name} returned with {}", words(&held)),
        );
        forget(held.object);
    }
}

fn words(held: &Held) -> String {
    let site = held.site.map_or_else(String::new, |site| {
        format!(", acquired at {}", image::offset_name(site))
    });
    format!("the {} at {:#x}{site}", held.kind, held.object)
}

/// Memory is freed: nothing that is held lies in it.
pub(crate) fn check_freed(start: usize, length: usize) {
    let all = state().borrow();
    if all.is_empty() {
        return;
    }
    let found = all
        .iter()
        .find(|held| (start..start + length).contains(&held.object));
    let Some(held) = found.copied() else { return };
    drop(all);
    finding::raise(
        &rules::MUTEX_HELD,
        format!("memory with {} is freed", words(&held)),
    );
    forget(held.object);
}
