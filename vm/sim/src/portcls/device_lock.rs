//! PortCls's global device lock: what it does for programs it does for one at a time.
//!
//! That property requests take it, those for positions and packets among them, is written ("UsePositionLock": only a driver whose INF
//! sets that value gets positions and packets outside of it). That opening and closing, power and Plug and Play take it is inferred: all of them change what a
//! property request looks at.

use std::cell::Cell;
use std::rc::Rc;

use crate::processor::{self, Side};

/// The lock of one device. A processor may take it again.
#[derive(Debug, Default)]
pub(super) struct DeviceLock {
    holder: Cell<Option<Side>>,
    depth: Cell<u32>,
}

/// The right to go on; dropped, the lock is free again.
pub(super) struct Held(Rc<DeviceLock>);

impl DeviceLock {
    /// Takes the lock, when the other processor has given it back.
    pub(super) fn take(self: &Rc<Self>) -> Held {
        let side = processor::side();
        processor::wait("PortCls's device lock", || {
            self.holder.get().is_none_or(|holder| holder == side)
        });
        self.holder.set(Some(side));
        self.depth.set(self.depth.get() + 1);
        Held(Rc::clone(self))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.depth.set(self.0.depth.get() - 1);
        if self.0.depth.get() == 0 {
            self.0.holder.set(None);
        }
    }
}
