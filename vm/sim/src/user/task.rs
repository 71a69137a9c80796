//! Programs as tasks: each is a future that the machine's schedule drives, so that several run side by side in virtual
//! time. A program that waits gives the processor back; nothing but the schedule decides who runs next.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::kernel::kernel;
use crate::sched;
use crate::time::{Hns, Qpc};

struct Task {
    name: &'static str,
    /// `None` while it runs and when it has ended.
    future: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>,
    /// It was woken while it ran.
    again: Cell<bool>,
}

thread_local! {
    /// The task that runs now: a request it makes may let others run in between.
    static CURRENT: RefCell<Option<Rc<Task>>> = const { RefCell::new(None) };
}

/// Makes a program ready to run. `done` is called with what it gives.
pub(super) fn spawn<R: 'static>(
    name: &'static str,
    program: impl Future<Output = R> + 'static,
    done: impl FnOnce(R) + 'static,
) {
    let task = Rc::new(Task {
        name,
        future: RefCell::new(Some(Box::pin(async move { done(program.await) }))),
        again: Cell::new(false),
    });
    wake(&task);
}

fn wake(task: &Rc<Task>) {
    let task = Rc::clone(task);
    sched::soon(task.name, move || run(&task));
}

fn run(task: &Rc<Task>) {
    let Some(mut future) = task.future.take() else {
        task.again.set(true);
        return;
    };
    let before = CURRENT.replace(Some(Rc::clone(task)));
    let polled = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    CURRENT.set(before);
    if polled.is_pending() {
        *task.future.borrow_mut() = Some(future);
        if task.again.take() {
            wake(task);
        }
    }
}

/// A bell that one task listens to.
#[derive(Clone, Default)]
pub(super) struct Bell {
    listener: Rc<RefCell<Option<Rc<Task>>>>,
}

impl Bell {
    /// Lets the listener look again. Callable at any IRQL: the listener runs later.
    pub(super) fn ring(&self) {
        if let Some(task) = self.listener.take() {
            wake(&task);
        }
    }

    /// Waits until `condition` holds, which is looked at when the bell rings; `false` when `deadline` came first.
    pub(super) async fn until(&self, mut condition: impl FnMut() -> bool, deadline: Qpc) -> bool {
        let bell = self.clone();
        let alarm = sched::at(deadline, "a program's deadline", move || bell.ring());
        let met = poll_fn(|_| {
            if condition() {
                return Poll::Ready(true);
            }
            if kernel().now() >= deadline {
                return Poll::Ready(false);
            }
            let current = CURRENT.with_borrow(Option::clone);
            *self.listener.borrow_mut() = current;
            Poll::Pending
        })
        .await;
        sched::cancel(alarm);
        met
    }
}

/// Lets time pass until `moment`; other programs run meanwhile.
pub(super) async fn sleep_until(moment: Qpc) {
    Bell::default().until(|| false, moment).await;
}

/// Lets `length` of time pass.
pub(super) async fn sleep(length: Hns) {
    sleep_until(kernel().now() + length).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use crate::sched::Waited;

    #[test]
    fn programs_run_side_by_side_in_virtual_time() {
        let start = Kernel::boot(Options::default()).now();
        let seen: Rc<RefCell<Vec<(&str, Hns)>>> = Rc::default();
        let bell = Bell::default();
        let rung = Rc::new(Cell::new(false));
        for (name, step) in [("a", 20), ("b", 30)] {
            let seen = Rc::clone(&seen);
            let program = async move {
                for _ in 0..3 {
                    sleep(Hns(step)).await;
                    seen.borrow_mut().push((name, kernel().now() - start));
                }
            };
            spawn(name, program, |()| ());
        }
        let (listener, condition) = (bell.clone(), Rc::clone(&rung));
        let met = Rc::new(Cell::new(None));
        let inside = Rc::clone(&met);
        let program = async move {
            let early = listener.until(|| false, start + Hns(5)).await;
            let met = listener.until(|| condition.get(), start + Hns(1000)).await;
            (early, met, kernel().now() - start)
        };
        spawn("listener", program, move |all| inside.set(Some(all)));
        sched::after(Hns(7), "ring", move || {
            rung.set(true);
            bell.ring();
        });
        assert_eq!(
            sched::run_until(|| seen.borrow().len() == 6, None),
            Waited::Met
        );
        let expect = [
            ("a", 20),
            ("b", 30),
            ("a", 40),
            ("b", 60),
            ("a", 60),
            ("b", 90),
        ];
        assert_eq!(*seen.borrow(), expect.map(|(name, at)| (name, Hns(at))));
        assert_eq!(met.get(), Some((false, true, Hns(7))));
    }
}
