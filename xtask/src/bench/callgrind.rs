//! What callgrind counted: its files, and which instructions of an image a count belongs to.
//!
//! The format is that of Valgrind's manual, "Callgrind Format Specification", as `--dump-instr=yes --dump-line=no
//! --compress-pos=no --compress-strings=no` writes it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use waverig_package::pe::Image;

/// Begins the line that tells of a mark.
const MARK: &str = "desc: Trigger: Client Request: ";

/// How often each instruction was executed, by its address, and what the file says of why it was written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// The text of the mark that ended it; empty for the end of the program.
    pub(crate) mark: String,
    /// Executions by address.
    pub(crate) executed: BTreeMap<u64, u64>,
}

impl Counts {
    /// Reads one of callgrind's files.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut counts = Self {
            mark: mark(text).unwrap_or_default().to_owned(),
            ..Self::default()
        };
        let mut positions = false;
        // The line behind `calls=` is what the called function cost, not an instruction of its own.
        let mut called = false;
        for line in text.lines() {
            positions |= line.trim() == "positions: instr";
            if line.starts_with("calls=") {
                called = true;
            } else if line.starts_with("0x") && !std::mem::take(&mut called) {
                let mut words = line.split_whitespace();
                let address = words.next().and_then(|word| word.strip_prefix("0x"));
                let address = address.and_then(|word| u64::from_str_radix(word, 16).ok());
                let count = words.next().and_then(|word| word.parse::<u64>().ok());
                let (address, count) = address.zip(count).with_context(|| format!("{line:?}"))?;
                *counts.executed.entry(address).or_default() += count;
            }
        }
        ensure!(positions, "it has no positions of instructions");
        Ok(counts)
    }

    /// What was executed of an image that was mapped at `base`.
    pub(crate) fn of_image(&self, image: &Image, base: u64) -> Result<Executed> {
        let mut executed = Executed::default();
        let allocator = slot(image, "ExAllocatePool2")?;
        for section in image.sections() {
            let start = base + u64::from(section.address);
            let end = start + u64::from(section.virtual_size);
            let code = image.bytes().get(section.file.clone()).unwrap_or_default();
            for (address, count) in self.executed.range(start..end) {
                let offset = address - start;
                let at = usize::try_from(offset).unwrap_or(usize::MAX);
                let code = code.get(at..).unwrap_or_default();
                executed.all += count;
                if is_division(code) {
                    executed.divisions += count;
                }
                if branches_through(code, u64::from(section.address) + offset) == Some(allocator) {
                    executed.allocations += count;
                }
            }
        }
        Ok(executed)
    }
}

/// The text of the mark that ended one of callgrind's files, if one did.
pub(crate) fn mark(text: &str) -> Option<&str> {
    let marked = text.lines().find_map(|line| line.strip_prefix(MARK));
    marked.map(str::trim)
}

/// What was executed of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Executed {
    /// Instructions.
    pub(crate) all: u64,
    /// Integer divisions among them.
    pub(crate) divisions: u64,
    /// Calls of the pool's allocator.
    pub(crate) allocations: u64,
}

/// Where the loader puts the address of an imported function.
fn slot(image: &Image, name: &str) -> Result<u64> {
    for import in image.imports()? {
        if let Some(at) = import.names.iter().position(|known| known == name) {
            return Ok(u64::from(import.slots) + 8 * at as u64);
        }
    }
    bail!("the image does not import {name}")
}

/// The slot that an indirect call or jump at `address` goes through: `FF /2` or `FF /4` with a displacement from the next
/// instruction, perhaps behind REX.W.
fn branches_through(code: &[u8], address: u64) -> Option<u64> {
    let prefix = u64::from(code.first() == Some(&0x48));
    let [0xFF, 0x15 | 0x25, rest @ ..] = code.get(prefix as usize..)? else {
        return None;
    };
    let displacement = i32::from_le_bytes(*rest.first_chunk()?);
    Some((address + prefix + 6).wrapping_add_signed(displacement.into()))
}

/// Whether an x86-64 instruction is an integer division: `F6` or `F7` with /6 or /7 behind prefixes (Intel SDM, DIV and IDIV).
fn is_division(code: &[u8]) -> bool {
    let prefixes = code
        .iter()
        .take_while(|byte| matches!(byte, 0x66 | 0x67 | 0xF2 | 0xF3 | 0x40..=0x4F))
        .count();
    matches!(code.get(prefixes..), Some([0xF6 | 0xF7, form, ..]) if form >> 3 & 7 >= 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# callgrind format\nversion: 1\ndesc: Trigger: Client Request: played a 1000\npositions: instr\n\
        events: Ir\nob=???\nfl=???\nfn=???\n0x1000 3\n0x1004 2\ncfn=other\ncalls=2 0x2000\n0x1004 500\n0x1000 4\n";

    #[test]
    fn each_instruction_is_counted_for_itself() {
        let counts = Counts::parse(FILE).unwrap();
        assert_eq!(counts.mark, "played a 1000");
        assert_eq!(counts.executed, BTreeMap::from([(0x1000, 7), (0x1004, 2)]));
        assert!(Counts::parse("positions: line\n3 4\n").is_err());
        assert!(Counts::parse("positions: instr\n0x1 x\n").is_err());
    }

    #[test]
    fn divisions_are_told_from_their_neighbours() {
        for (code, expect) in [
            (&[0xF7, 0xF1][..], true),                // div ecx
            (&[0x48, 0xF7, 0xF9], true),              // idiv rcx
            (&[0x66, 0x41, 0xF7, 0xF0], true),        // div r8w
            (&[0xF6, 0x75, 0x08], true),              // div byte [rbp+8]
            (&[0x48, 0xF7, 0x74, 0x24, 8], true),     // div qword [rsp+8]
            (&[0x48, 0xF7, 0xE1], false),             // mul rcx
            (&[0xF7, 0xD8], false),                   // neg eax
            (&[0x48, 0xF7, 0xC1, 1, 0, 0, 0], false), // test rcx, 1
            (&[0x0F, 0xAF, 0xC1], false),             // imul eax, ecx
            (&[0xF7], false),
            (&[], false),
        ] {
            assert_eq!(is_division(code), expect, "{code:x?}");
        }
    }
    #[test]
    fn calls_through_the_import_table_are_followed() {
        for (code, expect) in [
            (&[0xFF, 0x15, 0xFA, 0x0F, 0, 0][..], Some(0x2000)), // call [rip+0xffa]
            (&[0x48, 0xFF, 0x25, 0xF9, 0x0F, 0, 0], Some(0x2000)), // jmp [rip+0xff9]
            (&[0xFF, 0x25, 0xFA, 0xFF, 0xFF, 0xFF], Some(0x1000)),
            (&[0xFF, 0xD0], None), // call rax
            (&[0xFF, 0x15, 1], None),
        ] {
            assert_eq!(branches_through(code, 0x1000), expect, "{code:x?}");
        }
    }
}
