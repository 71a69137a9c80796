//! Activities on the second processor, with locks, waits and timers between the two. What is called here is what imports lead to.

use super::*;
use crate::kernel::{Kernel, Options};
use crate::nt::event::{self, EventKind};
use crate::nt::pool::{self, Owner};
use crate::nt::{extimer, mutex, wait};
use crate::time::Hns;

thread_local! {
    static LOG: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

fn log(what: &'static str) {
    LOG.with_borrow_mut(|log| log.push(what));
}

/// Arms the machine: `activity` begins at the first boundary of the first processor, and is switched away from at its own boundary of
/// this number, from 1; 0: never.
fn begin(activity: impl FnOnce() + 'static, back: u32) {
    let activity = Cell::new(Some(Box::new(activity) as Box<dyn FnOnce()>));
    let own = Cell::new(0);
    arm(move |side, _| match side {
        Side::First => activity.take().map_or(Decision::Stay, Decision::Start),
        Side::Second => {
            own.set(own.get() + 1);
            if own.get() == back {
                Decision::Switch
            } else {
                Decision::Stay
            }
        }
    });
}

fn word() -> *mut usize {
    pool::allocate(size_of::<usize>(), *b"Test", Owner::System).cast()
}

fn ends(expect: &[&str]) {
    assert_eq!(finish(kernel().now()), Ok(()));
    disarm();
    assert_eq!(LOG.take(), expect);
    assert_eq!(kernel().findings.all(), []);
    assert_eq!(
        (irql::current(), spinlock::held_count()),
        (Irql::PASSIVE, 0)
    );
}

fn lock(lock: *mut usize) -> Irql {
    let before = irql::raise_to(Irql::DISPATCH);
    spinlock::acquire(lock, Some(before));
    before
}

fn unlock(lock: *mut usize, before: Irql) {
    spinlock::release(lock, Some(before));
}

#[test]
fn an_activity_runs_to_its_end_in_the_middle_of_another() {
    Kernel::boot(Options::default());
    begin(
        || {
            assert_eq!((side(), irql::current()), (Side::Second, Irql::PASSIVE));
            log("second");
        },
        0,
    );
    let held = word();
    let before = lock(held);
    log("first");
    boundary();
    assert_eq!(irql::current(), Irql::DISPATCH);
    log("first again");
    unlock(held, before);
    ends(&["first", "second", "first again"]);
}

#[test]
fn who_spins_on_a_lock_takes_it_when_it_is_free() {
    Kernel::boot(Options::default());
    let shared = word();
    begin(
        move || {
            log("second wants it");
            let before = lock(shared);
            log("second has it");
            unlock(shared, before);
        },
        0,
    );
    let before = lock(shared);
    boundary();
    log("first gives it back");
    unlock(shared, before);
    log("first is done");
    ends(&[
        "second wants it",
        "first gives it back",
        "second has it",
        "first is done",
    ]);
}

#[test]
fn the_first_processor_spins_until_the_second_gives_a_lock_back() {
    Kernel::boot(Options::default());
    let shared = word();
    begin(
        move || {
            let before = lock(shared);
            log("second has it");
            boundary();
            log("second gives it back");
            unlock(shared, before);
            log("second is done");
        },
        1,
    );
    boundary();
    log("first wants it");
    let before = lock(shared);
    log("first has it");
    unlock(shared, before);
    ends(&[
        "second has it",
        "first wants it",
        "second gives it back",
        "first has it",
        "second is done",
    ]);
}

#[test]
#[should_panic(expected = "[lock-deadlock] each processor waits for the other")]
fn processors_that_wait_for_each_other_end_the_run() {
    Kernel::boot(Options::default());
    let (one, other) = (word(), word());
    begin(
        move || {
            lock(other);
            lock(one);
        },
        0,
    );
    lock(one);
    boundary();
    lock(other);
}

#[test]
fn orders_that_only_two_processors_would_notice_are_found_on_one() {
    let machine = Kernel::boot(Options::default());
    let (one, other) = (word(), word());
    for [outer, inner] in [[one, other], [other, one]] {
        let before = lock(outer);
        spinlock::acquire(inner, None);
        spinlock::release(inner, None);
        unlock(outer, before);
    }
    assert!(machine.findings.has(&rules::LOCK_HIERARCHY));
}

#[test]
#[should_panic(expected = "released by another processor than the one that holds it")]
fn a_lock_is_released_where_it_was_acquired() {
    Kernel::boot(Options::default());
    let shared = word();
    begin(
        move || {
            lock(shared);
            boundary();
        },
        1,
    );
    boundary();
    unlock(shared, Irql::PASSIVE);
}

#[test]
fn a_wait_on_the_second_processor_ends_by_what_the_first_does() {
    let machine = Kernel::boot(Options::default());
    let object = event::create(EventKind::Synchronization, false);
    let start = machine.now();
    begin(
        move || {
            assert!(wait::wait_for(object.cast(), Some(-20), "test").is_ok());
            log("second was signalled");
            let status = wait::wait_for(object.cast(), Some(-20), "test");
            assert_eq!(status, crate::nt::status::STATUS_TIMEOUT);
            assert_eq!(kernel().now() - start, Hns(20));
            log("second waited long enough");
        },
        0,
    );
    boundary();
    log("first");
    event::set(object);
    sched::run_for(Hns(50));
    ends(&["first", "second was signalled", "second waited long enough"]);
}

#[test]
fn a_second_processor_that_waits_for_nothing_is_told() {
    Kernel::boot(Options::default());
    let object = event::create(EventKind::Synchronization, false);
    begin(
        move || {
            wait::wait_for(object.cast(), None, "test");
        },
        0,
    );
    boundary();
    assert_eq!(finish(kernel().now()), Err("what it waits for"));
}

unsafe extern "win64" fn expired(_: *mut std::ffi::c_void, _: *mut std::ffi::c_void) {
    log("the callback begins");
    boundary();
    log("the callback ends");
}

#[test]
fn deleting_a_timer_waits_for_its_callback_on_the_other_processor() {
    let machine = Kernel::boot(Options::default());
    let timer = extimer::allocate_for_test(expired);
    begin(
        || {
            let latest = kernel().now() + Hns::from_millis(10);
            sched::take("ExTimer", latest).expect("it is set")();
        },
        // The first is that of the call itself.
        2,
    );
    boundary();
    log("first deletes it");
    extimer::delete_for_test(timer);
    log("it is gone");
    assert!(machine.findings.is_empty());
    ends(&[
        "the callback begins",
        "first deletes it",
        "the callback ends",
        "it is gone",
    ]);
}

#[test]
fn a_mutex_of_the_first_processor_is_waited_for_on_the_second() {
    Kernel::boot(Options::default());
    let shared = mutex::mutex_for_test();
    begin(
        move || {
            log("second wants it");
            assert!(wait::wait_for(shared.cast(), None, "test").is_ok());
            log("second has it");
            mutex::release_for_test(shared);
        },
        0,
    );
    for _ in 0..2 {
        assert!(wait::wait_for(shared.cast(), None, "test").is_ok());
    }
    boundary();
    log("first gives it back");
    mutex::release_for_test(shared);
    mutex::release_for_test(shared);
    ends(&["second wants it", "first gives it back", "second has it"]);
}
