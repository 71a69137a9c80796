//! System threads: stacks of their own on the first processor, each switched to when the machine waits and away from where it waits
//! itself.
//!
//! A thread waits at PASSIVE_LEVEL or APC_LEVEL and without spin locks, so what goes with it from one switch to the next is its IRQL, its
//! critical regions, its open calls, and the exceptions that it is in the middle of.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::call::Nest;
use crate::host::watchdog;
use crate::inlined;
use crate::kernel::{kernel, try_kernel};
use crate::nt::irql::{self, Irql};
use crate::nt::region;
use crate::sched::{self, Waited};
use crate::seh;
use crate::time::Qpc;

/// Address space of a thread's stack; a report that is written on it needs more than driver code does.
const STACK: usize = 8 << 20;

type Fiber = Coroutine<(), (), (), DefaultStack>;
type Condition = *mut dyn FnMut() -> bool;

/// A thread that has not ended.
pub(crate) struct Thread {
    /// Its object, by which it is known.
    object: usize,
    fiber: RefCell<Option<Fiber>>,
    yielder: Cell<*const Yielder<(), ()>>,
    /// What it waits for. The condition lives on its stack, which does not move until then.
    blocked: Cell<Option<Condition>>,
    ended: Cell<bool>,
    // What goes with it; while it runs, of what was interrupted for it.
    irql: Cell<Irql>,
    regions: Cell<region::Regions>,
    nest: Nest,
    exceptions: RefCell<Vec<seh::Active>>,
}

/// The threads of a machine.
#[derive(Default)]
pub(crate) struct Threads {
    all: RefCell<Vec<Rc<Thread>>>,
    current: RefCell<Option<Rc<Thread>>>,
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} threads", self.all.borrow().len())
    }
}

fn state() -> &'static Threads {
    &kernel().threads
}

/// The object of the system thread that runs; `None` in every other thread.
pub(crate) fn current() -> Option<usize> {
    let current = try_kernel()?.threads.current.borrow();
    current.as_ref().map(|thread| thread.object)
}

/// The objects of the threads that have not ended.
pub(crate) fn left() -> Vec<usize> {
    let all = state().all.borrow();
    all.iter().map(|thread| thread.object).collect()
}

/// Starts a thread: it runs when the machine next waits. `ended` is called when it is over, outside of it.
pub(crate) fn start(object: usize, routine: impl FnOnce() + 'static) {
    let stack = DefaultStack::new(STACK).expect("address space for a thread's stack");
    let fiber = Coroutine::with_stack(stack, move |yielder: &Yielder<(), ()>, ()| {
        if let Some(thread) = &*state().current.borrow() {
            thread.yielder.set(yielder);
        }
        routine();
    });
    state().all.borrow_mut().push(Rc::new(Thread {
        object,
        fiber: RefCell::new(Some(fiber)),
        yielder: Cell::new(std::ptr::null()),
        blocked: Cell::new(None),
        ended: Cell::new(false),
        irql: Cell::new(Irql::PASSIVE),
        regions: Cell::default(),
        nest: RefCell::default(),
        exceptions: RefCell::default(),
    }));
}

/// The thread that runs ends here; this does not return.
pub(crate) fn end() -> ! {
    if let Some(thread) = &*state().current.borrow() {
        thread.ended.set(true);
    }
    suspend();
    unreachable!("a thread that has ended is not switched to")
}

fn suspend() {
    let yielder = state()
        .current
        .borrow()
        .as_ref()
        .map(|thread| thread.yielder.get());
    let yielder = yielder.expect("a thread runs");
    // SAFETY: the thread that runs noted its yielder, which lives as long as its stack.
    unsafe { (*yielder).suspend(()) };
}

/// What belongs to a thread changes places with what belongs to whoever ran before.
fn exchange(thread: &Thread) {
    let before = irql::current();
    irql::set(thread.irql.replace(before));
    let regions = region::open();
    region::set(thread.regions.replace(regions));
    kernel().calls.exchange_with(&thread.nest);
    seh::exchange_with(&thread.exceptions);
}

/// As this thread, without its stack.
fn as_thread<T>(thread: &Rc<Thread>, action: impl FnOnce() -> T) -> T {
    exchange(thread);
    state().current.replace(Some(Rc::clone(thread)));
    inlined::set_current_thread(Some(thread.object));
    let result = action();
    inlined::set_current_thread(None);
    state().current.replace(None);
    exchange(thread);
    result
}

fn can_go_on(thread: &Rc<Thread>) -> bool {
    let Some(condition) = thread.blocked.get() else {
        return true;
    };
    // It may take what it waits for, and does so for its thread.
    // SAFETY: the condition lives on the stack of the thread, which stands in `block`.
    let ready = as_thread(thread, || unsafe { (*condition)() });
    if ready {
        thread.blocked.set(None);
    }
    ready
}

fn resume(thread: &Rc<Thread>) {
    let Some(mut fiber) = thread.fiber.take() else {
        return;
    };
    let result = as_thread(thread, || fiber.resume(()));
    watchdog::progress(kernel().calls.depth() > 0);
    match result {
        CoroutineResult::Yield(()) if !thread.ended.get() => {
            thread.fiber.replace(Some(fiber));
            return;
        }
        // SAFETY: what is left on its stack is the driver's code that ended the thread, and below it nothing that has anything to drop.
        CoroutineResult::Yield(()) => unsafe { fiber.force_reset() },
        CoroutineResult::Return(()) => {}
    }
    state()
        .all
        .borrow_mut()
        .retain(|one| !Rc::ptr_eq(one, thread));
    crate::nt::thread::ended(thread.object);
}

/// Lets one thread run that can, up to where it waits; `false` when there is none, or in a thread.
pub(crate) fn go_on() -> bool {
    let threads = state();
    if threads.all.borrow().is_empty() || threads.current.borrow().is_some() {
        return false;
    }
    let all = threads.all.borrow().clone();
    let Some(thread) = all.iter().find(|thread| can_go_on(thread)) else {
        return false;
    };
    // The next time it is the others' turn.
    threads
        .all
        .borrow_mut()
        .retain(|one| !Rc::ptr_eq(one, thread));
    threads.all.borrow_mut().push(Rc::clone(thread));
    resume(thread);
    true
}

/// In a thread: until `condition` holds, which is asked outside of it.
fn block(condition: &mut dyn FnMut() -> bool) {
    let condition: *mut (dyn FnMut() -> bool + '_) = condition;
    // SAFETY: only the lifetime changes: the condition is used while this function stands in `suspend`, and no longer.
    let condition: Condition = unsafe { std::mem::transmute(condition) };
    if let Some(thread) = &*state().current.borrow() {
        thread.blocked.set(Some(condition));
    }
    suspend();
}

/// A wait of the thread that runs: it does not run the machine.
pub(crate) fn run_until(condition: &mut dyn FnMut() -> bool, deadline: Option<Qpc>) -> Waited {
    sched::wait_by(block, condition, deadline)
}
