//! Timers of ExAllocateTimer: high resolution, expiring at or a little after their due time.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;

use crate::address::ByAddress;
use crate::call;
use crate::finding;
use crate::imports::{call_site, nt_rows};
use crate::kernel::kernel;
use crate::nt::dpc;
use crate::nt::irql::{self, Irql};
use crate::nt::pool::{self, Owner};
use crate::nt::wait;
use crate::processor;
use crate::rules;
use crate::sched::{self, EventId};
use crate::time::{Hns, Qpc};

// Attributes (wdm.h, EX_TIMER_…).
const HIGH_RESOLUTION: u32 = 4;
const NO_WAKE: u32 = 8;
/// Timers without high resolution expire on the clock interrupt, 64 times a second.
const TICK: u64 = 156_250;
/// Size of what the driver gets: opaque to it.
const SIZE: usize = 0x40;

/// Timer callback: timer, context.
pub(crate) type Callback = unsafe extern "win64" fn(*mut c_void, *mut c_void);

/// `EXT_DELETE_PARAMETERS`.
#[repr(C)]
struct DeleteParameters {
    version: u32,
    reserved: u32,
    callback: Option<unsafe extern "win64" fn(*mut c_void)>,
    context: *mut c_void,
}

#[derive(Debug, Clone, Copy)]
struct Timer {
    callback: Option<Callback>,
    context: *mut c_void,
    high_resolution: bool,
    /// Length between expiries; zero for once.
    period: Hns,
    /// Due time without lateness, from which the next one of a periodic timer counts.
    nominal: Qpc,
    event: Option<EventId>,
    site: Option<usize>,
}

/// All timers, by address.
#[derive(Debug, Default)]
pub(crate) struct ExTimerState {
    timers: RefCell<ByAddress<Timer>>,
    /// The timer whose callback runs now, and the one whose callback the other processor is in.
    running: Cell<usize>,
    running_elsewhere: Cell<usize>,
}

/// The other processor runs from now on.
pub(crate) fn exchange() {
    state().running.swap(&state().running_elsewhere);
}

/// Waits until the other processor is not in this timer's callback.
fn wait_for_callback(address: usize, what: &'static str) {
    processor::wait(what, || state().running_elsewhere.get() != address);
}

fn state() -> &'static ExTimerState {
    &kernel().nt.extimers
}

fn get(timer: usize, what: &str) -> Timer {
    let found = state().timers.borrow().get(&timer).copied();
    found.unwrap_or_else(|| {
        finding::fatal(
            &rules::TIMER_BAD,
            format!("{what} with {timer:#x}, which is no timer or was deleted"),
        )
    })
}

fn update(timer: usize, change: impl FnOnce(&mut Timer)) {
    if let Some(timer) = state().timers.borrow_mut().get_mut(&timer) {
        change(timer);
    }
}

/// When the expiry that is nominally due at `nominal` really happens.
fn expiry(nominal: Qpc, high_resolution: bool) -> Qpc {
    let kernel = kernel();
    if high_resolution {
        nominal + Hns(kernel.random.up_to(kernel.options.timer_lateness.0))
    } else {
        Qpc(nominal.0.div_ceil(TICK) * TICK)
    }
}

fn schedule(address: usize, timer: &Timer) {
    let due = expiry(timer.nominal, timer.high_resolution).max(kernel().now());
    let event = sched::at(due, "ExTimer", move || {
        dpc::insert_kernel(move || expire(address))
    });
    update(address, |timer| timer.event = Some(event));
}

/// Runs at DISPATCH_LEVEL.
fn expire(address: usize) {
    let Some(timer) = state().timers.borrow().get(&address).copied() else {
        return;
    };
    update(address, |timer| timer.event = None);
    if timer.period > Hns(0) {
        let next = Timer {
            nominal: timer.nominal + timer.period,
            ..timer
        };
        update(address, |timer| timer.nominal = next.nominal);
        schedule(address, &next);
    }
    if let Some(callback) = timer.callback {
        // The callback of one timer does not run on two processors at once (inferred: its page says neither).
        wait_for_callback(address, "the timer's callback on the other processor");
        if !state().timers.borrow().contains_key(&address) {
            return;
        }
        let before = state().running.replace(address);
        // SAFETY: the callback is the one that the driver gave for this timer.
        unsafe {
            call::driver(
                "ExTimer callback",
                callback,
                (address as *mut c_void, timer.context),
            )
        };
        state().running.set(before);
    }
}

fn stop(address: usize, timer: &Timer) -> bool {
    let was_set = timer.event.is_some_and(sched::cancel);
    update(address, |timer| timer.event = None);
    was_set
}

extern "win64" fn ex_allocate_timer(
    callback: Option<Callback>,
    context: *mut c_void,
    attributes: u32,
) -> usize {
    if attributes & !(HIGH_RESOLUTION | NO_WAKE) != 0 {
        finding::raise(
            &rules::BAD_ARGUMENT,
            format!("ExAllocateTimer with attributes {attributes:#x}"),
        );
    }
    let address = pool::allocate(SIZE, *b"ExTm", Owner::System) as usize;
    let timer = Timer {
        callback,
        context,
        high_resolution: attributes & HIGH_RESOLUTION != 0,
        period: Hns(0),
        nominal: Qpc(0),
        event: None,
        site: call_site(),
    };
    state().timers.borrow_mut().insert(address, timer);
    address
}

extern "win64" fn ex_set_timer(
    address: usize,
    due: i64,
    period: i64,
    parameters: *const c_void,
) -> bool {
    let timer = get(address, "ExSetTimer");
    refuse_absolute(&timer, due);
    if !(0..=i64::from(i32::MAX)).contains(&period)
        || timer.high_resolution && !parameters.is_null() && wakes(parameters)
    {
        finding::raise(
            &rules::BAD_ARGUMENT,
            format!("ExSetTimer with period {period} and parameters at {parameters:p}"),
        );
    }
    let was_set = stop(address, &timer);
    let set = Timer {
        period: Hns(period.max(0).unsigned_abs()),
        nominal: wait::due_time(due),
        ..timer
    };
    update(address, |timer| {
        (timer.period, timer.nominal) = (set.period, set.nominal)
    });
    schedule(address, &set);
    was_set
}

/// Ends the run on an absolute due time.
fn refuse_absolute(timer: &Timer, due: i64) {
    if timer.high_resolution && due >= 0 {
        finding::fatal(
            &rules::TIMER_ABSOLUTE,
            format!("ExSetTimer of a high-resolution timer with the absolute due time {due}"),
        );
    }
}

/// Whether EXT_SET_PARAMETERS asks for a tolerable delay, which a high-resolution timer cannot have.
fn wakes(parameters: *const c_void) -> bool {
    const NO_WAKE_TOLERANCE: usize = 8;
    // SAFETY: the driver's structure; a bad address faults into a report.
    unsafe {
        parameters
            .byte_add(NO_WAKE_TOLERANCE)
            .cast::<i64>()
            .read_unaligned()
            > 0
    }
}

extern "win64" fn ex_cancel_timer(address: usize, _parameters: *const c_void) -> bool {
    let timer = get(address, "ExCancelTimer");
    stop(address, &timer)
}

extern "win64" fn ex_delete_timer(
    address: usize,
    cancel: u8,
    wait: u8,
    parameters: *const DeleteParameters,
) -> bool {
    let timer = get(address, "ExDeleteTimer");
    if wait != 0 && cancel == 0 {
        finding::fatal(&rules::TIMER_BAD, "ExDeleteTimer waits without cancelling");
    }
    if wait != 0 && irql::current() > Irql::APC {
        finding::raise(
            &rules::IRQL_CEILING,
            format!(
                "ExDeleteTimer waits at {}; it may wait at APC_LEVEL or below",
                irql::current()
            ),
        );
    }
    if wait != 0 && state().running.get() == address {
        finding::fatal(
            &rules::HANG,
            "ExDeleteTimer waits for the callback that it was called from",
        );
    }
    let was_set = timer.event.is_some();
    if cancel != 0 {
        stop(address, &timer);
        if wait != 0 {
            wait_for_callback(
                address,
                "ExDeleteTimer, for the callback on the other processor",
            );
            // The callback may have set the timer again, which has no effect by then ("Deleting a System-Allocated Timer Object").
            let set = state().timers.borrow().get(&address).copied();
            if let Some(set) = set {
                stop(address, &set);
            }
        }
        remove(address);
    } else if was_set {
        // The timer may expire once more before it goes away.
        let event = timer.event.expect("it is set");
        sched::at(event.due(), "ExDeleteTimer", move || remove(address));
        update(address, |timer| timer.period = Hns(0));
    } else {
        remove(address);
    }
    // SAFETY: null, or the driver's structure; a bad address faults into a report.
    if let Some(parameters) = unsafe { parameters.as_ref() }
        && let Some(callback) = parameters.callback
    {
        // SAFETY: the callback is the one that the driver gave.
        unsafe { call::driver("ExTimer delete callback", callback, (parameters.context,)) };
    }
    was_set && cancel != 0
}

fn remove(address: usize) {
    if state().timers.borrow_mut().remove(&address).is_some() {
        pool::free(address as *mut u8);
    }
}

/// Timers that exist though their driver goes away.
pub(crate) fn check_leaks() {
    let left = state()
        .timers
        .borrow()
        .iter()
        .map(|(address, timer)| (*address, *timer))
        .min_by_key(|(address, _)| *address);
    if let Some((address, timer)) = left {
        let set = if timer.event.is_some() {
            "is still set"
        } else {
            "was not deleted"
        };
        let site = timer.site.map_or_else(String::new, |site| {
            format!(", allocated at {}", crate::image::describe(site))
        });
        finding::fatal(
            &rules::TIMER_LEAK,
            format!("the timer at {address:#x} {set} after unload{site}"),
        );
    }
}

nt_rows! {
    "ExAllocateTimer" ex_allocate_timer DISPATCH "wdm/nf-wdm-exallocatetimer";
    "ExSetTimer"      ex_set_timer      DISPATCH "wdm/nf-wdm-exsettimer";
    "ExCancelTimer"   ex_cancel_timer   DISPATCH "wdm/nf-wdm-excanceltimer";
    "ExDeleteTimer"   ex_delete_timer   DISPATCH "wdm/nf-wdm-exdeletetimer";
}

/// A high-resolution timer that is set for a millisecond from now.
#[cfg(test)]
pub(crate) fn allocate_for_test(callback: Callback) -> usize {
    let timer = ex_allocate_timer(Some(callback), std::ptr::null_mut(), HIGH_RESOLUTION);
    ex_set_timer(timer, -10_000, 0, std::ptr::null());
    timer
}

/// Cancels it and waits.
#[cfg(test)]
pub(crate) fn delete_for_test(timer: usize) {
    ex_delete_timer(timer, 1, 1, std::ptr::null());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    thread_local! {
        static EXPIRED: RefCell<Vec<(Qpc, Irql)>> = const { RefCell::new(Vec::new()) };
    }

    unsafe extern "win64" fn note(_timer: *mut c_void, _context: *mut c_void) {
        EXPIRED.with_borrow_mut(|expired| expired.push((kernel().now(), irql::current())));
    }

    fn run(lateness: Hns, seed: u64) -> Vec<u64> {
        let machine = Kernel::boot(Options {
            timer_lateness: lateness,
            seed,
            ..Options::default()
        });
        let start = machine.now();
        let timer = ex_allocate_timer(Some(note), std::ptr::null_mut(), HIGH_RESOLUTION);
        assert!(!ex_set_timer(timer, -10_000, 10_000, std::ptr::null()));
        sched::run_for(Hns::from_millis(5) + lateness);
        assert!(ex_delete_timer(timer, 1, 1, std::ptr::null()));
        sched::run_for(Hns::from_millis(5));
        check_leaks();
        let expired = EXPIRED.take();
        assert!(expired.iter().all(|(_, level)| *level == Irql::DISPATCH));
        expired.iter().map(|(at, _)| (*at - start).0).collect()
    }

    #[test]
    fn a_periodic_timer_expires_on_time_without_lateness() {
        assert_eq!(run(Hns(0), 0), [10_000, 20_000, 30_000, 40_000, 50_000]);
    }

    #[test]
    fn lateness_is_bounded_seeded_and_does_not_add_up() {
        let times = run(Hns(4_000), 3);
        assert_eq!(times, run(Hns(4_000), 3));
        assert_ne!(times, run(Hns(4_000), 4));
        for (index, time) in times.iter().take(5).enumerate() {
            let late = time - (index as u64 + 1) * 10_000;
            assert!(late <= 4_000, "{times:?}");
        }
    }

    #[test]
    #[should_panic(expected = "timer-absolute")]
    fn an_absolute_due_time_ends_the_run() {
        Kernel::boot(Options::default());
        let timer = Timer {
            callback: None,
            context: std::ptr::null_mut(),
            high_resolution: true,
            period: Hns(0),
            nominal: Qpc(0),
            event: None,
            site: None,
        };
        refuse_absolute(&timer, 1);
    }

    #[test]
    #[should_panic(expected = "timer-leak")]
    fn a_timer_that_is_left_ends_the_run() {
        Kernel::boot(Options::default());
        ex_allocate_timer(Some(note), std::ptr::null_mut(), HIGH_RESOLUTION);
        check_leaks();
    }
}
