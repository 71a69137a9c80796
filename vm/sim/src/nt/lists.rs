//! Lists that routines of the kernel guard: interlocked doubly linked ones, sequenced singly linked ones, and the lookaside lists made of
//! them. The headers inline the fast paths of lookaside lists, so their layout counts (wdm.h, GENERAL_LOOKASIDE).

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::imports::{self, nt_rows};
use crate::kernel::kernel;
use crate::nt::layout::ListEntry;

/// `SLIST_HEADER`: the depth in the low 16 bits, which headers read, and the first entry.
#[repr(C, align(16))]
struct SList {
    depth: u64,
    first: *mut SEntry,
}

#[repr(C)]
struct SEntry {
    next: *mut SEntry,
}

/// `GENERAL_LOOKASIDE`.
#[repr(C, align(128))]
struct Lookaside {
    head: SList,
    depth: u16,
    most_depth: u16,
    allocates: u32,
    allocate_misses: u32,
    frees: u32,
    free_misses: u32,
    pool: u32,
    tag: u32,
    size: u32,
    allocate: usize,
    free: usize,
    entry: ListEntry,
    last: [u32; 2],
    future: [u32; 2],
}

/// Lookaside lists that were not deleted, by address.
#[derive(Debug, Default)]
pub(crate) struct ListState {
    lookaside: RefCell<BTreeSet<usize>>,
}

/// Whether a lookaside list lies in this memory.
pub(crate) fn lookaside_in(start: usize, length: usize) -> bool {
    let lists = kernel().nt.lists.lookaside.borrow();
    lists.range(start..start + length).next().is_some()
}

/// Entries that a list keeps at most; the kernel adapts it, nothing may rely on it.
const DEPTH: u16 = 4;
/// `POOL_NX_ALLOCATION`, as a flag of a list and in a POOL_TYPE; `PagedPool` (wdm.h).
const NO_EXECUTE: u32 = 512;
const PAGED: u32 = 1;

extern "win64" fn insert_tail(
    head: *mut ListEntry,
    entry: *mut ListEntry,
    _lock: *mut usize,
) -> *mut ListEntry {
    // SAFETY: the driver's list; a bad address faults into a report.
    unsafe {
        let last = (*head).blink;
        *entry = ListEntry {
            flink: head,
            blink: last,
        };
        (*last).flink = entry;
        (*head).blink = entry;
        if last == head {
            std::ptr::null_mut()
        } else {
            last
        }
    }
}

extern "win64" fn insert_head(
    head: *mut ListEntry,
    entry: *mut ListEntry,
    _lock: *mut usize,
) -> *mut ListEntry {
    // SAFETY: as in `insert_tail`.
    unsafe {
        let first = (*head).flink;
        *entry = ListEntry {
            flink: first,
            blink: head,
        };
        (*first).blink = entry;
        (*head).flink = entry;
        if first == head {
            std::ptr::null_mut()
        } else {
            first
        }
    }
}

extern "win64" fn remove_head(head: *mut ListEntry, _lock: *mut usize) -> *mut ListEntry {
    // SAFETY: as in `insert_tail`.
    unsafe {
        let first = (*head).flink;
        if first == head {
            return std::ptr::null_mut();
        }
        let next = (*first).flink;
        (*head).flink = next;
        (*next).blink = head;
        first
    }
}

extern "win64" fn initialize_slist(list: *mut SList) {
    // SAFETY: the driver's memory for a header; a bad address faults into a report.
    unsafe {
        list.write(SList {
            depth: 0,
            first: std::ptr::null_mut(),
        })
    };
}

extern "win64" fn pop(list: *mut SList) -> *mut SEntry {
    // SAFETY: the driver's list; a bad address faults into a report.
    unsafe {
        let first = (*list).first;
        if !first.is_null() {
            (*list).first = (*first).next;
            (*list).depth -= 1;
        }
        first
    }
}

extern "win64" fn push(list: *mut SList, entry: *mut SEntry) -> *mut SEntry {
    // SAFETY: as in `pop`.
    unsafe {
        let before = (*list).first;
        (*entry).next = before;
        (*list).first = entry;
        (*list).depth += 1;
        before
    }
}

extern "win64" fn depth(list: *const SList) -> u16 {
    // SAFETY: as in `pop`.
    unsafe { (*list).depth as u16 }
}

fn initialize(list: *mut Lookaside, routines: [usize; 2], size: usize, tag: u32, pool: u32) {
    let default = |given: usize, name| match given {
        0 => imports::bind("ntoskrnl.exe", name).0,
        given => given,
    };
    let [allocate, free] = routines;
    // SAFETY: the driver's memory for a list; a bad address faults into a report.
    unsafe {
        list.cast::<u8>().write_bytes(0, size_of::<Lookaside>());
        (*list).depth = DEPTH;
        (*list).most_depth = 256;
        (*list).pool = pool;
        (*list).tag = tag;
        (*list).size = u32::try_from(size).unwrap_or(u32::MAX);
        (*list).allocate = default(allocate, "ExAllocatePoolWithTag");
        (*list).free = default(free, "ExFreePool");
    }
    kernel()
        .nt
        .lists
        .lookaside
        .borrow_mut()
        .insert(list as usize);
}

extern "win64" fn initialize_non_paged(
    list: *mut Lookaside,
    allocate: usize,
    free: usize,
    flags: u32,
    size: usize,
    tag: u32,
    _depth: u16,
) {
    initialize(list, [allocate, free], size, tag, flags & NO_EXECUTE);
}

extern "win64" fn initialize_paged(
    list: *mut Lookaside,
    allocate: usize,
    free: usize,
    _flags: u32,
    size: usize,
    tag: u32,
    _depth: u16,
) {
    initialize(list, [allocate, free], size, tag, PAGED);
}

/// Frees what the list keeps.
extern "win64" fn delete(list: *mut Lookaside) {
    type Free = unsafe extern "win64" fn(*mut SEntry);
    kernel()
        .nt
        .lists
        .lookaside
        .borrow_mut()
        .remove(&(list as usize));
    // SAFETY: the driver's list, whose routine `initialize` stored or the driver gave.
    unsafe {
        let free = std::mem::transmute::<usize, Free>((*list).free);
        let own = crate::image::contains((*list).free);
        loop {
            let entry = pop(&raw mut (*list).head);
            if entry.is_null() {
                return;
            }
            if own {
                crate::call::driver("lookaside Free", free, (entry,));
            } else {
                crate::nt::pool::free_for_driver(entry as usize, None);
            }
        }
    }
}

nt_rows! {
    "ExInterlockedInsertTailList"    insert_tail          ANY      "wdm/nf-wdm-exinterlockedinserttaillist";
    "ExInterlockedInsertHeadList"    insert_head          ANY      "wdm/nf-wdm-exinterlockedinsertheadlist";
    "ExInterlockedRemoveHeadList"    remove_head          ANY      "wdm/nf-wdm-exinterlockedremoveheadlist";
    "InitializeSListHead"            initialize_slist     DISPATCH "wdm/nf-wdm-initializeslisthead";
    "ExpInterlockedPopEntrySList"    pop                  DISPATCH "wdm/nf-wdm-exinterlockedpopentryslist";
    "ExpInterlockedPushEntrySList"   push                 DISPATCH "wdm/nf-wdm-exinterlockedpushentryslist";
    "ExQueryDepthSList"              depth                ANY      "wdm/nf-wdm-exquerydepthslist";
    "ExInitializeNPagedLookasideList" initialize_non_paged DISPATCH "wdm/nf-wdm-exinitializenpagedlookasidelist";
    "ExDeleteNPagedLookasideList"    delete               DISPATCH "wdm/nf-wdm-exdeletenpagedlookasidelist";
    "ExInitializePagedLookasideList" initialize_paged     APC      "wdm/nf-wdm-exinitializepagedlookasidelist";
    "ExDeletePagedLookasideList"     delete               APC      "wdm/nf-wdm-exdeletepagedlookasidelist";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use crate::nt::pool::{self, Owner};

    #[test]
    fn what_headers_inline_finds_its_members() {
        assert_eq!(size_of::<Lookaside>(), 0x80);
        assert_eq!(std::mem::offset_of!(Lookaside, depth), 0x10);
        assert_eq!(std::mem::offset_of!(Lookaside, pool), 0x24);
        assert_eq!(std::mem::offset_of!(Lookaside, allocate), 0x30);
    }

    #[test]
    #[should_panic(expected = "lookaside-freed")]
    fn memory_with_a_lookaside_list_is_not_freed() {
        Kernel::boot(Options::default());
        let size = size_of::<Lookaside>();
        for delete_first in [true, false] {
            let list = pool::allocate(size, *b"Look", Owner::Driver).cast();
            initialize_paged(list, 0, 0, 0, 32, 0, 0);
            if delete_first {
                delete(list);
            }
            pool::free_for_driver(list as usize, None);
        }
    }

    #[test]
    fn lists_give_back_what_they_took() {
        let mut nodes = [const {
            ListEntry {
                flink: std::ptr::null_mut(),
                blink: std::ptr::null_mut(),
            }
        }; 3];
        let [head, a, b] = [0, 1, 2].map(|at| &raw mut nodes[at]);
        // SAFETY: the three lie in the array above.
        unsafe {
            *head = ListEntry {
                flink: head,
                blink: head,
            }
        };
        let lock = std::ptr::null_mut();
        assert!(insert_tail(head, a, lock).is_null());
        assert_eq!(insert_tail(head, b, lock), a);
        assert_eq!(remove_head(head, lock), a);
        assert_eq!(remove_head(head, lock), b);
        assert!(remove_head(head, lock).is_null());
    }
}
