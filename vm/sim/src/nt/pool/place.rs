//! What the pool knows of an address: in, before or behind which allocation it lies, and which rule an access there breaks.

use super::Block;
use crate::host::{PAGE_SIZE, pages};
use crate::image;
use crate::kernel::kernel;
use crate::rules::{self, Rule};

/// Where an address lies with regard to the block that it belongs to or is close to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Before(usize),
    Into(usize),
    Behind(usize),
}

impl Place {
    /// `None` when the address is not close to the block.
    fn of(address: usize, block: &Block) -> Option<Self> {
        let end = block.address + block.size;
        let limit = block.first_page + pages(block.size.max(1)) + PAGE_SIZE;
        let near = (block.first_page..limit).contains(&address);
        near.then(|| match address.checked_sub(block.address) {
            None => Self::Before(block.address - address),
            Some(offset) if address < end => Self::Into(offset),
            Some(_) => Self::Behind(address - end),
        })
    }

    fn words(self) -> String {
        match self {
            Self::Before(bytes) => format!("{bytes} bytes before"),
            Self::Into(bytes) => format!("{bytes} bytes into"),
            Self::Behind(bytes) => format!("{bytes} bytes behind the end of"),
        }
    }
}

/// The block that an address lies in or close to, and whether it is live.
fn nearest(address: usize) -> Option<(Place, Block, bool)> {
    let state = &kernel().nt.pool;
    let near = |block: &Block| Some((Place::of(address, block)?, *block));
    let live = state.live.borrow().values().find_map(near);
    let freed = || state.freed.latest(near);
    match live {
        Some((place, block)) => Some((place, block, true)),
        None => freed().map(|(place, block)| (place, block, false)),
    }
}

/// In words, for reports.
pub(crate) fn describe(address: usize) -> String {
    match nearest(address) {
        Some((place, block, true)) => {
            format!("lies {} a live allocation of {block}", place.words())
        }
        Some((place, block, false)) => {
            let site = block.freed_at.map_or_else(String::new, |site| {
                format!(", freed at {}", image::describe(site))
            });
            format!("lies {} a freed allocation of {block}{site}", place.words())
        }
        None if address < 0x10000 => "is a null pointer or close to one".to_owned(),
        None => "belongs to no pool allocation".to_owned(),
    }
}

/// The rule that a faulting access to the address breaks, and the bug check with which special pool would end it.
pub(crate) fn broken(address: usize) -> Option<(&'static Rule, u32)> {
    let (place, block, live) = nearest(address)?;
    Some(match (live, place) {
        // The I/O manager frees a packet and its buffer when the request has been completed.
        (false, _) if matches!(&block.tag, b"Irp " | b"IoSB") => (&rules::IRP_TOUCHED, 0xD5),
        (false, _) => (&rules::POOL_FREED, 0xD5),
        (true, Place::Before(_)) => (&rules::POOL_UNDERRUN, 0xD6),
        (true, Place::Behind(_)) => (&rules::POOL_OVERRUN, 0xD6),
        (true, Place::Into(_)) => return None,
    })
}

/// Whether an address lies in the pages of a live allocation.
pub(crate) fn knows(address: usize) -> bool {
    let live = kernel().nt.pool.live.borrow();
    live.values().any(|block| {
        (block.first_page..block.first_page + pages(block.size.max(1))).contains(&address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Kernel, Options};
    use crate::nt::pool::{Owner, allocate, free};

    #[test]
    fn an_address_is_explained() {
        Kernel::boot(Options::default());
        let block = allocate(32, *b"Test", Owner::Driver) as usize;
        assert!(
            describe(block + 8).starts_with("lies 8 bytes into a live allocation"),
            "{}",
            describe(block + 8)
        );
        assert!(
            describe(block + 40).starts_with("lies 8 bytes behind the end of a live"),
            "{}",
            describe(block + 40)
        );
        free(block as *mut u8);
        assert!(
            describe(block).starts_with("lies 0 bytes into a freed allocation"),
            "{}",
            describe(block)
        );
        assert_eq!(describe(8), "is a null pointer or close to one");
    }

    #[test]
    fn an_access_beside_an_allocation_breaks_a_rule_of_its_own() {
        Kernel::boot(Options::default());
        let block = allocate(32, *b"Test", Owner::Driver) as usize;
        let rule = |address| broken(address).map(|(rule, code)| (rule.id, code));
        assert_eq!(rule(block + 32), Some(("pool-overrun", 0xD6)));
        assert_eq!(rule(block - 1), Some(("pool-underrun", 0xD6)));
        assert_eq!(rule(block), None);
        assert_eq!(rule(8), None);
        free(block as *mut u8);
        assert_eq!(rule(block), Some(("pool-freed", 0xD5)));
    }
}
