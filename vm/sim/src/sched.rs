//! What happens when: work that is ready now, events with a due time, and waits in virtual time.
//!
//! Time moves only when nothing is runnable, straight to the next event's due time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;

use crate::finding;
use crate::host::watchdog;
use crate::kernel::kernel;
use crate::nt::{dpc, irql};
use crate::processor::{self, Side};
use crate::rules;
use crate::threads;
use crate::time::{Hns, Qpc};

/// A scheduled event: its due time and its number in the order of scheduling, which decides between equal times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId {
    due: Qpc,
    number: u64,
}

impl EventId {
    /// When it is due.
    #[must_use]
    pub fn due(self) -> Qpc {
        self.due
    }
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The condition became true.
    Met,
    /// The deadline passed first; the clock shows it.
    Deadline,
    /// No event is left that could ever make it true.
    Hung,
}

struct Task {
    name: &'static str,
    action: Box<dyn FnOnce()>,
}

/// What is to happen at some time, the next last. There are few: each timer and each waiting program has one.
#[derive(Default)]
struct Events(Vec<(EventId, Task)>);

impl Events {
    fn insert(&mut self, id: EventId, task: Task) {
        let place = self.0.partition_point(|(other, _)| *other > id);
        self.0.insert(place, (id, task));
    }

    fn remove(&mut self, id: EventId) -> Option<Task> {
        let place = self.0.binary_search_by(|(other, _)| id.cmp(other)).ok()?;
        Some(self.0.remove(place).1)
    }

    /// When the next one is due.
    fn next(&self) -> Option<Qpc> {
        self.0.last().map(|(id, _)| id.due)
    }

    /// Takes the next one, if it is due.
    fn pop_due(&mut self, now: Qpc) -> Option<Task> {
        let (_, task) = self.0.pop_if(|(id, _)| id.due <= now)?;
        Some(task)
    }

    /// Soonest first.
    fn iter(&self) -> impl Iterator<Item = &(EventId, Task)> {
        self.0.iter().rev()
    }
}

/// Everything that is to happen.
#[derive(Default)]
pub(crate) struct Schedule {
    events: RefCell<Events>,
    ready: RefCell<VecDeque<Task>>,
    numbers: Cell<u64>,
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.events.borrow();
        f.debug_list()
            .entries(events.iter().map(|(id, task)| (id.due, task.name)))
            .finish()
    }
}

impl Schedule {
    /// What is still to happen, soonest first, at most `limit` lines: for reports.
    pub(crate) fn outlook(&self, limit: usize) -> Vec<String> {
        let ready = self.ready.borrow();
        let events = self.events.borrow();
        let now = ready.iter().map(|task| format!("now: {}", task.name));
        let later = events
            .iter()
            .map(|(id, task)| format!("{}: {}", id.due, task.name));
        now.chain(later).take(limit).collect()
    }
}

/// Schedules `action` at `due`; in the past means at once. It runs at PASSIVE_LEVEL.
pub fn at(due: Qpc, name: &'static str, action: impl FnOnce() + 'static) -> EventId {
    let schedule = &kernel().schedule;
    let number = schedule.numbers.get();
    schedule.numbers.set(number + 1);
    let id = EventId { due, number };
    schedule.events.borrow_mut().insert(
        id,
        Task {
            name,
            action: Box::new(action),
        },
    );
    id
}

/// Schedules `action` after `delay`.
pub fn after(delay: Hns, name: &'static str, action: impl FnOnce() + 'static) -> EventId {
    at(kernel().now() + delay, name, action)
}

/// Takes an event back; `false` when it already ran or was taken back.
pub fn cancel(event: EventId) -> bool {
    kernel()
        .schedule
        .events
        .borrow_mut()
        .remove(event)
        .is_some()
}

/// Makes `action` ready: it runs at PASSIVE_LEVEL when the machine next waits, without time passing.
pub fn soon(name: &'static str, action: impl FnOnce() + 'static) {
    kernel().schedule.ready.borrow_mut().push_back(Task {
        name,
        action: Box::new(action),
    });
}

/// Runs one thing that needs no time: queued DPCs first, then ready work, then events that are due.
fn step_now() -> bool {
    if dpc::drain() || processor::go_on() {
        return true;
    }
    // Neither the second processor nor a thread runs the machine.
    if processor::side() == Side::Second || threads::current().is_some() {
        return false;
    }
    if threads::go_on() {
        return true;
    }
    let schedule = &kernel().schedule;
    let ready = schedule.ready.borrow_mut().pop_front();
    if let Some(task) = ready {
        run(task);
        return true;
    }
    let now = kernel().now();
    let due = schedule.events.borrow_mut().pop_due(now);
    match due {
        Some(task) => {
            run(task);
            true
        }
        None => false,
    }
}

/// Whether an event with this name is scheduled before `latest`.
pub(crate) fn is_scheduled(name: &str, latest: Qpc) -> bool {
    let events = kernel().schedule.events.borrow();
    let mut before = events.iter().take_while(|(id, _)| id.due <= latest);
    before.any(|(_, task)| task.name == name)
}

/// Takes the first event with this name, if one is scheduled before `latest`, and moves the clock to its due time if that is still to
/// come: the caller does what it stands for, now. Others that are due by then happen late.
pub(crate) fn take(name: &str, latest: Qpc) -> Option<Box<dyn FnOnce()>> {
    let mut events = kernel().schedule.events.borrow_mut();
    let found = events
        .iter()
        .find(|(id, task)| task.name == name && id.due <= latest)
        .map(|(id, _)| *id)?;
    let task = events.remove(found)?;
    drop(events);
    if found.due > kernel().now() {
        kernel().clock.advance_to(found.due);
    }
    Some(task.action)
}

fn run(task: Task) {
    watchdog::event();
    let before = irql::current();
    (task.action)();
    debug_assert_eq!(before, irql::current(), "{} changed the IRQL", task.name);
}

/// Runs everything that is runnable now; time does not move.
pub fn settle() {
    while step_now() {}
}

/// Runs the machine until `condition` holds. `deadline` is a moment of virtual time.
pub fn run_until(mut condition: impl FnMut() -> bool, deadline: Option<Qpc>) -> Waited {
    if processor::side() == Side::Second {
        return processor::run_until(&mut condition, deadline);
    }
    if threads::current().is_some() {
        return threads::run_until(&mut condition, deadline);
    }
    loop {
        if condition() {
            return Waited::Met;
        }
        if step_now() {
            continue;
        }
        let next = kernel().schedule.events.borrow().next();
        match (next, deadline) {
            (Some(due), Some(deadline)) if due > deadline => {
                kernel().clock.advance_to(deadline);
                return Waited::Deadline;
            }
            (Some(due), _) => kernel().clock.advance_to(due),
            (None, Some(deadline)) => {
                kernel().clock.advance_to(deadline);
                return Waited::Deadline;
            }
            (None, None) => return Waited::Hung,
        }
    }
}

/// A wait of what does not run the machine, the second processor or a thread: `give_way` lets go until what it gets becomes true.
pub(crate) fn wait_by(
    give_way: impl Fn(&mut dyn FnMut() -> bool),
    condition: &mut dyn FnMut() -> bool,
    deadline: Option<Qpc>,
) -> Waited {
    loop {
        if condition() {
            return Waited::Met;
        }
        if dpc::drain() {
            continue;
        }
        let over = move || deadline.is_some_and(|deadline| kernel().now() >= deadline);
        if over() {
            return Waited::Deadline;
        }
        let alarm = deadline.map(|deadline| at(deadline, "the deadline of a wait", || {}));
        let mut met = false;
        give_way(&mut || {
            met = condition();
            met || over()
        });
        if let Some(alarm) = alarm {
            cancel(alarm);
        }
        if met {
            return Waited::Met;
        }
    }
}

/// Runs the machine for `length` of virtual time.
pub fn run_for(length: Hns) {
    let end = kernel().now() + length;
    run_until(|| false, Some(end));
}

/// Runs the machine until `condition` holds; ends the run with a report when nothing can make it true.
pub fn must(what: &str, condition: impl FnMut() -> bool) {
    if run_until(condition, None) == Waited::Hung {
        finding::fatal(
            &rules::HANG,
            format!("nothing is left that could end the wait for {what}"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use std::rc::Rc;

    #[test]
    fn events_run_in_order_of_time_then_of_scheduling() {
        let start = Kernel::boot(Options::default()).now();
        let seen = Rc::new(RefCell::new(Vec::new()));
        for (delay, name) in [(20, "c"), (10, "a"), (10, "b")] {
            let seen = Rc::clone(&seen);
            after(Hns(delay), name, move || {
                seen.borrow_mut().push((name, kernel().now() - start))
            });
        }
        assert_eq!(run_until(|| seen.borrow().len() == 3, None), Waited::Met);
        assert_eq!(
            *seen.borrow(),
            [("a", Hns(10)), ("b", Hns(10)), ("c", Hns(20))]
        );
    }

    #[test]
    fn a_wait_ends_at_its_deadline_or_when_nothing_is_left() {
        let machine = Kernel::boot(Options::default());
        let start = machine.now();
        assert_eq!(run_until(|| false, Some(start + Hns(5))), Waited::Deadline);
        assert_eq!(machine.now() - start, Hns(5));
        assert_eq!(run_until(|| false, None), Waited::Hung);
        let event = after(Hns(1), "never", || panic!("taken back"));
        assert!(cancel(event) && !cancel(event));
        run_for(Hns(10));
        assert_eq!(machine.now() - start, Hns(15));
    }

    #[test]
    fn ready_work_runs_before_time_moves() {
        let machine = Kernel::boot(Options::default());
        let start = machine.now();
        let ran = Rc::new(Cell::new(None));
        let inside = Rc::clone(&ran);
        after(Hns(100), "later", || {});
        soon("now", move || inside.set(Some(kernel().now())));
        settle();
        assert_eq!(ran.get(), Some(start));
    }
}
