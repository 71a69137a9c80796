//! What a crash dump of a Windows machine says, in a line: the bug check, and where in the driver it was.
//!
//! A guest writes its dump to a disk of its own; the host reads it here, on any system and without Windows' debugger. [`triage`]
//! takes the complete, the kernel and the small dump of x64. It says what the dump says and how it knows: an address that the bug
//! check names is certain; a return address that lay on the stack may be left from an earlier call, and is told so.
//!
//! No dump of a real Windows has been read yet. The layouts are from public sources, named where they are used; the tests' dumps
//! are made by them, and kdmp-parser reads these, too.

mod bug_check;
mod error;
mod file;
mod header;
mod memory;
mod modules;
mod own;
mod pages;
mod small;
mod stack;
#[cfg(test)]
mod tests;
mod verdict;

use std::path::Path;

pub use bug_check::BugCheck;
pub use error::{DumpError, Wrong};
pub use own::{Build, Own};
pub use verdict::{Evidence, Frame, Loaded, Sought, Triage};

use file::Source;
use header::{Header, Kind};
use memory::Memory;

/// Says what the dump in the file `dump` says, and where in the driver `own` it was, when one is named.
///
/// # Errors
/// When there is no dump in the file yet, when it is cut off before what a verdict needs, contradicts itself, or is of a kind that
/// is not read. The text names file, place and what to do next, and the bug check where the header could be read.
pub fn triage(dump: &Path, own: Option<&Own>) -> Result<Triage, DumpError> {
    read(&Source::open(dump)?, own)
}

fn read(source: &Source, own: Option<&Own>) -> Result<Triage, DumpError> {
    let header = Header::read(source)?;
    inside(source, &header, own).map_err(|error| DumpError {
        bug_check: Some(header.bug_check),
        ..error
    })
}

fn inside(source: &Source, header: &Header, own: Option<&Own>) -> Result<Triage, DumpError> {
    let mut remarks = Vec::new();
    if header.kind != Kind::Small && header.required > source.len() {
        remarks.push(format!(
            "the file is cut off: {:#x} of {:#x} bytes",
            source.len(),
            header.required
        ));
    }
    let (memory, modules, context) = match header.kind {
        Kind::Small => {
            let small = small::Small::read(source, &mut remarks)?;
            (small.memory, small.modules, small.context)
        }
        Kind::Full | Kind::Bitmap => {
            let pages = match header.kind {
                Kind::Full => pages::runs(source, header, &mut remarks)?,
                _ => pages::bitmap(source, &mut remarks)?,
            };
            let memory = Memory::Tables {
                root: header.directory,
                pages,
            };
            let modules = modules::walk(source, &memory, header.modules, &mut remarks)?;
            (memory, modules, header.context)
        }
    };
    let crash = verdict::Crash {
        source,
        memory: &memory,
        modules: &modules,
        context,
        bug_check: header.bug_check,
        kind: header.kind,
    };
    Ok(crash.judge(own, remarks))
}
