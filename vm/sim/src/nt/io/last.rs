//! The last reference on a file: each request holds one, so IRP_MJ_CLOSE comes behind the last of them, however late a driver or a
//! cancel routine completes it ("DispatchClose Routines").

use std::cell::RefCell;

use crate::address::ByAddress;
use crate::nt::layout::FileObject;
use crate::sched;

type Then = Box<dyn FnOnce()>;

thread_local! {
    /// By file object: requests that are not completed, and what happens after the last.
    static HELD: RefCell<ByAddress<(usize, Option<Then>)>> = RefCell::default();
}

/// A request is sent.
pub(super) fn hold(file: *mut FileObject) {
    HELD.with_borrow_mut(|held| held.entry(file as usize).or_default().0 += 1);
}

/// A request has come back.
pub(super) fn let_go(file: *mut FileObject) {
    let then = HELD.with_borrow_mut(|held| {
        let (count, _) = held.get_mut(&(file as usize))?;
        *count -= 1;
        if *count > 0 {
            return None;
        }
        held.remove(&(file as usize))?.1
    });
    if let Some(then) = then {
        // The driver may be on the stack.
        sched::soon("a file's last reference is gone", then);
    }
}

/// Runs `then` when no request holds the file any more.
pub(super) fn when_free(file: *mut FileObject, then: impl FnOnce() + 'static) {
    let now = HELD.with_borrow_mut(|held| match held.get_mut(&(file as usize)) {
        Some((_, after)) => {
            *after = Some(Box::new(then));
            None
        }
        None => Some(then),
    });
    if let Some(then) = now {
        then();
    }
}
