//! Memory descriptor lists: pages of their own that can be mapped into the kernel and into a client, or descriptions of
//! pool.

mod rows;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use crate::address::ByAddress;
use crate::finding;
use crate::host::memory::{SharedPages, View};
use crate::host::{PAGE_SIZE, Protection, pages};
use crate::imports::call_site;
use crate::kernel::kernel;
use crate::nt::layout::Mdl;
use crate::nt::pool::{self, Owner};
use crate::rules::{self, Rule};

pub(crate) use rows::IMPORTS;

// Flags (wdm.h, MDL_…).
pub(crate) const MAPPED_TO_SYSTEM_VA: i16 = 0x0001;
pub(crate) const PAGES_LOCKED: i16 = 0x0002;
pub(crate) const SOURCE_IS_NONPAGED_POOL: i16 = 0x0004;

/// First page frame number that is given out; real machines do not start at 0 either.
const FIRST_FRAME: u64 = 0x10_0000;

/// Undone mappings that are remembered, for reports.
const REMEMBERED: usize = 64;

/// What stands behind an MDL.
#[derive(Debug)]
struct Record {
    /// Pages of its own, or those of a client's buffer; none when it describes pool.
    pages: Option<Rc<SharedPages>>,
    /// The kernel's mapping.
    kernel_view: Option<View>,
    /// The driver called IoAllocateMdl for it, here.
    site: Option<usize>,
}

/// All MDLs.
#[derive(Debug, Default)]
pub(crate) struct MdlState {
    live: RefCell<ByAddress<Record>>,
    /// Mappings that were undone: where they were, how long.
    undone: RefCell<VecDeque<(usize, usize)>>,
    /// Mappings of clients' pages that are over, by those pages, which they keep: [`keep`].
    kept: RefCell<ByAddress<(Rc<SharedPages>, View)>>,
    frames: Cell<u64>,
}

/// Mappings that are kept at most; beyond that all go.
const MOST_KEPT: usize = 256;

/// In a long run (`PoolState::begin_long_run`) a mapping of a client's pages may stay for the next request in the same pages: mapping
/// and unmapping would take most of its time. Every so often all go, so that a late access meets one that is gone.
fn keep(pages: Rc<SharedPages>, view: View) {
    let mut kept = state().kept.borrow_mut();
    if kept.len() >= MOST_KEPT {
        kept.clear();
    }
    kept.insert(Rc::as_ptr(&pages) as usize, (pages, view));
}

fn state() -> &'static MdlState {
    &kernel().nt.mdls
}

fn with<T>(mdl: *mut Mdl, what: &str, action: impl FnOnce(&mut Record) -> T) -> T {
    match state().live.borrow_mut().get_mut(&(mdl as usize)) {
        Some(record) => action(record),
        None => finding::fatal(
            &rules::MDL_BAD,
            format!("{what} with {mdl:p}, which is no MDL or was freed"),
        ),
    }
}

/// Makes the structure for a buffer of `length` bytes that starts `offset` bytes into its first page.
fn structure(start_va: usize, offset: usize, length: usize, owner: Owner) -> *mut Mdl {
    let count = (offset + length).div_ceil(PAGE_SIZE);
    let size = size_of::<Mdl>() + 8 * count;
    let mdl: *mut Mdl = pool::allocate(size, *b"Mdl ", owner).cast();
    // SAFETY: the block was just allocated, zeroed, with room for the structure and its frames.
    unsafe {
        (*mdl).size = i16::try_from(size.min(0x7FF8)).expect("limited");
        (*mdl).start_va = start_va as *mut _;
        (*mdl).byte_count = u32::try_from(length).expect("an MDL describes less than 4 GB");
        (*mdl).byte_offset = u32::try_from(offset).expect("within a page");
        let first = FIRST_FRAME + state().frames.get();
        state().frames.set(state().frames.get() + count as u64);
        let frames = mdl.add(1).cast::<u64>();
        (0..count).for_each(|index| frames.add(index).write(first + index as u64));
    }
    mdl
}

/// Takes `bytes` of fresh zero pages with an MDL that describes them; `None` when that fails. `owner` says who has to
/// free the MDL structure.
pub fn allocate_pages(bytes: usize, owner: Owner) -> Option<*mut Mdl> {
    let shared = Rc::new(SharedPages::create(bytes).ok()?);
    Some(describe_pages(shared, bytes, owner))
}

/// An MDL over pages that somebody else holds too: a client's buffer.
pub fn describe_pages(shared: Rc<SharedPages>, bytes: usize, owner: Owner) -> *mut Mdl {
    let mdl = structure(0, 0, bytes, owner);
    // SAFETY: just made.
    unsafe { (*mdl).flags = PAGES_LOCKED };
    state().live.borrow_mut().insert(
        mdl as usize,
        Record {
            pages: Some(shared),
            kernel_view: None,
            site: None,
        },
    );
    mdl
}

/// An MDL for a buffer of the kernel, not yet locked or built.
pub fn for_buffer(address: usize, length: usize) -> *mut Mdl {
    let offset = address % PAGE_SIZE;
    let mdl = structure(address - offset, offset, length, Owner::System);
    state().live.borrow_mut().insert(
        mdl as usize,
        Record {
            pages: None,
            kernel_view: None,
            site: call_site(),
        },
    );
    mdl
}

/// Pages that the MDL describes.
pub fn page_count(mdl: *mut Mdl) -> usize {
    // SAFETY: the caller's MDL; a bad address faults into a report.
    unsafe { pages((*mdl).byte_offset as usize + (*mdl).byte_count as usize) / PAGE_SIZE }
}

/// Physical address of one page.
pub fn page_address(mdl: *mut Mdl, index: usize) -> Option<u64> {
    // SAFETY: the frames follow the structure, as many as `page_count` says.
    (index < page_count(mdl)).then(|| unsafe { mdl.add(1).cast::<u64>().add(index).read() << 12 })
}

/// A mapping of pages: one that was kept, or a new one.
fn view_of(shared: &Rc<SharedPages>) -> io::Result<View> {
    let kept = state()
        .kept
        .borrow_mut()
        .remove(&(Rc::as_ptr(shared) as usize));
    match kept {
        Some((_, view)) => Ok(view),
        None => shared.map(Protection::ReadWrite),
    }
}

/// Maps the pages into the kernel; null when that fails.
pub fn map(mdl: *mut Mdl) -> *mut u8 {
    // SAFETY: the caller's MDL; a bad address faults into a report.
    let (flags, start, offset) = unsafe {
        (
            (*mdl).flags,
            (*mdl).start_va as usize,
            (*mdl).byte_offset as usize,
        )
    };
    if flags & MAPPED_TO_SYSTEM_VA != 0 {
        finding::raise(
            &rules::MDL_DOUBLE_MAP,
            format!("the MDL at {mdl:p} is mapped while mapped"),
        );
    }
    if flags & (PAGES_LOCKED | SOURCE_IS_NONPAGED_POOL) == 0 {
        finding::fatal(
            &rules::MDL_BAD,
            format!("the MDL at {mdl:p} is mapped but neither locked nor built for non-paged pool"),
        );
    }
    let address = with(mdl, "a mapping", |record| match &record.pages {
        // Pool is mapped already.
        None => (start + offset) as *mut u8,
        Some(shared) => match view_of(shared) {
            Ok(view) => {
                let address = view.address().wrapping_add(offset);
                record.kernel_view = Some(view);
                address
            }
            Err(_) => std::ptr::null_mut(),
        },
    });
    if !address.is_null() {
        // SAFETY: as above.
        unsafe {
            (*mdl).mapped_system_va = address.cast();
            (*mdl).flags |= MAPPED_TO_SYSTEM_VA;
        }
    }
    address
}

/// Undoes [`map`]; the addresses are inaccessible from then on.
pub fn unmap(address: *mut u8, mdl: *mut Mdl) {
    // SAFETY: the caller's MDL; a bad address faults into a report.
    let (flags, mapped) = unsafe { ((*mdl).flags, (*mdl).mapped_system_va) };
    if flags & MAPPED_TO_SYSTEM_VA == 0 || mapped != address.cast() {
        finding::fatal(
            &rules::MDL_BAD,
            format!("{address:p} is unmapped, but the MDL at {mdl:p} is not mapped there"),
        );
    }
    let view = with(mdl, "unmapping", |record| record.kernel_view.take());
    if let Some(view) = view {
        check_rest(mdl, &view);
        remember(&view);
    }
    // SAFETY: as above.
    unsafe { (*mdl).flags &= !MAPPED_TO_SYSTEM_VA };
}

/// Notes a mapping that is undone.
fn remember(view: &View) {
    let mut undone = state().undone.borrow_mut();
    if undone.len() == REMEMBERED {
        undone.pop_front();
    }
    undone.push_back((view.address() as usize, view.length()));
}

/// Nothing was written behind the end of what the MDL describes, in its last page.
fn check_rest(mdl: *mut Mdl, view: &View) {
    // SAFETY: the caller's MDL, which is known.
    let used = unsafe { (*mdl).byte_offset as usize + (*mdl).byte_count as usize };
    let rest = view.length().saturating_sub(used);
    // SAFETY: the view is live and `length` bytes long.
    let rest =
        unsafe { std::slice::from_raw_parts(view.address().add(view.length() - rest), rest) };
    if let Some(at) = rest.iter().position(|byte| *byte != 0) {
        let text =
            format!("byte {at} behind the {used} that the MDL at {mdl:p} describes was written");
        finding::fatal(&rules::MDL_OUTSIDE, text);
    }
}

/// The mapping that an address lies in or just beside, and the rule that an access there breaks.
fn nearest(address: usize) -> Option<(&'static Rule, usize, usize)> {
    let beside = |start: usize, length: usize| {
        (start - PAGE_SIZE..start + length + PAGE_SIZE).contains(&address)
    };
    let live = state().live.borrow();
    let mapped = live.values().find_map(|record| {
        let view = record.kernel_view.as_ref()?;
        let (start, length) = (view.address() as usize, view.length());
        beside(start, length).then_some((&rules::MDL_OUTSIDE, start, length))
    });
    mapped.or_else(|| {
        let undone = state().undone.borrow();
        let found = undone
            .iter()
            .rev()
            .find(|(start, length)| beside(*start, *length));
        found.map(|(start, length)| (&rules::MDL_UNMAPPED, *start, *length))
    })
}

/// The rule that a faulting access to the address breaks, and the bug check that it ends in.
pub(crate) fn broken(address: usize) -> Option<(&'static Rule, u32)> {
    nearest(address).map(|(rule, ..)| (rule, 0x50))
}

/// The address in words, when it lies in or beside a mapping.
pub(crate) fn describe(address: usize) -> Option<String> {
    let (rule, start, length) = nearest(address)?;
    let state = if std::ptr::eq(rule, &rules::MDL_UNMAPPED) {
        "was undone"
    } else {
        "is there"
    };
    Some(format!(
        "lies {} bytes from the start of the {length} that an MDL mapped; the mapping {state}",
        address as i64 - start as i64
    ))
}

/// Reports MDLs that the driver did not free.
pub(crate) fn check_leaks() {
    let live = state().live.borrow();
    let mut left: Vec<usize> = live.values().filter_map(|record| record.site).collect();
    drop(live);
    left.sort_unstable();
    for site in left {
        let text = "an MDL of IoAllocateMdl is left at unload";
        finding::raise_at(&rules::MDL_LEAK, text, Some(site));
    }
}

/// Gives the pages back. The structure stays, for whoever has to free it.
pub fn free_pages(mdl: *mut Mdl) {
    let mapped = with(mdl, "freeing pages", |record| {
        record.kernel_view.take().is_some()
    });
    if mapped {
        finding::raise(
            &rules::MDL_DOUBLE_MAP,
            format!("the pages of the MDL at {mdl:p} are freed while mapped"),
        );
    }
    state().live.borrow_mut().remove(&(mdl as usize));
    // SAFETY: the structure is still allocated.
    unsafe { (*mdl).flags &= !(PAGES_LOCKED | MAPPED_TO_SYSTEM_VA) };
}

/// Gives back an MDL of the kernel, structure and all, as the I/O manager does at the end of a request.
pub fn release(mdl: *mut Mdl) {
    let record = state().live.borrow_mut().remove(&(mdl as usize));
    if let Some(Record {
        pages,
        kernel_view: Some(view),
        ..
    }) = record
    {
        match pages {
            Some(pages) if kernel().nt.pool.is_long_run() => keep(pages, view),
            _ => remember(&view),
        }
    }
    pool::free(mdl.cast());
}

/// One more mapping of the MDL's pages: the client's.
///
/// # Errors
/// When the host has no address space left, or the MDL describes pool.
pub fn user_view(mdl: *mut Mdl) -> io::Result<View> {
    let shared = with(mdl, "a mapping for a client", |record| record.pages.clone());
    shared
        .ok_or_else(|| io::Error::other("the MDL describes pool"))?
        .map(Protection::ReadWrite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};

    #[test]
    fn client_and_kernel_see_the_same_pages() {
        let machine = Kernel::boot(Options::default());
        let mdl = allocate_pages(5000, Owner::System).expect("there is memory");
        assert_eq!(page_count(mdl), 2);
        assert_eq!(
            page_address(mdl, 1)
                .zip(page_address(mdl, 0))
                .map(|(second, first)| second - first),
            Some(4096)
        );
        assert_eq!(page_address(mdl, 2), None);
        let kernel_side = map(mdl);
        let client = user_view(mdl).expect("there is address space");
        assert_ne!(kernel_side, client.address());
        // SAFETY: both views are live and 8192 bytes long.
        unsafe {
            kernel_side.add(4999).write(7);
            assert_eq!(client.address().add(4999).read(), 7);
        }
        unmap(kernel_side, mdl);
        free_pages(mdl);
        pool::free(mdl.cast());
        assert!(machine.findings.all().is_empty());
    }

    #[test]
    fn a_mapping_outlives_its_request_in_long_runs_only_and_keeps_its_pages() {
        let machine = Kernel::boot(Options::default());
        let pages = Rc::new(SharedPages::create(100).expect("there is memory"));
        let request = || {
            let mdl = describe_pages(Rc::clone(&pages), 100, Owner::System);
            let address = map(mdl) as usize;
            release(mdl);
            address
        };
        let pool = &machine.nt.pool;
        let first = request();
        pool.protect_every(8);
        assert_ne!(request(), first);
        assert_eq!(Rc::strong_count(&pages), 1);
        pool.begin_long_run();
        let kept = request();
        assert_eq!(Rc::strong_count(&pages), 2);
        assert_eq!(request(), kept);
    }

    #[test]
    fn mapping_twice_and_freeing_mapped_pages_are_found() {
        let machine = Kernel::boot(Options::default());
        let mdl = allocate_pages(100, Owner::System).expect("there is memory");
        map(mdl);
        assert!(!machine.findings.has(&rules::MDL_DOUBLE_MAP));
        map(mdl);
        free_pages(mdl);
        let texts: Vec<String> = machine
            .findings
            .all()
            .iter()
            .map(|finding| finding.text.clone())
            .collect();
        assert!(machine.findings.has(&rules::MDL_DOUBLE_MAP), "{texts:?}");
    }

    #[test]
    #[should_panic(expected = "mdl-bad")]
    fn unmapping_what_is_not_mapped_ends_the_run() {
        Kernel::boot(Options::default());
        let mdl = allocate_pages(100, Owner::System).expect("there is memory");
        unmap(std::ptr::null_mut(), mdl);
    }
}
