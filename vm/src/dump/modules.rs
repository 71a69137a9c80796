//! The drivers that were loaded: PsLoadedModuleList in memory, or the list of a small dump.

use super::error::{DumpError, Wrong};
use super::file::{Source, u16_at, u32_at, u64_at};
use super::memory::{Gap, Memory, of_kernel};
use super::pages::PAGE;

/// KLDR_DATA_TABLE_ENTRY, as far as it is the same in all versions: kdmp-parser's `LdrDataTableEntry`, rizin's
/// `dmp_kldr_data_table_entry64`.
const FLINK: usize = 0x00;
const BLINK: usize = 0x08;
pub(super) const BASE: usize = 0x30;
pub(super) const SIZE: usize = 0x40;
const NAME_LENGTH: usize = 0x58;
const NAME_BUFFER: usize = 0x60;
const ENTRY: usize = 0x68;

/// A list that is longer than this one is none: Windows loads some hundred.
pub(super) const MOST: usize = 4096;
/// Longest name of a driver that is believed, in UTF-16 units.
pub(super) const LONGEST_NAME: usize = 260;
/// Largest image that is believed, in bytes.
const LARGEST: u64 = 1 << 30;

/// A driver image in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Module {
    /// File name without folders.
    pub(super) name: String,
    pub(super) base: u64,
    /// Bytes.
    pub(super) size: u64,
    /// TimeDateStamp of its PE header, when the dump tells it.
    pub(super) stamp: Option<u32>,
}

impl Module {
    /// How far inside an address is.
    pub(super) fn inside(&self, address: u64) -> Option<u64> {
        address
            .checked_sub(self.base)
            .filter(|inside| *inside < self.size)
    }
}

/// The module that holds an address, and how far inside it is.
pub(super) fn at(modules: &[Module], address: u64) -> Option<(&Module, u64)> {
    modules
        .iter()
        .find_map(|module| Some((module, module.inside(address)?)))
}

/// Whether these can be base and size of a loaded image.
pub(super) fn plausible(base: u64, size: u64) -> bool {
    of_kernel(base) && base.is_multiple_of(PAGE) && (1..=LARGEST).contains(&size)
}

/// The name without folders.
pub(super) fn file_name(path: &str) -> String {
    path.rsplit(['\\', '/'])
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Walks PsLoadedModuleList. What breaks the list behind its first entries goes to `remarks`.
pub(super) fn walk(
    source: &Source,
    memory: &Memory,
    head: u64,
    remarks: &mut Vec<String>,
) -> Result<Vec<Module>, DumpError> {
    let mut modules = Vec::new();
    let mut before = head;
    let broken = loop {
        let next = match memory.word(source, before.wrapping_add(FLINK as u64)) {
            Ok(next) => next,
            Err(gap) => break Some(gap.into()),
        };
        if next == head && !modules.is_empty() {
            break None;
        }
        if modules.len() == MOST {
            break Some(Broken::from("it does not come back to its head"));
        }
        match entry(source, memory, next, before) {
            Ok(module) => modules.push(module),
            Err(broken) => break Some(broken),
        }
        before = next;
    };
    match broken {
        None => {}
        Some(broken) if modules.is_empty() => {
            let what = format!(
                "the list of loaded modules (virtual {head:#x}) is not there: {}",
                broken.what
            );
            let mut error = source.wrong(broken.wrong, 0, what);
            error.offset = broken.offset;
            return Err(error);
        }
        Some(broken) => remarks.push(format!(
            "the list of loaded modules ends after {} ({}): {}",
            modules.len(),
            modules[modules.len() - 1].name,
            broken.what
        )),
    }
    Ok(modules)
}

/// Where and how a list ends too early.
struct Broken {
    wrong: Wrong,
    offset: Option<u64>,
    what: String,
}

impl From<&str> for Broken {
    fn from(what: &str) -> Self {
        Self {
            wrong: Wrong::Damaged,
            offset: None,
            what: what.to_owned(),
        }
    }
}

impl From<Gap> for Broken {
    fn from(gap: Gap) -> Self {
        match gap {
            Gap::NotMapped => Self::from("the page tables have no page for it"),
            Gap::NotInDump => {
                Self::from("its page, or a page table on the way, is not in the dump")
            }
            Gap::Short(offset, short) => Self {
                wrong: match short {
                    super::file::Short::CutOff => Wrong::CutOff,
                    super::file::Short::Host(_) => Wrong::Unreadable,
                },
                offset: Some(offset),
                what: match short {
                    super::file::Short::CutOff => "the file ends before".to_owned(),
                    super::file::Short::Host(error) => error.to_string(),
                },
            },
        }
    }
}

fn entry(source: &Source, memory: &Memory, at: u64, before: u64) -> Result<Module, Broken> {
    let mut bytes = [0; ENTRY];
    memory.read(source, at, &mut bytes)?;
    if u64_at(&bytes, BLINK) != before {
        return Err(Broken::from("an entry does not point back"));
    }
    let (base, size) = (u64_at(&bytes, BASE), u64::from(u32_at(&bytes, SIZE)));
    if !plausible(base, size) {
        return Err(Broken::from(
            format!("an entry has an image at {base:#x} of {size:#x} bytes").as_str(),
        ));
    }
    let length = usize::from(u16_at(&bytes, NAME_LENGTH)) / 2;
    if length == 0 || length > LONGEST_NAME {
        return Err(Broken::from("an entry has no name"));
    }
    let mut name = vec![0; 2 * length];
    memory.read(source, u64_at(&bytes, NAME_BUFFER), &mut name)?;
    Ok(Module {
        name: file_name(&utf16(&name)),
        base,
        size,
        stamp: stamp(source, memory, base),
    })
}

/// Text of UTF-16 in a file.
pub(super) fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|unit| u16_at(unit, 0));
    let text: String = char::decode_utf16(units)
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    // What is printed on one line stays on it.
    text.replace(char::is_control, "\u{FFFD}")
}

/// The TimeDateStamp of an image in memory, when its first page is there.
fn stamp(source: &Source, memory: &Memory, base: u64) -> Option<u32> {
    let mut headers = [0; PAGE as usize];
    memory.read(source, base, &mut headers).ok()?;
    super::own::Build::of(&headers).map(|build| build.stamp)
}
