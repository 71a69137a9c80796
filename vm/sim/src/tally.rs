//! How often the driver was called, and called, by name, while somebody wants to know: `Scenario::count_calls`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use waverig_protocol::timeline::Event;

use crate::kernel::kernel;

/// The counts since the last start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    on: Cell<bool>,
    into_driver: RefCell<BTreeMap<&'static str, u64>>,
    into_kernel: RefCell<BTreeMap<u32, u64>>,
    copied: Cell<u64>,
}

impl Tally {
    /// Counts from nothing.
    pub(crate) fn start(&self) {
        self.on.set(true);
        self.into_driver.take();
        self.into_kernel.take();
        self.copied.set(0);
    }

    /// The driver is called.
    #[inline]
    pub(crate) fn driver_called(&self, name: &'static str) {
        if self.on.get() {
            count(&self.into_driver, name);
        }
    }

    /// The driver calls the kernel.
    #[inline]
    pub(crate) fn kernel_called(&self, import: u32) {
        if self.on.get() {
            count(&self.into_kernel, import);
        }
    }

    /// PortCls copied audio.
    pub(crate) fn copied(&self, bytes: u64) {
        self.copied.set(self.copied.get() + bytes);
    }

    /// What was counted; nothing is counted from then on.
    pub(crate) fn stop(&self) -> Event {
        self.on.set(false);
        let into_driver = self.into_driver.take().into_iter();
        let into_kernel = self.into_kernel.take().into_iter();
        Event::Counted {
            into_driver: into_driver
                .map(|(name, count)| (name.to_owned(), count))
                .collect(),
            into_kernel: into_kernel
                .map(|(import, count)| (kernel().imports.name(import), count))
                .collect(),
            copied_bytes: self.copied.take(),
        }
    }
}

#[cold]
fn count<Key: Ord>(counts: &RefCell<BTreeMap<Key, u64>>, key: Key) {
    *counts.borrow_mut().entry(key).or_default() += 1;
}
