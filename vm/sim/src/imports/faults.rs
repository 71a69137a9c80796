//! Makes a service that may fail on a real machine fail here: every such service asks this one place.

use std::cell::Cell;

use crate::kernel::kernel;

/// How many fallible services ran, and which of them is to fail.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    count: Cell<u64>,
    fail_at: Cell<Option<u64>>,
}

/// Whether the service that runs now has to fail for want of resources.
pub fn denied() -> bool {
    let faults = &kernel().nt.faults;
    let number = faults.count.get();
    faults.count.set(number + 1);
    faults.fail_at.get() == Some(number)
}

/// How many fallible services the driver has used so far.
pub fn used() -> u64 {
    kernel().nt.faults.count.get()
}

/// Makes the fallible service with this number fail, counted from 0 since boot; `None` lets all work.
pub fn fail_at(number: Option<u64>) {
    kernel().nt.faults.fail_at.set(number);
}
