//! Virtual memory of the machine that crashed: through its page tables, or the few pieces of a small dump.

use super::file::{Short, Source, u64_at};
use super::pages::{PAGE, Pages};

/// Present, and large page (Intel SDM, volume 3A, section 4.5, "4-level paging").
const PRESENT: u64 = 1;
const LARGE: u64 = 1 << 7;
/// The page frame of an entry.
const FRAME: u64 = 0x000F_FFFF_FFFF_F000;
/// Bits of a virtual address below each level, from the root on. Four levels: a test machine has no five (inferred).
const LEVELS: [u32; 4] = [39, 30, 21, 12];
/// The first address of the kernel's half.
const KERNEL: u64 = 0xFFFF_8000_0000_0000;

/// Part of virtual memory that lies in one piece in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) address: u64,
    pub(super) length: u64,
    pub(super) offset: u64,
}

/// Virtual memory.
pub(super) enum Memory {
    /// By page tables.
    Tables {
        /// Physical address of the root.
        root: u64,
        /// Where physical pages lie.
        pages: Pages,
    },
    /// Nothing but these.
    Pieces(Vec<Piece>),
}

/// Why an address cannot be read.
#[derive(Debug)]
pub(super) enum Gap {
    /// No page is there, by the page tables.
    NotMapped,
    /// It has not been written to the dump.
    NotInDump,
    /// It would lie here in the file, which cannot be read there.
    Short(u64, Short),
}

impl Memory {
    /// Fills `out` from a virtual address on.
    pub(super) fn read(&self, source: &Source, address: u64, out: &mut [u8]) -> Result<(), Gap> {
        let mut done = 0;
        while done < out.len() {
            let at = address.checked_add(done as u64).ok_or(Gap::NotMapped)?;
            let (offset, there) = self.find(source, at)?;
            let length = (out.len() - done).min(usize::try_from(there).unwrap_or(usize::MAX));
            source
                .read(offset, &mut out[done..done + length])
                .map_err(|short| Gap::Short(offset, short))?;
            done += length;
        }
        Ok(())
    }

    /// The word of 64 bits at a virtual address.
    pub(super) fn word(&self, source: &Source, address: u64) -> Result<u64, Gap> {
        let mut bytes = [0; 8];
        self.read(source, address, &mut bytes)?;
        Ok(u64_at(&bytes, 0))
    }

    /// Where an address lies in the file, and how many bytes follow it there.
    fn find(&self, source: &Source, address: u64) -> Result<(u64, u64), Gap> {
        match self {
            Self::Pieces(pieces) => pieces
                .iter()
                .find_map(|piece| {
                    let inside = address.checked_sub(piece.address)?;
                    let there = piece
                        .length
                        .checked_sub(inside)
                        .filter(|there| *there > 0)?;
                    Some((piece.offset + inside, there))
                })
                .ok_or(Gap::NotInDump),
            Self::Tables { root, pages } => {
                let physical = translate(source, *root, pages, address)?;
                let offset = place(source, pages, physical)?;
                Ok((offset, PAGE - address % PAGE))
            }
        }
    }
}

fn place(source: &Source, pages: &Pages, physical: u64) -> Result<u64, Gap> {
    let found = pages.find(source, physical);
    found
        .map_err(|short| Gap::Short(0, short))?
        .ok_or(Gap::NotInDump)
}

fn translate(source: &Source, root: u64, pages: &Pages, address: u64) -> Result<u64, Gap> {
    // User memory is of no interest, and other addresses have no page.
    if address < KERNEL {
        return Err(Gap::NotMapped);
    }
    let mut table = root & FRAME;
    for shift in LEVELS {
        let at = place(source, pages, table + (address >> shift & 0x1FF) * 8)?;
        let mut bytes = [0; 8];
        source
            .read(at, &mut bytes)
            .map_err(|short| Gap::Short(at, short))?;
        let entry = u64_at(&bytes, 0);
        if entry & PRESENT == 0 {
            return Err(Gap::NotMapped);
        }
        let inside = (1 << shift) - 1;
        if shift == LEVELS[3] || entry & LARGE != 0 && shift < LEVELS[0] {
            return Ok(entry & FRAME & !inside | address & inside);
        }
        table = entry & FRAME;
    }
    Err(Gap::NotMapped)
}

/// Whether an address is one of the kernel's.
pub(super) fn of_kernel(address: u64) -> bool {
    address >= KERNEL
}
