//! Pool: every allocation on pages of its own, with an inaccessible page behind it; freed memory stays inaccessible.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

use crate::address::ByAddress;
use crate::finding;
use crate::host::{PAGE_SIZE, Protection, memory, pages};
use crate::image;
use crate::imports::call_site;
use crate::kernel::kernel;
use crate::nt::{dpc, held, lists, lock_order, pageable, remove_lock, resource, spinlock};
use crate::rules;

mod freed;
mod place;
mod rows;

use freed::{Freed, KEPT};
pub(crate) use place::{broken, describe, knows};
pub(crate) use rows::IMPORTS;

/// Address space taken at once; it is never given back. Tools that run programs for themselves, such as valgrind, have
/// little of it.
const ARENA: usize = 4 << 30;
/// Alignment of pool on x64 (wdm/nf-wdm-exallocatepool2, Remarks).
const ALIGNMENT: usize = 16;
/// Fills what lies around an allocation in its own pages, and freed memory that stays accessible ([`PoolState::protect_every`]).
const FILL_AROUND: u8 = 0xFA;
/// What lies around an allocation, at most a page on either side.
static AROUND: [u8; PAGE_SIZE] = [FILL_AROUND; PAGE_SIZE];
/// Fills memory whose content is undefined.
const FILL_FRESH: u8 = 0xCD;

/// Who has to give an allocation back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The driver.
    Driver,
    /// The kernel; the driver may use it but not free it.
    System,
}

/// How an allocation is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) size: usize,
    pub(crate) tag: [u8; 4],
    pub(crate) owner: Owner,
    pub(crate) zeroed: bool,
    pub(crate) paged: bool,
    pub(crate) alignment: usize,
}

/// One allocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    pub(crate) address: usize,
    pub(crate) size: usize,
    tag: [u8; 4],
    owner: Owner,
    paged: bool,
    first_page: usize,
    site: Option<usize>,
    freed_at: Option<usize>,
    /// Freed, and its pages hold [`FILL_AROUND`].
    poisoned: bool,
}

/// What pages hold that are used for an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pages {
    /// Zeros, once they are committed.
    Fresh,
    /// Anything, once they are committed.
    Used,
    /// They are accessible and hold [`FILL_AROUND`].
    Poisoned,
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes at {:#x}, tag '{}'",
            self.size,
            self.address,
            self.tag.escape_ascii()
        )?;
        if let Some(site) = self.site {
            write!(f, ", allocated at {}", image::describe(site))?;
        }
        Ok(())
    }
}

/// All allocations.
#[derive(Debug, Default)]
pub(crate) struct PoolState {
    /// Live ones by the address of their first page.
    live: RefCell<ByAddress<Block>>,
    freed: Freed,
    /// Address space that was never used.
    next: Cell<usize>,
    end: Cell<usize>,
}

impl PoolState {
    /// The driver's live allocations.
    pub(crate) fn driver_blocks(&self) -> Vec<Block> {
        self.live
            .borrow()
            .values()
            .filter(|block| block.owner == Owner::Driver)
            .copied()
            .collect()
    }

    /// The first page for `length` bytes of pages followed by a page that stays inaccessible, and what they hold. All from `offset` on is
    /// about to be overwritten.
    fn take_pages(&self, length: usize, offset: usize) -> (usize, Pages) {
        if let Some(old) = self.freed.take(length) {
            let left = if old.poisoned {
                check_poison(&old, offset);
                Pages::Poisoned
            } else {
                Pages::Used
            };
            return (old.first_page, left);
        }
        let whole = length + PAGE_SIZE;
        if self.next.get() + whole > self.end.get() {
            let size = ARENA.max(whole);
            let base = memory::reserve(size + PAGE_SIZE)
                .expect("address space for the pool")
                .as_ptr() as usize;
            // One page in front, so that the first allocation is guarded on both sides as well.
            self.next.set(base + PAGE_SIZE);
            self.end.set(base + PAGE_SIZE + size);
        }
        let first = self.next.get();
        self.next.set(first + whole);
        (first, Pages::Fresh)
    }
}

/// Allocates for the kernel or the driver: zeroed, non-paged.
pub fn allocate(size: usize, tag: [u8; 4], owner: Owner) -> *mut u8 {
    place(Request {
        size,
        tag,
        owner,
        zeroed: true,
        paged: false,
        alignment: ALIGNMENT,
    })
}

/// Allocates what is asked for.
pub(crate) fn place(request: Request) -> *mut u8 {
    let Request {
        size,
        tag,
        owner,
        zeroed,
        paged,
        alignment,
    } = request;
    let state = &kernel().nt.pool;
    let length = pages(size.max(1));
    // Small ones end at the guard page; those of a page or more start at a page, as on Windows.
    let offset = if size >= PAGE_SIZE {
        0
    } else {
        length - size.max(1).next_multiple_of(alignment)
    };
    let (first_page, left) = state.take_pages(length, offset);
    let address = first_page + offset;
    // SAFETY: the pages were reserved for the pool and given to nobody else.
    unsafe {
        let start = first_page as *mut u8;
        if left != Pages::Poisoned {
            memory::commit(start, length, Protection::ReadWrite).expect("memory for the pool");
        }
        if left != Pages::Poisoned {
            start.write_bytes(FILL_AROUND, offset);
            start
                .add(offset + size)
                .write_bytes(FILL_AROUND, length - offset - size);
        }
        if !zeroed {
            start.add(offset).write_bytes(FILL_FRESH, size);
        } else if left != Pages::Fresh {
            start.add(offset).write_bytes(0, size);
        }
    }
    let block = Block {
        address,
        size,
        tag,
        owner,
        paged,
        first_page,
        site: call_site(),
        freed_at: None,
        poisoned: false,
    };
    state.live.borrow_mut().insert(first_page, block);
    if paged {
        pageable::add(first_page, length, Protection::ReadWrite);
    }
    address as *mut u8
}

/// The live allocation that starts at this address.
fn starting_at(address: usize) -> Option<Block> {
    let live = kernel().nt.pool.live.borrow();
    // A block begins in its first page.
    let block = live.get(&(address / PAGE_SIZE * PAGE_SIZE))?;
    (block.address == address).then_some(*block)
}

/// Frees what [`allocate`] gave; for memory of the kernel.
pub fn free(address: *mut u8) {
    match starting_at(address as usize) {
        Some(block) => release(block),
        None => finding::fatal(
            &rules::SIMULATOR_DEFECT,
            format!("the kernel frees {address:p}, which is no live allocation"),
        ),
    }
}

/// Frees for the driver, with every check.
pub(crate) fn free_for_driver(address: usize, tag: Option<[u8; 4]>) {
    let Some(block) = starting_at(address) else {
        refuse(address)
    };
    if block.owner == Owner::System {
        finding::fatal(
            &rules::POOL_BAD_FREE,
            format!("the driver frees memory of the kernel: {block}"),
        );
    }
    if let Some(tag) = tag
        && tag != [0; 4]
        && tag != block.tag
    {
        // It is freed all the same: drivers that do this run on Windows (inferred; the public samples are among them).
        let text = format!("freed with tag '{}': {block}", tag.escape_ascii());
        finding::raise(&rules::POOL_WRONG_TAG, text);
    }
    rows::check_level(block.paged, "freed");
    release(block);
}

fn refuse(address: usize) -> ! {
    let freed = kernel()
        .nt
        .pool
        .freed
        .latest(|block| (block.address == address).then_some(*block));
    match freed {
        Some(block) => {
            let site = block.freed_at.map_or_else(String::new, |site| {
                format!(", first freed at {}", image::describe(site))
            });
            finding::fatal(
                &rules::POOL_DOUBLE_FREE,
                format!("freed again: {block}{site}"),
            )
        }
        None => finding::fatal(
            &rules::POOL_BAD_FREE,
            format!("{address:#x} is freed but {}", describe(address)),
        ),
    }
}

/// Checks what lies around a block, then makes its pages inaccessible for good.
fn release(mut block: Block) {
    let length = pages(block.size.max(1));
    let offset = block.address - block.first_page;
    if block.paged {
        pageable::remove(block.first_page);
    }
    // SAFETY: the block is live, so its pages are committed.
    let content = unsafe { std::slice::from_raw_parts(block.first_page as *const u8, length) };
    let touched = |range: std::ops::Range<usize>| content[range.clone()] != AROUND[..range.len()];
    let reach = kernel().nt.pool.freed.reach(&block, length);
    if touched(offset.saturating_sub(reach)..offset) {
        finding::fatal(
            &rules::POOL_UNDERRUN,
            format!("bytes before the allocation were written: {block}"),
        );
    }
    let end = offset + block.size;
    if touched(end..length.min(end + reach)) {
        finding::fatal(
            &rules::POOL_OVERRUN,
            format!("bytes behind the allocation were written: {block}"),
        );
    }
    if spinlock::held_in(block.address, block.size) {
        finding::raise(
            &rules::LOCK_HELD_AT_RETURN,
            format!("memory with a held spin lock is freed: {block}"),
        );
    }
    if dpc::queued_in(block.address, block.size) > 0
        || crate::nt::timer::set_in(block.address, block.size)
    {
        finding::fatal(
            &rules::TIMER_LEAK,
            format!("memory with a queued DPC or a set timer is freed: {block}"),
        );
    }
    if lists::lookaside_in(block.address, block.size) {
        finding::fatal(
            &rules::LOOKASIDE_FREED,
            format!("memory with a lookaside list that was not deleted is freed: {block}"),
        );
    }
    held::check_freed(block.address, block.size);
    resource::check_freed(block.address, block.size, &format_args!("{block} is freed"));
    remove_lock::check_freed(block.address, block.size);
    lock_order::forget(block.address, block.size);
    let state = &kernel().nt.pool;
    state.live.borrow_mut().remove(&block.first_page);
    // SAFETY: nobody may use the block any more; whoever does gets a fault, which is the point.
    unsafe {
        let start = block.first_page as *mut u8;
        block.poisoned = state.freed.stays(&block, length);
        if block.poisoned {
            // What lies around was just seen to hold it.
            start.add(offset).write_bytes(FILL_AROUND, block.size);
        } else if length > KEPT {
            memory::decommit(start, length).expect("own pages can be given back");
        } else {
            memory::protect(start, length, Protection::None).expect("own pages can be protected");
        }
    };
    block.freed_at = call_site();
    state.freed.add(block);
}

/// Whether freed memory that stayed accessible was left alone: all of it that the next block, which begins at `offset`, is about to
/// overwrite. What lies in front of both is looked at when that block is freed.
fn check_poison(block: &Block, offset: usize) {
    let length = pages(block.size.max(1));
    let from = offset.min(block.address - block.first_page);
    // SAFETY: the pages are the pool's, accessible, and nobody else's now.
    let content = unsafe { std::slice::from_raw_parts(block.first_page as *const u8, length) };
    let untouched = |part: &[u8]| part == &AROUND[..part.len()];
    if !content[from..].chunks(PAGE_SIZE).all(untouched) {
        finding::fatal(
            &rules::POOL_FREED,
            format!("memory was written after it had been freed: {block}"),
        );
    }
}

/// Reports everything that the driver has not given back.
pub(crate) fn check_leaks() {
    let mut groups: BTreeMap<([u8; 4], Option<usize>), (usize, usize)> = BTreeMap::new();
    for block in kernel().nt.pool.driver_blocks() {
        let group = groups.entry((block.tag, block.site)).or_default();
        group.0 += 1;
        group.1 += block.size;
    }
    for ((tag, site), (count, bytes)) in groups {
        let text = format!(
            "{count} allocation(s), {bytes} bytes with tag '{}' are left at unload",
            tag.escape_ascii()
        );
        finding::raise_at(&rules::POOL_LEAK, text, site);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn a_small_allocation_ends_at_its_guard_page() {
        Kernel::boot(Options::default());
        for size in [1_usize, 15, 16, 17, 100, 4000, 4095] {
            let address = allocate(size, *b"Test", Owner::Driver) as usize;
            assert_eq!(address % ALIGNMENT, 0);
            assert_eq!(
                (address + size.next_multiple_of(ALIGNMENT)) % PAGE_SIZE,
                0,
                "{size}"
            );
        }
        assert_eq!(
            allocate(4096, *b"Test", Owner::Driver) as usize % PAGE_SIZE,
            0
        );
        assert_eq!(
            allocate(5000, *b"Test", Owner::Driver) as usize % PAGE_SIZE,
            0
        );
    }

    #[test]
    #[should_panic(expected = "was written after it had been freed")]
    fn a_write_into_freed_memory_that_stayed_accessible_is_found_when_it_is_used_again() {
        let kernel = Kernel::boot(Options::default());
        kernel.nt.pool.protect_every(u32::MAX);
        let address = allocate(64, *b"Test", Owner::System);
        free(address);
        // SAFETY: the page is accessible still, and nobody's.
        unsafe { address.write(1) };
        for _ in 0..2 * freed::REMEMBERED {
            free(allocate(64, *b"Test", Owner::System));
        }
    }

    #[test]
    fn memory_is_zero_unless_asked_otherwise() {
        Kernel::boot(Options::default());
        let zeroed = allocate(64, *b"Test", Owner::Driver);
        let request = Request {
            size: 64,
            tag: *b"Test",
            owner: Owner::Driver,
            zeroed: false,
            paged: false,
            alignment: 16,
        };
        let fresh = place(request);
        // SAFETY: both blocks are live and 64 bytes long.
        let (zeroed, fresh) = unsafe {
            (
                std::slice::from_raw_parts(zeroed, 64),
                std::slice::from_raw_parts(fresh, 64),
            )
        };
        assert!(zeroed.iter().all(|byte| *byte == 0));
        assert!(fresh.iter().all(|byte| *byte == FILL_FRESH));
    }

    #[test]
    fn leaks_are_counted_by_tag_and_the_kernels_memory_is_no_leak() {
        let machine = Kernel::boot(Options::default());
        allocate(10, *b"Leak", Owner::Driver);
        allocate(20, *b"Leak", Owner::Driver);
        allocate(30, *b"Mine", Owner::System);
        free(allocate(40, *b"Fine", Owner::Driver));
        check_leaks();
        let found = machine.findings.all();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0]
                .text
                .contains("2 allocation(s), 30 bytes with tag 'Leak'"),
            "{}",
            found[0].text
        );
    }
}
