//! The first 8 KiB of every dump: DUMP_HEADER64.
//!
//! Microsoft's header for it (ntiodump.h) is not in the WDK. Offsets: the structure `_DUMP_HEADER64` of volatility3
//! (`symbols/windows/crash64.json`), which agrees with kdmp-parser's `Header64` and rizin's `dmp64_header`. The numbers of the types:
//! "KBUGCHECK_ADD_PAGES structure", member DumpType, Microsoft Learn.

use super::bug_check::BugCheck;
use super::error::{DumpError, Wrong};
use super::file::{Source, u32_at, u64_at};

/// Bytes of the header.
pub(super) const SIZE: usize = 0x2000;
/// Where the runs of physical memory are described, and in how many bytes.
pub(super) const RUNS: usize = 0x88;
pub(super) const RUNS_SIZE: usize = 700;

const SIGNATURE: usize = 0x00;
const VALID_DUMP: usize = 0x04;
const DIRECTORY_TABLE_BASE: usize = 0x10;
const LOADED_MODULES: usize = 0x20;
const MACHINE: usize = 0x30;
const CODE: usize = 0x38;
const PARAMETERS: usize = 0x40;
const CONTEXT: usize = 0x348;
const DUMP_TYPE: usize = 0xF98;
const REQUIRED_SPACE: usize = 0xFA0;

const PAGE: &[u8] = b"PAGE";
const DU64: &[u8] = b"DU64";
const MACHINE_AMD64: u32 = 0x8664;

/// CONTEXT of x64 (winnt.h): stack pointer and instruction pointer.
const CONTEXT_RSP: usize = 0x98;
const CONTEXT_RIP: usize = 0xF8;
/// As much of a CONTEXT as is looked at.
pub(super) const CONTEXT_SIZE: usize = 0x100;

/// How memory lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// All of physical memory, in runs (1).
    Full,
    /// Physical pages by a bitmap: those of the kernel (6), or all that are worth it (5).
    Bitmap,
    /// Stack and drivers only: the minidump of 256 KiB and more (4).
    Small,
}

impl Kind {
    /// As Windows' control panel calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Full => "complete",
            Self::Bitmap => "kernel",
            Self::Small => "small",
        }
    }
}

/// Where a processor was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) rip: u64,
    pub(super) rsp: u64,
}

impl Context {
    /// From the bytes of a CONTEXT.
    pub(super) fn read(bytes: &[u8; CONTEXT_SIZE]) -> Self {
        Self {
            rip: u64_at(bytes, CONTEXT_RIP),
            rsp: u64_at(bytes, CONTEXT_RSP),
        }
    }
}

/// What the header says.
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) bug_check: BugCheck,
    pub(super) context: Context,
    /// Physical address of the page tables' root.
    pub(super) directory: u64,
    /// Virtual address of PsLoadedModuleList.
    pub(super) modules: u64,
    /// How long the file must be, in bytes; 0 when it is not said.
    pub(super) required: u64,
    pub(super) bytes: Box<[u8; SIZE]>,
}

impl Header {
    pub(super) fn read(source: &Source) -> Result<Self, DumpError> {
        if source.len() == 0 {
            return Err(source.wrong(Wrong::NotWritten, 0, "the file is empty"));
        }
        let mut magic = [0; 8];
        source
            .read(0, &mut magic)
            .map_err(|short| source.short(0, "the signature", &short))?;
        signature(source, &magic)?;
        let bytes = source.part::<SIZE>(0, "the end of the header")?;
        let machine = u32_at(&bytes[..], MACHINE);
        if machine != MACHINE_AMD64 {
            let what = format!("it is of a processor {machine:#x}, and only x64 (0x8664) is read");
            return Err(source.wrong(Wrong::OtherKind, MACHINE as u64, what));
        }
        let parameter = |index: usize| u64_at(&bytes[..], PARAMETERS + 8 * index);
        let bug_check = BugCheck {
            code: u32_at(&bytes[..], CODE),
            parameters: std::array::from_fn(parameter),
        };
        let mut context = [0; CONTEXT_SIZE];
        context.copy_from_slice(&bytes[CONTEXT..][..CONTEXT_SIZE]);
        Ok(Self {
            kind: kind(source, &bytes, &bug_check)?,
            bug_check,
            context: Context::read(&context),
            directory: u64_at(&bytes[..], DIRECTORY_TABLE_BASE),
            modules: u64_at(&bytes[..], LOADED_MODULES),
            required: u64_at(&bytes[..], REQUIRED_SPACE),
            bytes,
        })
    }
}

fn signature(source: &Source, magic: &[u8; 8]) -> Result<(), DumpError> {
    let (signature, valid) = magic.split_at(VALID_DUMP);
    let (wrong, what) = if signature == PAGE && valid == DU64 {
        return Ok(());
    } else if magic.iter().all(|byte| *byte == 0) {
        // DedicatedDumpFile is as long as a dump from the start.
        (
            Wrong::NotWritten,
            "it begins with zeros, where a dump has PAGEDU64".to_owned(),
        )
    } else if signature == PAGE && valid == PAGE {
        // Inferred: the kernel fills the header with this word before anything else (rizin calls it the magic of an unused dump).
        (
            Wrong::NotWritten,
            "its header is prepared (PAGEPAGE), and no dump follows".to_owned(),
        )
    } else if signature == PAGE && valid == b"DUMP" {
        (
            Wrong::OtherKind,
            "it is of a 32-bit Windows (PAGEDUMP)".to_owned(),
        )
    } else if signature == b"MDMP" {
        (
            Wrong::OtherKind,
            "it is the minidump of a program (MDMP), not of the kernel".to_owned(),
        )
    } else {
        let found = magic.escape_ascii();
        (
            Wrong::Damaged,
            format!("it begins with {found}, where a dump has PAGEDU64"),
        )
    };
    Err(source.wrong(wrong, SIGNATURE as u64, what))
}

fn kind(source: &Source, bytes: &[u8; SIZE], bug_check: &BugCheck) -> Result<Kind, DumpError> {
    let what = match u32_at(bytes, DUMP_TYPE) {
        1 => return Ok(Kind::Full),
        4 => return Ok(Kind::Small),
        5 | 6 => return Ok(Kind::Bitmap),
        // Inferred: no Windows that the driver runs on writes one, it became type 6.
        2 => "it is a summary dump (2), which Windows wrote before version 8".to_owned(),
        3 => "it is a header without memory (3)".to_owned(),
        kind @ 8..=10 => {
            format!("it was written by a debugger's .dump ({kind:#x}), not by a crash")
        }
        kind => format!("its type {kind:#x} is unknown"),
    };
    let mut error = source.wrong(Wrong::OtherKind, DUMP_TYPE as u64, what);
    error.bug_check = Some(*bug_check);
    Err(error)
}
