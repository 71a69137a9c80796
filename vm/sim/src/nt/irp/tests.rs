//! Requests through drivers written here: completed at once, later, wrongly, cancelled, passed down.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

use super::*;
use crate::kernel::{Kernel, Options};
use crate::nt::io;
use crate::nt::irql::{self, Irql};
use crate::nt::layout::{DeviceObject, Dispatch, IoCsq};
use crate::nt::status::{STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS, STATUS_UNSUCCESSFUL};
use crate::nt::{device, driver};
use crate::sched;
use crate::time::Hns;

/// A device whose driver answers every request with `routine`.
fn device_with(routine: Dispatch) -> *mut DeviceObject {
    let object = driver::create("test");
    // SAFETY: the driver object was just made.
    unsafe { (*object).major_function = [Some(routine); _] };
    device::create(object, 0, None, 0)
}

/// Sends one request and gives: the dispatch routine's status, the result once there is one, the broken rules.
fn check(
    routine: Dispatch,
    during: impl FnOnce(*mut Irp),
) -> (NtStatus, Option<IoStatus>, Vec<String>) {
    let machine = Kernel::boot(Options::default());
    let target = device_with(routine);
    let irp = allocate(1, Owner::System);
    let result = Rc::new(Cell::new(None));
    let inside = Rc::clone(&result);
    let status = dispatch(target, irp, move |status| inside.set(Some(status)));
    during(irp);
    sched::run_for(Hns::from_millis(1));
    check_lost();
    let rules = machine
        .findings
        .all()
        .into_iter()
        .map(|finding| finding.rule)
        .collect();
    (status, result.get(), rules)
}

fn done(status: NtStatus, information: usize) -> Option<IoStatus> {
    Some(IoStatus {
        status,
        information,
    })
}

unsafe extern "win64" fn at_once(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    finish(irp, STATUS_SUCCESS, 7)
}

unsafe extern "win64" fn later(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    mark_pending(irp);
    sched::after(Hns(100), "completion", move || {
        finish(irp, STATUS_SUCCESS, 9);
    });
    STATUS_PENDING
}

unsafe extern "win64" fn later_unmarked(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    sched::after(Hns(100), "completion", move || {
        finish(irp, STATUS_SUCCESS, 0);
    });
    STATUS_PENDING
}

unsafe extern "win64" fn kept_silently(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    mark_pending(irp);
    STATUS_PENDING
}

unsafe extern "win64" fn other_status(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    finish(irp, STATUS_UNSUCCESSFUL, 0);
    STATUS_SUCCESS
}

unsafe extern "win64" fn pending_status(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    finish(irp, STATUS_SUCCESS, 0);
    STATUS_PENDING
}

unsafe extern "win64" fn completed_as_pending(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    finish(irp, STATUS_PENDING, 0)
}

/// Name, dispatch routine, its status, the result, the broken rules.
type Case = (
    &'static str,
    Dispatch,
    NtStatus,
    Option<IoStatus>,
    &'static [&'static str],
);

/// It forgets to take its cancel routine back.
unsafe extern "win64" fn still_cancellable(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    // SAFETY: called with a live IRP.
    unsafe { (*irp).cancel_routine = Some(on_cancel) };
    finish(irp, STATUS_SUCCESS, 0)
}

#[test]
fn requests_end_as_their_driver_says_and_wrong_ends_are_found() {
    let cases: &[Case] = &[
        (
            "at once",
            at_once,
            STATUS_SUCCESS,
            done(STATUS_SUCCESS, 7),
            &[],
        ),
        ("later", later, STATUS_PENDING, done(STATUS_SUCCESS, 9), &[]),
        (
            "unmarked",
            later_unmarked,
            STATUS_PENDING,
            done(STATUS_SUCCESS, 0),
            &["irp-pending-status"],
        ),
        ("lost", kept_silently, STATUS_PENDING, None, &["irp-lost"]),
        (
            "other",
            other_status,
            STATUS_SUCCESS,
            done(STATUS_UNSUCCESSFUL, 0),
            &["irp-status-mismatch"],
        ),
        (
            "pending",
            pending_status,
            STATUS_PENDING,
            done(STATUS_SUCCESS, 0),
            &["irp-pending-status"],
        ),
        (
            "bad",
            completed_as_pending,
            STATUS_PENDING,
            done(STATUS_PENDING, 0),
            &["irp-bad-status", "irp-pending-status"],
        ),
        (
            "cancellable",
            still_cancellable,
            STATUS_SUCCESS,
            done(STATUS_SUCCESS, 0),
            &["irp-cancel-routine"],
        ),
    ];
    for (name, routine, status, result, rules) in cases {
        let found = check(*routine, |_| {});
        assert_eq!((found.0, found.1), (*status, *result), "{name}");
        assert_eq!(found.2, *rules, "{name}");
    }
}

#[test]
#[should_panic(expected = "irp-double-complete")]
fn a_second_completion_ends_the_run() {
    Kernel::boot(Options::default());
    let irp = allocate(1, Owner::System);
    finish(irp, STATUS_SUCCESS, 0);
    // Its memory is gone; setting a result again would fault.
    complete(irp);
}

unsafe extern "win64" fn on_cancel(_: *mut DeviceObject, irp: *mut Irp) {
    // SAFETY: called with a live IRP and the cancel spin lock held.
    release_cancel_lock(unsafe { (*irp).cancel_irql });
    finish(irp, STATUS_CANCELLED, 0);
}

unsafe extern "win64" fn cancellable(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    mark_pending(irp);
    // SAFETY: called with a live IRP.
    unsafe { (*irp).cancel_routine = Some(on_cancel) };
    STATUS_PENDING
}

#[test]
fn cancelling_calls_the_routine_once_and_leaves_the_level_alone() {
    let found = check(cancellable, |irp| {
        assert!(cancel(irp));
        assert_eq!(irql::current(), Irql::PASSIVE);
    });
    assert_eq!(found, (STATUS_PENDING, done(STATUS_CANCELLED, 0), vec![]));
    let found = check(later, |irp| assert!(!cancel(irp)));
    assert_eq!(found, (STATUS_PENDING, done(STATUS_SUCCESS, 9), vec![]));
}

thread_local! {
    static QUEUE: RefCell<Vec<*mut Irp>> = const { RefCell::new(Vec::new()) };
    static CSQ: Cell<*mut IoCsq> = const { Cell::new(std::ptr::null_mut()) };
}

unsafe extern "win64" fn csq_insert(_: *mut IoCsq, irp: *mut Irp) {
    QUEUE.with_borrow_mut(|queue| queue.push(irp));
}

unsafe extern "win64" fn csq_remove(_: *mut IoCsq, irp: *mut Irp) {
    QUEUE.with_borrow_mut(|queue| queue.retain(|known| *known != irp));
}

unsafe extern "win64" fn csq_peek(_: *mut IoCsq, after: *mut Irp, _: *mut c_void) -> *mut Irp {
    QUEUE.with_borrow(|queue| {
        let start = queue
            .iter()
            .position(|irp| *irp == after)
            .map_or(0, |index| index + 1);
        queue.get(start).copied().unwrap_or(std::ptr::null_mut())
    })
}

unsafe extern "win64" fn csq_lock(_: *mut IoCsq, level: *mut Irql) {
    // SAFETY: the queue passes a place for the level.
    unsafe { level.write(irql::raise_to(Irql::DISPATCH)) };
}

unsafe extern "win64" fn csq_unlock(_: *mut IoCsq, level: Irql) {
    irql::lower_to(level);
}

unsafe extern "win64" fn csq_cancelled(_: *mut IoCsq, irp: *mut Irp) {
    finish(irp, STATUS_CANCELLED, 0);
}

unsafe extern "win64" fn queued(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    csq::io_csq_insert_irp(CSQ.get(), irp, std::ptr::null_mut());
    STATUS_PENDING
}

#[test]
fn a_cancel_safe_queue_gives_each_request_to_one_side() {
    let machine = Kernel::boot(Options::default());
    let mut memory = std::mem::MaybeUninit::<IoCsq>::uninit();
    CSQ.set(memory.as_mut_ptr());
    let callbacks = [
        csq_insert as *const () as usize,
        csq_remove as *const () as usize,
        csq_peek as *const () as usize,
        csq_lock as *const () as usize,
        csq_unlock as *const () as usize,
        csq_cancelled as *const () as usize,
    ];
    let [insert, remove, peek, lock, unlock, cancelled] = callbacks;
    csq::io_csq_initialize(CSQ.get(), insert, remove, peek, lock, unlock, cancelled);
    let target = device_with(queued);
    let results = Rc::new(RefCell::new(Vec::new()));
    let irps: Vec<*mut Irp> = (0..3)
        .map(|number| {
            let irp = allocate(1, Owner::System);
            let inside = Rc::clone(&results);
            dispatch(target, irp, move |result| {
                inside.borrow_mut().push((number, result.status))
            });
            irp
        })
        .collect();
    assert!(cancel(irps[1]));
    assert_eq!(*results.borrow(), [(1, STATUS_CANCELLED)]);
    for expected in [irps[0], irps[2]] {
        let next = csq::io_csq_remove_next_irp(CSQ.get(), std::ptr::null_mut());
        assert_eq!(next, expected);
        assert!(!cancel(next), "what left the queue has no cancel routine");
        finish(next, STATUS_SUCCESS, 0);
    }
    assert!(csq::io_csq_remove_next_irp(CSQ.get(), std::ptr::null_mut()).is_null());
    assert_eq!(results.borrow().len(), 3);
    assert!(
        machine.findings.all().is_empty(),
        "{:?}",
        machine.findings.all()
    );
}

unsafe extern "win64" fn note_completion(
    _: *mut DeviceObject,
    irp: *mut Irp,
    context: *mut c_void,
) -> NtStatus {
    // SAFETY: the context is the cell of the test; the IRP lives.
    unsafe { (*context.cast::<Cell<usize>>()).set((*irp).io_status.information) };
    STATUS_SUCCESS
}

thread_local! {
    static BELOW: Cell<*mut DeviceObject> = const { Cell::new(std::ptr::null_mut()) };
    static SEEN: Cell<usize> = const { Cell::new(0) };
}

unsafe extern "win64" fn pass_down(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    const ON_SUCCESS: u8 = 0x40;
    // SAFETY: the IRP was made with two locations, so there is a next one.
    unsafe {
        let next = next_stack(irp);
        next.write(*current_stack(irp));
        (*next).completion_routine = Some(note_completion);
        SEEN.with(|seen| (*next).context = std::ptr::from_ref(seen).cast_mut().cast());
        (*next).control = ON_SUCCESS;
    }
    call_driver(BELOW.get(), irp)
}

#[test]
fn completion_routines_run_on_the_way_up() {
    let machine = Kernel::boot(Options::default());
    let below = device_with(at_once);
    let above = device_with(pass_down);
    BELOW.set(device::attach(above, below));
    let status = io::pnp(below, 0, |_| {});
    assert_eq!(
        (status, SEEN.get()),
        (
            IoStatus {
                status: STATUS_SUCCESS,
                information: 7
            },
            7
        )
    );
    assert!(
        machine.findings.all().is_empty(),
        "{:?}",
        machine.findings.all()
    );
}

unsafe extern "win64" fn refuse_all(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    // SAFETY: called with a live IRP.
    unsafe { (*irp).io_status.status = STATUS_UNSUCCESSFUL };
    rows::iof_complete_request(irp, 0);
    STATUS_UNSUCCESSFUL
}

unsafe extern "win64" fn refuse_and_pass(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    // SAFETY: called with a live IRP of two locations.
    unsafe {
        (*irp).io_status.status = STATUS_UNSUCCESSFUL;
        (*irp).cancel_routine = Some(on_cancel);
        next_stack(irp).write(*current_stack(irp));
        (*next_stack(irp)).control = 0;
    }
    rows::iof_call_driver(BELOW.get(), irp)
}

unsafe extern "win64" fn pass_raised(_: *mut DeviceObject, irp: *mut Irp) -> NtStatus {
    let before = irql::raise_to(Irql::DISPATCH);
    // SAFETY: called with a live IRP of two locations.
    unsafe {
        next_stack(irp).write(*current_stack(irp));
        (*next_stack(irp)).control = 0;
    }
    let status = rows::iof_call_driver(BELOW.get(), irp);
    irql::lower_to(before);
    status
}

/// Sends a plug and play request through a function driver; the broken rules.
fn passed(routine: Dispatch, minor: u8, expect: &[&str]) {
    let machine = Kernel::boot(Options::default());
    let below = device_with(at_once);
    BELOW.set(device::attach(device_with(routine), below));
    io::pnp(below, minor, |_| {});
    let found = machine.findings.all().into_iter();
    let found: Vec<String> = found.map(|finding| finding.rule).collect();
    assert_eq!(found, expect, "{minor:#x}");
}

#[test]
fn a_function_driver_passes_requests_on() {
    passed(pass_down, 2, &[]);
    passed(pass_raised, 2, &["irql-ceiling"]);
    passed(refuse_all, 2, &["irp-not-forwarded"]);
    passed(refuse_all, 1, &[]);
    passed(refuse_and_pass, 2, &["irp-forwarded", "irp-cancel-routine"]);
}
