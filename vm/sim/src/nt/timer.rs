//! Kernel timers (KTIMER): due once or periodically, on the clock's tick, with a DPC.

use std::cell::RefCell;

use crate::address::ByAddress;
use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::dpc;
use crate::nt::layout::{KDpc, KTimer, ListEntry};
use crate::nt::wait;
use crate::rules;
use crate::sched::{self, EventId};
use crate::time::{Hns, Qpc};

/// Kinds of timer objects (`KOBJECTS`, ntddk.h: TimerNotificationObject, TimerSynchronizationObject).
const TIMER_OBJECT: u8 = 8;

/// Timers without high resolution expire on the clock interrupt, 64 times a second.
const TICK: u64 = 156_250;

/// Timers that are set.
#[derive(Debug, Default)]
pub(crate) struct TimerState {
    set: RefCell<ByAddress<EventId>>,
}

fn state() -> &'static RefCell<ByAddress<EventId>> {
    &kernel().nt.timers.set
}

/// Whether a set timer lies in this range of memory.
pub(crate) fn set_in(start: usize, length: usize) -> bool {
    state()
        .borrow()
        .keys()
        .any(|timer| (start..start + length).contains(timer))
}

/// Set timers, as addresses.
pub(crate) fn all_set() -> Vec<usize> {
    state().borrow().keys().copied().collect()
}

fn initialize(timer: *mut KTimer, kind: i32) {
    // SAFETY: the driver passes memory for a KTIMER; a bad address faults into a report.
    unsafe {
        std::ptr::write_bytes(timer, 0, 1);
        (*timer).header.kind = TIMER_OBJECT + u8::from(kind != 0);
        let head: *mut ListEntry = &raw mut (*timer).header.wait_list;
        (*timer).header.wait_list = ListEntry {
            flink: head,
            blink: head,
        };
    }
}

/// The tick at or after a moment.
fn tick_from(moment: Qpc) -> Qpc {
    Qpc(moment.0.div_ceil(TICK) * TICK)
}

fn set(timer: *mut KTimer, due: i64, period: u32, dpc: *mut KDpc) -> bool {
    // SAFETY: the driver's timer; a bad address faults into a report.
    let object = unsafe { &mut *timer };
    if object.header.kind & !1 != TIMER_OBJECT {
        finding::raise(
            &rules::OBJECT_UNINITIALIZED,
            format!("the timer at {timer:p} was not initialised (KeInitializeTimer)"),
        );
    }
    let was_set = cancel(timer);
    object.header.signal_state = 0;
    object.dpc = dpc;
    object.period = period;
    let due = wait::due_time(due);
    object.due_time = due.0;
    schedule(timer, tick_from(due));
    was_set
}

fn schedule(timer: *mut KTimer, due: Qpc) {
    let event = sched::at(due, "KTIMER", move || expire(timer));
    state().borrow_mut().insert(timer as usize, event);
}

fn expire(timer: *mut KTimer) {
    state().borrow_mut().remove(&(timer as usize));
    // SAFETY: memory with a set timer cannot be freed unnoticed (`pool::release` looks).
    let (target, period) = unsafe {
        (*timer).header.signal_state = 1;
        ((*timer).dpc, (*timer).period)
    };
    if period > 0 {
        schedule(
            timer,
            tick_from(kernel().now() + Hns::from_millis(u64::from(period))),
        );
    }
    if !target.is_null() {
        dpc::insert(target, std::ptr::null_mut(), std::ptr::null_mut());
    }
}

fn cancel(timer: *mut KTimer) -> bool {
    let event = state().borrow_mut().remove(&(timer as usize));
    event.is_some_and(sched::cancel)
}

extern "win64" fn ke_initialize_timer(timer: *mut KTimer) {
    initialize(timer, 0);
}

extern "win64" fn ke_initialize_timer_ex(timer: *mut KTimer, kind: i32) {
    initialize(timer, kind);
}

extern "win64" fn ke_set_timer(timer: *mut KTimer, due: i64, dpc: *mut KDpc) -> bool {
    set(timer, due, 0, dpc)
}

extern "win64" fn ke_set_timer_ex(
    timer: *mut KTimer,
    due: i64,
    period: i32,
    dpc: *mut KDpc,
) -> bool {
    set(timer, due, period.max(0).unsigned_abs(), dpc)
}

extern "win64" fn ke_set_coalescable_timer(
    timer: *mut KTimer,
    due: i64,
    period: u32,
    _tolerance: u32,
    dpc: *mut KDpc,
) -> bool {
    set(timer, due, period, dpc)
}

extern "win64" fn ke_cancel_timer(timer: *mut KTimer) -> bool {
    cancel(timer)
}

extern "win64" fn ke_read_state_timer(timer: *mut KTimer) -> bool {
    // SAFETY: the driver's timer; a bad address faults into a report.
    unsafe { (*timer).header.signal_state > 0 }
}

nt_rows! {
    "KeInitializeTimer"     ke_initialize_timer      DISPATCH "wdm/nf-wdm-keinitializetimer";
    "KeInitializeTimerEx"   ke_initialize_timer_ex   DISPATCH "wdm/nf-wdm-keinitializetimerex";
    "KeSetTimer"            ke_set_timer             DISPATCH "wdm/nf-wdm-kesettimer";
    "KeSetTimerEx"          ke_set_timer_ex          DISPATCH "wdm/nf-wdm-kesettimerex";
    "KeSetCoalescableTimer" ke_set_coalescable_timer DISPATCH "wdm/nf-wdm-kesetcoalescabletimer";
    "KeCancelTimer"         ke_cancel_timer          DISPATCH "wdm/nf-wdm-kecanceltimer";
    "KeReadStateTimer"      ke_read_state_timer      DISPATCH "wdm/nf-wdm-kereadstatetimer";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use crate::nt::pool::{self, Owner};
    use std::cell::Cell;
    use std::ffi::c_void;

    thread_local! {
        static RAN: Cell<u32> = const { Cell::new(0) };
    }

    unsafe extern "win64" fn count(_: *mut KDpc, _: *mut c_void, _: *mut c_void, _: *mut c_void) {
        RAN.set(RAN.get() + 1);
    }

    #[test]
    fn a_periodic_timer_runs_on_ticks_until_cancelled() {
        let machine = Kernel::boot(Options::default());
        let timer: *mut KTimer = pool::allocate(0x40, *b"Test", Owner::System).cast();
        let object: *mut KDpc = pool::allocate(0x40, *b"Test", Owner::System).cast();
        dpc::initialize(object, Some(count), std::ptr::null_mut());
        ke_initialize_timer_ex(timer, 1);
        assert!(!ke_set_timer_ex(timer, -20_000, 2, object));
        assert!(set_in(timer as usize, 1));
        sched::run_for(Hns::from_millis(100));
        // A 2 ms period is coalesced to the 64 Hz tick: 6 ticks in 100 ms.
        assert_eq!(RAN.replace(0), 6);
        assert!(ke_cancel_timer(timer) && !ke_cancel_timer(timer));
        sched::run_for(Hns::from_millis(100));
        assert_eq!(RAN.get(), 0);
        assert!(machine.findings.all().is_empty());
    }
}
