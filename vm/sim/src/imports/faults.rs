//! Makes a service that may fail on a real machine fail here: every call from the driver passes this one place.
//!
//! What may fail, and with what, is the table in [`services`]. A service that is to fail does nothing at all and writes nothing: what
//! it would have given is what the driver left there.

mod services;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use waverig_protocol::fault::Failed;

use crate::kernel::kernel;
use crate::nt::status::NtStatus;
use crate::report;

pub(super) use services::find;

/// Places in the driver that are told of a call: the innermost are helpers that everything goes through.
const PLACES: usize = 3;

/// What a service that may fail answers then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// NULL.
    Null,
    /// This status.
    Status(NtStatus),
}

/// A service that may fail.
#[derive(Debug)]
pub(super) struct Service {
    /// Name of the import, or interface and method.
    pub(super) name: &'static str,
    /// What it answers then.
    pub(super) answer: Answer,
    /// Whether a call with these first four arguments may fail.
    pub(super) may: fn(&[u64; 4]) -> bool,
    /// What a report says of a call.
    pub(super) detail: fn(&[u64; 4]) -> String,
}

/// How many fallible services ran, which of them are to fail, and which did.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// [`begin`] was called: before, nothing is counted.
    begun: Cell<bool>,
    used: Cell<u64>,
    plan: RefCell<Vec<u64>>,
    failed: RefCell<Vec<Failed>>,
    by_name: RefCell<BTreeMap<&'static str, u64>>,
    answer: Cell<u64>,
}

/// Counts anew from 0, and lets the services with these numbers fail, each once.
pub fn begin(plan: &[u64]) {
    let faults = &kernel().nt.faults;
    faults.begun.set(true);
    faults.used.set(0);
    faults.plan.replace(plan.to_vec());
    faults.failed.borrow_mut().clear();
    faults.by_name.borrow_mut().clear();
}

/// How many fallible services the driver has used since [`begin`].
pub fn used() -> u64 {
    kernel().nt.faults.used.get()
}

/// The same by their names.
pub fn used_by_name() -> BTreeMap<String, u64> {
    let by_name = kernel().nt.faults.by_name.borrow();
    let named = by_name
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count));
    named.collect()
}

/// How many of those that were to fail have failed since [`begin`].
pub fn count() -> usize {
    kernel().nt.faults.failed.borrow().len()
}

/// Those that failed since [`begin`].
pub fn failed() -> Vec<Failed> {
    kernel().nt.faults.failed.borrow().clone()
}

/// The routine that answers in the place of a service, when this call of it is to fail.
#[inline]
pub(super) fn instead(service: &'static Service, arguments: &[u64; 4]) -> Option<*const ()> {
    if kernel().nt.faults.begun.get() {
        counted(service, arguments)
    } else {
        None
    }
}

#[cold]
fn counted(service: &'static Service, arguments: &[u64; 4]) -> Option<*const ()> {
    let faults = &kernel().nt.faults;
    if !(service.may)(arguments) {
        return None;
    }
    let number = faults.used.get();
    faults.used.set(number + 1);
    *faults.by_name.borrow_mut().entry(service.name).or_default() += 1;
    if !faults.plan.borrow().contains(&number) {
        return None;
    }
    let failed = Failed {
        number,
        service: service.name.to_owned(),
        detail: (service.detail)(arguments),
        place: report::driver_place(PLACES),
    };
    faults.failed.borrow_mut().push(failed);
    faults.answer.set(match service.answer {
        Answer::Null => 0,
        Answer::Status(status) => status.0.cast_unsigned().into(),
    });
    Some(refuse as *const ())
}

extern "win64" fn refuse() -> u64 {
    kernel().nt.faults.answer.get()
}

#[cfg(test)]
mod tests;
