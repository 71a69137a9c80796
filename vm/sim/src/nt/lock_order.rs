//! The hierarchy of locks, spin locks and those that threads hold: once one was acquired while another was held, no chain of acquisitions may lead the other way. Two
//! processors that go both ways at once wait for each other for good, whether or not this run has them meet.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::finding;
use crate::image;
use crate::kernel::kernel;
use crate::nt::pool;
use crate::rules;

/// A lock that was acquired while another one was held, and by whom.
#[derive(Debug, Clone, Copy)]
struct Inner {
    lock: usize,
    site: Option<usize>,
}

/// For each lock, those that were acquired under it.
#[derive(Debug, Default)]
pub(crate) struct LockOrder {
    under: RefCell<BTreeMap<usize, Vec<Inner>>>,
}

fn state() -> &'static RefCell<BTreeMap<usize, Vec<Inner>>> {
    &kernel().nt.lock_order.under
}

/// Notes that `lock` is acquired while `outer` is held.
pub(crate) fn acquired(outer: usize, lock: usize, site: Option<usize>) {
    let known = |all: &Vec<Inner>| all.iter().any(|one| one.lock == lock);
    if state().borrow().get(&outer).is_some_and(known) {
        return;
    }
    // A lock on the stack is another one each time.
    let lasts = |lock| image::contains(lock) || pool::knows(lock);
    if !(lasts(outer) && lasts(lock)) {
        return;
    }
    if let Some(back) = way(lock, outer) {
        let place = back.map_or_else(String::new, |site| {
            format!(" at {}", image::offset_name(site))
        });
        let text = format!(
            "the lock at {lock:#x} is acquired while the one at {outer:#x} is held, and was held itself{place} when that was acquired"
        );
        finding::raise(&rules::LOCK_HIERARCHY, text);
    }
    let mut under = state().borrow_mut();
    under.entry(outer).or_default().push(Inner { lock, site });
}

/// Where the last step of a chain of acquisitions from one lock to another was made; `None` when there is no such chain.
fn way(from: usize, to: usize) -> Option<Option<usize>> {
    let under = state().borrow();
    let (mut open, mut seen) = (vec![from], vec![from]);
    while let Some(lock) = open.pop() {
        for inner in under.get(&lock).into_iter().flatten() {
            if inner.lock == to {
                return Some(inner.site);
            }
            if !seen.contains(&inner.lock) {
                seen.push(inner.lock);
                open.push(inner.lock);
            }
        }
    }
    None
}

/// Forgets the locks in memory that is freed: what comes to lie there is something else.
pub(crate) fn forget(start: usize, length: usize) {
    let mut under = state().borrow_mut();
    if under.is_empty() {
        return;
    }
    let gone = start..start + length;
    under.retain(|lock, inner| {
        inner.retain(|one| !gone.contains(&one.lock));
        !gone.contains(lock) && !inner.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use crate::nt::pool::Owner;

    /// Pairs of an outer and an inner lock of three, one after the other; whether the rule is broken.
    fn check(pairs: &[(usize, usize)], freed_before_last: bool, expect: bool) {
        let machine = Kernel::boot(Options::default());
        let block = pool::allocate(24, *b"Lock", Owner::Driver);
        let lock = |number: usize| block as usize + 8 * number;
        for (index, (outer, inner)) in pairs.iter().enumerate() {
            if freed_before_last && index + 1 == pairs.len() {
                forget(block as usize, 24);
            }
            acquired(lock(*outer), lock(*inner), None);
        }
        let found = machine.findings.has(&rules::LOCK_HIERARCHY);
        assert_eq!(found, expect, "{pairs:?}");
    }

    #[test]
    fn locks_have_one_order() {
        check(&[(0, 1), (0, 1), (0, 2), (1, 2)], false, false);
        check(&[(0, 1), (1, 0)], false, true);
        check(&[(0, 1), (1, 2), (2, 0)], false, true);
        check(&[(0, 1), (1, 0)], true, false);
    }
}
