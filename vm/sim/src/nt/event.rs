//! Events (KEVENT): set, reset, watched by clients of the machine.

use std::cell::RefCell;
use std::rc::Rc;

use crate::address::ByAddress;
use crate::finding;
use crate::imports::nt_rows;
use crate::kernel::kernel;
use crate::nt::irql;
use crate::nt::layout::{KEvent, ListEntry};
use crate::nt::object::{self, Kind};
use crate::nt::pool::{self, Owner};
use crate::rules;
use crate::time::Qpc;

/// What setting an event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum EventKind {
    /// Stays set until it is reset, and ends every wait (NotificationEvent).
    Notification = 0,
    /// One wait ends and resets it (SynchronizationEvent).
    Synchronization = 1,
}

type Observer = Rc<RefCell<dyn FnMut(Qpc)>>;

/// Who wants to know of which event.
#[derive(Default)]
pub(crate) struct EventState {
    observers: RefCell<ByAddress<Vec<Observer>>>,
}

impl std::fmt::Debug for EventState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} events observed", self.observers.borrow().len())
    }
}

/// Prepares an event in memory that the caller owns.
pub fn initialize(event: *mut KEvent, kind: EventKind, signaled: bool) {
    // SAFETY: the caller passes memory for a KEVENT; a bad address faults into a report.
    unsafe {
        (*event).header.kind = kind as u8;
        (*event).header.flags = 0;
        (*event).header.size = u8::try_from(size_of::<KEvent>() / 4).expect("an event is small");
        (*event).header.state = 0;
        (*event).header.signal_state = i32::from(signaled);
        let head: *mut ListEntry = &raw mut (*event).header.wait_list;
        (*event).header.wait_list = ListEntry {
            flink: head,
            blink: head,
        };
    }
}

/// Makes an event object in kernel memory of its own. The caller holds its one reference and gives it back with
/// [`object::dereference`]; `object::open` makes a handle for it.
pub fn create(kind: EventKind, signaled: bool) -> *mut KEvent {
    let event = pool::allocate(size_of::<KEvent>(), *b"Even", Owner::System).cast::<KEvent>();
    initialize(event, kind, signaled);
    object::track(event, Kind::Event, move || {
        kernel()
            .nt
            .events
            .observers
            .borrow_mut()
            .remove(&(event as usize));
        pool::free(event.cast());
    });
    event
}

/// Calls `observer` each time the event is set, with the moment, whoever sets it. It may run inside a call of the driver,
/// at DISPATCH_LEVEL with locks held: it notes things or uses `sched::soon`, and does not call the driver.
pub fn observe(event: *mut KEvent, observer: impl FnMut(Qpc) + 'static) {
    let observer: Observer = Rc::new(RefCell::new(observer));
    kernel()
        .nt
        .events
        .observers
        .borrow_mut()
        .entry(event as usize)
        .or_default()
        .push(observer);
}

fn check(event: *mut KEvent) {
    // SAFETY: the driver's or our own event; a bad address faults into a report.
    let header = unsafe { (*event).header };
    if header.kind > 1 || header.wait_list.flink.is_null() {
        finding::raise(
            &rules::OBJECT_UNINITIALIZED,
            format!("the event at {event:p} was not initialised (KeInitializeEvent)"),
        );
    }
}

/// Sets an event and gives its state before.
pub fn set(event: *mut KEvent) -> bool {
    check(event);
    let before = signaled(event);
    // SAFETY: as for `check`.
    unsafe { (*event).header.signal_state = 1 };
    let observers = kernel()
        .nt
        .events
        .observers
        .borrow()
        .get(&(event as usize))
        .cloned();
    for observer in observers.into_iter().flatten() {
        observer.borrow_mut()(kernel().now());
    }
    before
}

/// Resets an event and gives its state before.
pub fn reset(event: *mut KEvent) -> bool {
    check(event);
    let before = signaled(event);
    // SAFETY: as for `check`.
    unsafe { (*event).header.signal_state = 0 };
    before
}

/// Whether an event is set.
pub fn signaled(event: *mut KEvent) -> bool {
    // SAFETY: the driver's or our own event; a bad address faults into a report.
    unsafe { (*event).header.signal_state > 0 }
}

/// Ends a wait when the event is set: a synchronization event is reset by that.
pub fn try_consume(event: *mut KEvent) -> bool {
    if !signaled(event) {
        return false;
    }
    // SAFETY: as for `signaled`.
    unsafe {
        if (*event).header.kind == EventKind::Synchronization as u8 {
            (*event).header.signal_state = 0;
        }
    }
    true
}

extern "win64" fn ke_initialize_event(event: *mut KEvent, kind: i32, state: u8) {
    let kind = if kind == EventKind::Notification as i32 {
        EventKind::Notification
    } else {
        EventKind::Synchronization
    };
    initialize(event, kind, state != 0);
}

extern "win64" fn ke_set_event(event: *mut KEvent, _increment: i32, wait: u8) -> i32 {
    irql::check_release("KeSetEvent", wait);
    i32::from(set(event))
}

extern "win64" fn ke_reset_event(event: *mut KEvent) -> i32 {
    i32::from(reset(event))
}

extern "win64" fn ke_clear_event(event: *mut KEvent) {
    reset(event);
}

extern "win64" fn ke_read_state_event(event: *mut KEvent) -> i32 {
    check(event);
    i32::from(signaled(event))
}

nt_rows! {
    "KeInitializeEvent" ke_initialize_event ANY      "wdm/nf-wdm-keinitializeevent";
    "KeSetEvent"        ke_set_event        DISPATCH "wdm/nf-wdm-kesetevent";
    "KeResetEvent"      ke_reset_event      DISPATCH "wdm/nf-wdm-keresetevent";
    "KeClearEvent"      ke_clear_event      DISPATCH "wdm/nf-wdm-keclearevent";
    "KeReadStateEvent"  ke_read_state_event DISPATCH "wdm/nf-wdm-kereadstateevent";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use std::cell::Cell;

    #[test]
    fn a_synchronization_event_lets_one_wait_through() {
        Kernel::boot(Options::default());
        for (kind, second) in [
            (EventKind::Notification, true),
            (EventKind::Synchronization, false),
        ] {
            let event = create(kind, false);
            assert!(!try_consume(event));
            assert_eq!((set(event), set(event)), (false, true));
            assert_eq!(
                (try_consume(event), try_consume(event)),
                (true, second),
                "{kind:?}"
            );
            object::dereference(event);
        }
    }

    #[test]
    fn observers_see_each_set_with_its_time() {
        let machine = Kernel::boot(Options::default());
        let event = create(EventKind::Synchronization, false);
        let seen = Rc::new(Cell::new((0, Qpc(0))));
        let inside = Rc::clone(&seen);
        observe(event, move |at| inside.set((inside.get().0 + 1, at)));
        set(event);
        crate::sched::run_for(crate::time::Hns(7));
        set(event);
        assert_eq!(seen.get(), (2, machine.now()));
    }

    #[test]
    fn an_event_that_was_never_initialised_is_found() {
        let machine = Kernel::boot(Options::default());
        let memory = pool::allocate(size_of::<KEvent>(), *b"Test", Owner::System);
        set(memory.cast());
        assert!(machine.findings.has(&rules::OBJECT_UNINITIALIZED));
    }
}
