//! The small dump (type 4): after the header comes TRIAGE_DUMP64, which names the places of the stack, of the drivers and of pieces
//! of memory in the file.
//!
//! Layout: rizin's `dmp64_triage`, `dmp_driver_entry64`, `dmp_string` (librz/bin/format/dmp/dmp_specs.h), which agrees with Ghidra's
//! `TriageDump` and with what public tools for minidumps of Windows 11 read. All offsets count from the start of the file. A
//! string's length counts UTF-16 units: that is what those tools found.

use super::error::{DumpError, Wrong};
use super::file::{Source, u32_at, u64_at};
use super::header::{self, CONTEXT_SIZE, Context};
use super::memory::{Memory, Piece};
use super::modules::{self, Module};

const BASE: u64 = header::SIZE as u64;
const SIZE: usize = 0x80;
const SIZE_OF_DUMP: usize = 0x04;
const VALID_OFFSET: usize = 0x08;
const CONTEXT_OFFSET: usize = 0x0C;
const STACK_OFFSET: usize = 0x28;
const STACK_SIZE: usize = 0x2C;
const DRIVERS: usize = 0x30;
const DRIVER_COUNT: usize = 0x34;
const STRINGS: usize = 0x38;
/// Where the stack in the file begins in memory. It is called the top; it is the lowest address of the piece.
const STACK_ADDRESS: usize = 0x48;
const PAGE_ADDRESS: usize = 0x60;
const PAGE_OFFSET: usize = 0x68;
const PAGE_SIZE: usize = 0x6C;
const BLOCKS: usize = 0x78;
const BLOCK_COUNT: usize = 0x7C;

/// What stands at `VALID_OFFSET` of a dump that was written to its end.
const VALID: &[u8; 4] = b"TRGD";
/// TRIAGE_DATA_BLOCK: address, offset, size.
const BLOCK: usize = 0x10;
/// A list that is longer than this one is none.
const MOST_BLOCKS: usize = 0x1_0000;

/// DUMP_DRIVER_ENTRY64: the offset of the name, then the loader's entry.
const DRIVER_ENTRY: usize = 8;
/// Its length in Windows 10 and 11; some versions have longer ones, which the space up to the strings tells.
const DRIVER: usize = 0x90;
const LONGEST_DRIVER: usize = 0x200;
const DRIVER_STAMP: usize = 0x88;

/// What a small dump holds.
pub(super) struct Small {
    pub(super) memory: Memory,
    pub(super) modules: Vec<Module>,
    pub(super) context: Context,
}

impl Small {
    pub(super) fn read(source: &Source, remarks: &mut Vec<String>) -> Result<Self, DumpError> {
        let head = source.part::<SIZE>(BASE, "the end of the list of its parts")?;
        let field = |at: usize| u32_at(&head[..], at);
        let said = u64::from(field(SIZE_OF_DUMP));
        if said > source.len() {
            remarks.push(format!(
                "the file is cut off: {:#x} of {said:#x} bytes",
                source.len()
            ));
        }
        let valid = u64::from(field(VALID_OFFSET));
        let sign = source.part::<4>(valid, "the mark at its end")?;
        if *sign != *VALID {
            let what = format!(
                "its last mark is {}, not TRGD: it was not written to its end",
                sign.escape_ascii()
            );
            return Err(source.wrong(Wrong::Damaged, valid, what));
        }
        let context_at = u64::from(field(CONTEXT_OFFSET));
        let context = source.part::<CONTEXT_SIZE>(context_at, "the processor's context")?;
        Ok(Self {
            memory: Memory::Pieces(pieces(source, &head, remarks)),
            modules: drivers(source, &head, remarks)?,
            context: Context::read(&context),
        })
    }
}

/// The pieces of memory that are there.
fn pieces(source: &Source, head: &[u8; SIZE], remarks: &mut Vec<String>) -> Vec<Piece> {
    let field = |at: usize| u64::from(u32_at(head, at));
    let mut pieces = vec![Piece {
        address: u64_at(head, STACK_ADDRESS),
        length: field(STACK_SIZE),
        offset: field(STACK_OFFSET),
    }];
    if field(PAGE_SIZE) > 0 {
        pieces.push(Piece {
            address: u64_at(head, PAGE_ADDRESS),
            length: field(PAGE_SIZE),
            offset: field(PAGE_OFFSET),
        });
    }
    let count = field(BLOCK_COUNT) as usize;
    if count > MOST_BLOCKS {
        remarks.push(format!(
            "its list of memory says {count} pieces, which is left out"
        ));
        return pieces;
    }
    let mut block = [0; BLOCK];
    for index in 0..count {
        if source
            .read(field(BLOCKS) + (index * BLOCK) as u64, &mut block)
            .is_err()
        {
            remarks.push(format!(
                "the file ends before piece {index} of its list of memory"
            ));
            break;
        }
        pieces.push(Piece {
            address: u64_at(&block, 0),
            length: u64::from(u32_at(&block, 12)),
            offset: u64::from(u32_at(&block, 8)),
        });
    }
    pieces
}

fn drivers(
    source: &Source,
    head: &[u8; SIZE],
    remarks: &mut Vec<String>,
) -> Result<Vec<Module>, DumpError> {
    let field = |at: usize| u32_at(head, at) as usize;
    let (list, count) = (field(DRIVERS), field(DRIVER_COUNT));
    if count == 0 || count > modules::MOST {
        let what = format!(
            "its list of drivers says {count}, and 1 to {} are believed",
            modules::MOST
        );
        return Err(source.wrong(Wrong::Damaged, BASE + DRIVER_COUNT as u64, what));
    }
    let apart = (field(STRINGS).saturating_sub(list) / count) & !7;
    let lengths = [DRIVER, apart.clamp(DRIVER, LONGEST_DRIVER)];
    let mut most = Vec::new();
    for length in lengths {
        let mut found = Vec::new();
        for index in 0..count {
            match driver(source, (list + index * length) as u64) {
                Some(module) => found.push(module),
                None => break,
            }
        }
        if found.len() > most.len() {
            most = found;
        }
    }
    let end = (list + most.len() * DRIVER) as u64;
    if most.is_empty() {
        let what = if end + DRIVER as u64 > source.len() {
            return Err(source.short(end, "its list of drivers", &super::file::Short::CutOff));
        } else {
            "its list of drivers does not begin with one"
        };
        return Err(source.wrong(Wrong::Damaged, end, what));
    }
    if most.len() < count {
        remarks.push(format!(
            "of {count} drivers in its list, only the first {} can be read",
            most.len()
        ));
    }
    Ok(most)
}

/// The driver whose entry lies at an offset of the file.
fn driver(source: &Source, at: u64) -> Option<Module> {
    let mut entry = [0; DRIVER];
    source.read(at, &mut entry).ok()?;
    let base = u64_at(&entry, DRIVER_ENTRY + modules::BASE);
    let size = u64::from(u32_at(&entry, DRIVER_ENTRY + modules::SIZE));
    if !modules::plausible(base, size) {
        return None;
    }
    let name_at = u64::from(u32_at(&entry, 0));
    let mut length = [0; 4];
    source.read(name_at, &mut length).ok()?;
    let length = u32_at(&length, 0) as usize;
    if length == 0 || length > modules::LONGEST_NAME {
        return None;
    }
    let mut name = vec![0; 2 * length];
    source.read(name_at + 4, &mut name).ok()?;
    Some(Module {
        name: modules::file_name(&modules::utf16(&name)),
        base,
        size,
        stamp: Some(u32_at(&entry, DRIVER_STAMP)).filter(|stamp| *stamp != 0),
    })
}
