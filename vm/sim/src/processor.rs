//! A second processor: another activity that calls the driver while the first is in the middle of a call.
//!
//! Both are stacks of one thread, so that a run stays deterministic: control goes from one to the other only at boundaries between
//! driver and kernel, where whoever armed the machine decides it ([`arm`]), and where one of them cannot go on: it spins on a lock that
//! the other holds, or waits for what only the other can bring about. Each has its own IRQL, held locks, nest of calls and DPCs;
//! [`exchange`] puts those of the one that goes on in the place of the other's.
//!
//! What one processor alone can interleave, an interrupt between two instructions below DISPATCH_LEVEL, is what the second processor
//! does when its activity is the timer's DPC and runs to its end.
//!
//! The first processor runs the machine: time passes and scheduled work is done there alone. Whatever the second waits for, it waits for
//! until the first brings it about, and it goes on before time passes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::finding;
use crate::host::watchdog;
use crate::kernel::{kernel, try_kernel};
use crate::nt::irql::{self, Irql};
use crate::nt::{dpc, extimer, irp, region, spinlock};
use crate::rules;
use crate::sched::{self, Waited};
use crate::seh;
use crate::time::Qpc;

/// Address space of the second processor's stack; a report that is written on it needs more than driver code does.
const STACK: usize = 8 << 20;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The one that runs the machine.
    First,
    /// The one with another activity.
    Second,
}

/// What happens at a boundary.
pub(crate) enum Decision {
    /// The processor goes on.
    Stay,
    /// The other one goes on, if it can.
    Switch,
    /// An activity begins on the second processor, which had none.
    Start(Box<dyn FnOnce()>),
}

/// Decides at every boundary: on which side it is, and whether the second processor has an activity.
type Decide = Rc<dyn Fn(Side, bool) -> Decision>;

/// Why the second processor does not run.
enum Blocked {
    /// It was switched away from.
    No,
    /// It goes on when this becomes true. The condition lives on its stack, which does not move until then.
    Until(&'static str, *mut dyn FnMut() -> bool),
}

type Activity = Coroutine<(), (), (), DefaultStack>;

/// Both processors, as far as they are one topic's.
pub(crate) struct Processors {
    decide: RefCell<Option<Decide>>,
    armed: Cell<bool>,
    side: Cell<Side>,
    /// The second has an activity.
    busy: Cell<bool>,
    /// That activity, while it does not run.
    parked: RefCell<Option<Activity>>,
    blocked: RefCell<Blocked>,
    yielder: Cell<*const Yielder<(), ()>>,
    /// The lock that the first spins on.
    wanted: Cell<usize>,
    stack: Cell<Option<DefaultStack>>,
    /// How often the second went on.
    turns: Cell<u64>,
    /// How often one had to wait for the other.
    waits: Cell<u64>,
}

impl Default for Processors {
    fn default() -> Self {
        Self {
            decide: RefCell::default(),
            armed: Cell::new(false),
            side: Cell::new(Side::First),
            busy: Cell::new(false),
            parked: RefCell::default(),
            blocked: RefCell::new(Blocked::No),
            yielder: Cell::new(std::ptr::null()),
            wanted: Cell::new(0),
            stack: Cell::new(None),
            turns: Cell::new(0),
            waits: Cell::new(0),
        }
    }
}

impl std::fmt::Debug for Processors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} runs, second busy: {}", self.side, self.busy.get())
    }
}

fn state() -> &'static Processors {
    &kernel().processors
}

/// Which processor runs.
#[inline]
pub(crate) fn side() -> Side {
    try_kernel().map_or(Side::First, |kernel| kernel.processors.side.get())
}

/// From now on `decide` says at every boundary what happens. It may be called inside a call of the driver: it looks at the machine and
/// notes things, and does not call the driver.
pub(crate) fn arm(decide: impl Fn(Side, bool) -> Decision + 'static) {
    state().decide.replace(Some(Rc::new(decide)));
    state().armed.set(true);
}

/// No more switches; what the second processor does goes on.
pub(crate) fn disarm() {
    state().armed.set(false);
    state().decide.take();
}

/// Whether somebody decides at boundaries.
#[inline]
pub(crate) fn is_armed() -> bool {
    state().armed.get()
}

/// A boundary between driver and kernel.
#[inline]
pub(crate) fn boundary() {
    if is_armed() {
        decide();
    }
}

#[cold]
fn decide() {
    let state = state();
    let Some(decide) = state.decide.borrow().clone() else {
        return;
    };
    let side = state.side.get();
    match (decide(side, state.busy.get()), side) {
        (Decision::Switch, Side::Second) => give_up(Blocked::No),
        (Decision::Switch, Side::First) => {
            go_on();
        }
        (Decision::Start(activity), Side::First) if !state.busy.get() => start(activity),
        (Decision::Stay | Decision::Start(_), _) => {}
    }
}

/// Begins an activity on the second processor and lets it run as far as it comes.
fn start(activity: Box<dyn FnOnce()>) {
    let state = state();
    let stack = state
        .stack
        .take()
        .unwrap_or_else(|| DefaultStack::new(STACK).expect("address space for a second stack"));
    let coroutine = Coroutine::with_stack(stack, |yielder: &Yielder<(), ()>, ()| {
        kernel().processors.yielder.set(yielder);
        activity();
    });
    state.parked.replace(Some(coroutine));
    state.blocked.replace(Blocked::No);
    state.busy.set(true);
    resume();
}

/// The other processor's part of every topic comes to the front.
fn exchange() {
    irql::exchange();
    spinlock::exchange();
    dpc::exchange();
    extimer::exchange();
    irp::exchange();
    region::exchange();
    kernel().calls.exchange();
    seh::exchange();
}

/// On the first processor: the second runs until it is done or cannot go on.
fn resume() {
    let state = state();
    let Some(mut activity) = state.parked.take() else {
        return;
    };
    state.turns.set(state.turns.get() + 1);
    exchange();
    state.side.set(Side::Second);
    let result = activity.resume(());
    state.side.set(Side::First);
    exchange();
    watchdog::progress(kernel().calls.depth() > 0);
    match result {
        CoroutineResult::Yield(()) => {
            state.parked.replace(Some(activity));
        }
        CoroutineResult::Return(()) => {
            state.busy.set(false);
            state.stack.set(Some(activity.into_stack()));
        }
    }
}

/// How often the second processor went on so far: while it does, and when it is held up, time passes that is nobody's fault.
pub(crate) fn turns() -> u64 {
    state().turns.get()
}

/// On the second processor: the first goes on.
fn give_up(why: Blocked) {
    state().blocked.replace(why);
    let yielder = state().yielder.get();
    // SAFETY: the second processor runs, so its activity has noted its yielder, which lives as long as its stack.
    unsafe { (*yielder).suspend(()) };
}

/// On the first processor: the second goes on, if it has something to do and can. `true` when it did.
pub(crate) fn go_on() -> bool {
    let state = state();
    if !state.busy.get() || state.side.get() == Side::Second || !can_go_on() {
        return false;
    }
    resume();
    true
}

fn can_go_on() -> bool {
    let condition = match &*state().blocked.borrow() {
        Blocked::No => return true,
        Blocked::Until(_, condition) => *condition,
    };
    // It may take what it waits for, and does so for the second processor.
    exchange();
    state().side.set(Side::Second);
    // SAFETY: the condition lives on the stack of the second processor, which stands in `give_up`.
    let ready = unsafe { (*condition)() };
    state().side.set(Side::First);
    exchange();
    if ready {
        state().blocked.replace(Blocked::No);
    }
    ready
}

/// On the second processor: until `condition` holds, which is asked on the first.
fn block(what: &'static str, condition: &mut dyn FnMut() -> bool) {
    waited();
    let condition: *mut (dyn FnMut() -> bool + '_) = condition;
    // SAFETY: only the lifetime changes: the condition is used while this function stands in `give_up`, and no longer.
    let condition: *mut (dyn FnMut() -> bool + 'static) = unsafe { std::mem::transmute(condition) };
    give_up(Blocked::Until(what, condition));
}

/// What the second processor waits for, in words.
fn waits_for() -> &'static str {
    match &*state().blocked.borrow() {
        Blocked::No => "nothing",
        Blocked::Until(what, _) => what,
    }
}

/// Waits until the other processor has made `condition` true.
pub(crate) fn wait(what: &'static str, mut condition: impl FnMut() -> bool) {
    if condition() {
        return;
    }
    if side() == Side::Second {
        block(what, &mut condition);
        return;
    }
    waited();
    if irql::current() < Irql::DISPATCH {
        sched::must(what, condition);
    } else {
        while !condition() {
            if !go_on() {
                deadlock(what);
            }
        }
    }
}

/// Spins until the other processor has released `lock`.
pub(crate) fn spin(lock: usize, mut free: impl FnMut() -> bool) {
    if side() == Side::Second {
        block("a spin lock that this processor holds", &mut free);
        return;
    }
    waited();
    let before = state().wanted.replace(lock);
    while !free() {
        if !go_on() {
            deadlock("a spin lock that the other holds");
        }
    }
    state().wanted.set(before);
}

fn waited() {
    state().waits.set(state().waits.get() + 1);
}

/// How often one processor had to wait for the other so far.
pub(crate) fn waits() -> u64 {
    state().waits.get()
}

fn deadlock(what: &str) -> ! {
    finding::fatal(
        &rules::LOCK_DEADLOCK,
        format!(
            "each processor waits for the other: this one for {what}, the other for {}",
            waits_for()
        ),
    )
}

/// A lock was released: who spins on it takes it.
#[inline]
pub(crate) fn freed(lock: usize) {
    let state = state();
    if !state.busy.get() {
        return;
    }
    match state.side.get() {
        Side::Second if state.wanted.get() == lock => give_up(Blocked::No),
        Side::Second => {}
        Side::First => {
            if matches!(&*state.blocked.borrow(), Blocked::Until(..)) {
                // Whatever it waits for: if that is not this lock, it does not go on.
                go_on_if_blocked();
            }
        }
    }
}

fn go_on_if_blocked() {
    if can_go_on() {
        resume();
    }
}

/// A wait of the second processor's: it does not run the machine.
pub(crate) fn run_until(condition: &mut dyn FnMut() -> bool, deadline: Option<Qpc>) -> Waited {
    sched::wait_by(
        |condition| block("what it waits for", condition),
        condition,
        deadline,
    )
}

/// Lets the second processor finish what it does.
///
/// # Errors
/// What it waits for, when nothing brings that about before `deadline`.
pub(crate) fn finish(deadline: Qpc) -> Result<(), &'static str> {
    let done = || !state().busy.get();
    match sched::run_until(done, Some(deadline)) {
        Waited::Met => Ok(()),
        Waited::Deadline | Waited::Hung => Err(waits_for()),
    }
}

/// Whether the processor that does not run is in the middle of a call of the driver, or about to make one for a request.
pub(crate) fn is_under_way_elsewhere() -> bool {
    !kernel().calls.nest_elsewhere().is_empty() || irp::is_dispatching_elsewhere()
}

/// Between two calls into the driver the second processor goes on with what it was held up in.
#[inline]
pub(crate) fn between_calls() {
    if state().busy.get() && kernel().calls.depth() == 0 {
        go_on();
    }
}

#[cfg(test)]
mod tests;
