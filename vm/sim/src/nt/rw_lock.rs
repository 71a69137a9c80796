//! Locks that several threads may share and one may have alone: who holds them. Resources and push locks are made of it.

use std::cell::RefCell;

use crate::address::ByAddress;
use crate::finding;
use crate::kernel::kernel;
use crate::nt::held;
use crate::{processor, rules};

/// Who holds one.
#[derive(Debug, Default, Clone)]
pub(super) struct Holders {
    pub(super) exclusive: bool,
    /// Owners, and how often each has it.
    all: Vec<(usize, u32)>,
    /// How many wait for it to be shared, and to have it alone.
    pub(super) waiting: [u32; 2],
}

impl Holders {
    fn times(&self, owner: usize) -> u32 {
        let one = self.all.iter().find(|(other, _)| *other == owner);
        one.map_or(0, |(_, times)| *times)
    }
}

/// All that anybody holds.
#[derive(Debug, Default)]
pub(crate) struct RwState {
    locks: RefCell<ByAddress<Holders>>,
}

fn state() -> &'static RefCell<ByAddress<Holders>> {
    &kernel().nt.rw_locks.locks
}

/// Who holds the lock now.
pub(super) fn holders(lock: usize) -> Holders {
    state().borrow().get(&lock).cloned().unwrap_or_default()
}

/// How often the thread that runs has it.
pub(super) fn times(lock: usize) -> u32 {
    holders(lock).times(held::owner())
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wish {
    /// Name in reports.
    pub(super) kind: &'static str,
    pub(super) exclusive: bool,
    /// Whether the thread waits.
    pub(super) waits: bool,
    /// Whether a thread that has it may have it again.
    pub(super) again: bool,
}

fn is_free(lock: usize, wish: Wish) -> bool {
    let now = holders(lock);
    if now.all.is_empty() {
        return true;
    }
    let own = now.times(held::owner()) > 0;
    if wish.exclusive {
        now.exclusive && own && wish.again
    } else {
        !now.exclusive || (own && wish.again)
    }
}

/// Takes the lock, now or when others have given it back; `false` when it does not wait.
pub(super) fn acquire(lock: usize, wish: Wish) -> bool {
    let me = held::owner();
    let now = holders(lock);
    let own = now.times(me) > 0;
    if own && wish.waits && (!wish.again || (wish.exclusive && !now.exclusive)) {
        finding::fatal(
            &rules::LOCK_DEADLOCK,
            format!(
                "the {} at {lock:#x} is acquired by a thread that has it already and waits for itself",
                wish.kind
            ),
        );
    }
    if wish.waits {
        held::wanted(lock);
    }
    if !is_free(lock, wish) {
        if !wish.waits {
            return false;
        }
        let count = |step: i32| {
            let mut locks = state().borrow_mut();
            let waiting = &mut locks.entry(lock).or_default().waiting;
            let waiting = &mut waiting[usize::from(wish.exclusive)];
            *waiting = waiting.saturating_add_signed(step);
        };
        count(1);
        processor::wait("a lock that another thread has", || is_free(lock, wish));
        count(-1);
    }
    {
        let mut locks = state().borrow_mut();
        let entry = locks.entry(lock).or_default();
        if entry.all.is_empty() {
            entry.exclusive = wish.exclusive;
        }
        match entry.all.iter_mut().find(|(owner, _)| *owner == me) {
            Some((_, times)) => *times += 1,
            None => entry.all.push((me, 1)),
        }
    }
    held::taken(lock, wish.kind);
    true
}

/// Gives the lock back for `owner`.
pub(super) fn release(lock: usize, owner: usize, kind: &str, what: &str) {
    let had = {
        let mut locks = state().borrow_mut();
        let entry = locks.entry(lock).or_default();
        let place = entry.all.iter().position(|(other, _)| *other == owner);
        if let Some(place) = place {
            entry.all[place].1 -= 1;
            if entry.all[place].1 == 0 {
                entry.all.remove(place);
            }
        }
        place.is_some()
    };
    if !had {
        finding::fatal(
            &rules::LOCK_NOT_HELD,
            format!(
                "{what}: the {kind} at {lock:#x} is released by a thread that does not have it"
            ),
        );
    }
    held::given(lock, owner);
}

/// Who has it alone shares it from now on.
pub(super) fn share(lock: usize, kind: &str, what: &str) {
    let now = holders(lock);
    if !now.exclusive || now.times(held::owner()) == 0 {
        finding::fatal(
            &rules::LOCK_NOT_HELD,
            format!("{what}: the {kind} at {lock:#x} is not held alone by this thread"),
        );
    }
    if let Some(entry) = state().borrow_mut().get_mut(&lock) {
        entry.exclusive = false;
    }
}

/// Whether anybody has it.
pub(super) fn is_held(lock: usize) -> bool {
    !holders(lock).all.is_empty()
}

/// Nobody has it any more.
pub(super) fn forget(lock: usize) {
    state().borrow_mut().remove(&lock);
    held::forget(lock);
}
