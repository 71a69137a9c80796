//! Freed memory: how long it is remembered before its pages are used again, whether it becomes inaccessible, and how much around it is
//! looked at. By default everything does, for long; machines that live through very many requests ask for less of the kernel's own.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::{Block, Owner, PoolState};
use crate::address::ByAddress;
use crate::host::{PAGE_SIZE, pages};

/// Freed allocations that are remembered, for reports, and whose addresses stay unused.
pub(super) const REMEMBERED: usize = 4096;
/// The same in long runs: their pages stay in the processor's first cache.
const REMEMBERED_IN_LONG_RUNS: usize = 4;
/// In long runs one in so many pieces of the kernel's own freed memory is made inaccessible; the others are filled and looked at. The
/// driver's own memory always is.
const LONG_RUN: u32 = 512;
/// In long runs, bytes around the kernel's own memory that are looked at when it is freed, and every how many times all are.
const NEAR: usize = 256;
const FAR: u32 = 16;
/// Freed allocations of more bytes give their memory back to the host; smaller ones are only made inaccessible, which costs a third.
pub(super) const KEPT: usize = 4 * PAGE_SIZE;

/// The allocations that were freed.
#[derive(Debug, Default)]
pub(super) struct Freed {
    /// Oldest first.
    remembered: RefCell<VecDeque<Block>>,
    /// Those of long ago, by the bytes of their pages, which are used again.
    recycled: RefCell<ByAddress<Vec<Block>>>,
    /// The kernel's own freed memory becomes inaccessible only every so many times when this is not 0; otherwise it is filled, and looked
    /// at when it is used again.
    sampling: Cell<u32>,
    long_run: Cell<bool>,
    released: Cell<u32>,
}

impl PoolState {
    /// From now on only every `times`-th piece of the kernel's own freed memory becomes inaccessible: a read of the others after their end
    /// is not seen, a write is. For machines that live through many thousands of requests, in which each kind of request is sent often
    /// enough to meet a protected one.
    pub(crate) fn protect_every(&self, times: u32) {
        self.freed.sampling.set(times);
    }

    /// A run begins that has millions of requests of the same few kinds: few pieces are protected, and few remembered, so that those
    /// stay in the processor's cache.
    pub(crate) fn begin_long_run(&self) {
        self.protect_every(LONG_RUN);
        self.freed.long_run.set(true);
        self.freed.forget_oldest();
    }

    /// Whether [`PoolState::begin_long_run`] was called.
    pub(crate) fn is_long_run(&self) -> bool {
        self.freed.long_run.get()
    }
}

impl Freed {
    /// Remembers one more.
    pub(super) fn add(&self, block: Block) {
        self.remembered.borrow_mut().push_back(block);
        self.forget_oldest();
    }

    /// The pages of those that are too many to be remembered are used again.
    fn forget_oldest(&self) {
        let most = if self.long_run.get() {
            REMEMBERED_IN_LONG_RUNS
        } else {
            REMEMBERED
        };
        let mut remembered = self.remembered.borrow_mut();
        while remembered.len() > most
            && let Some(old) = remembered.pop_front()
        {
            let length = pages(old.size.max(1));
            self.recycled
                .borrow_mut()
                .entry(length)
                .or_default()
                .push(old);
        }
    }

    /// A block whose pages are used again, of so many bytes of pages.
    pub(super) fn take(&self, length: usize) -> Option<Block> {
        self.recycled.borrow_mut().get_mut(&length)?.pop()
    }

    /// What is found of the one that was freed last and of which anything is.
    pub(super) fn latest<T>(&self, find: impl FnMut(&Block) -> Option<T>) -> Option<T> {
        self.remembered.borrow().iter().rev().find_map(find)
    }

    /// How many bytes around a block are looked at when it is freed: all in its pages, except in long runs around most of the kernel's own.
    pub(super) fn reach(&self, block: &Block, length: usize) -> usize {
        let near = self.long_run.get()
            && block.owner == Owner::System
            && !self.released.get().is_multiple_of(FAR);
        if near { NEAR } else { length }
    }

    /// Whether a block that is freed stays accessible.
    pub(super) fn stays(&self, block: &Block, length: usize) -> bool {
        let times = self.sampling.get();
        if times == 0 || block.owner == Owner::Driver || length > KEPT {
            return false;
        }
        let released = self.released.get().wrapping_add(1);
        self.released.set(released);
        !released.is_multiple_of(times)
    }
}
