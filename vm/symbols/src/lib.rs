//! Function, file and line of a place in a driver, from its PDB: for the reports of the simulator and for crash dumps.
#![forbid(unsafe_code)]

mod names;
mod streams;

use std::fs::File;
use std::path::Path;

use pdb_addr2line::ContextPdbData;
use pdb_addr2line::pdb::PDB;

pub use names::short;
pub use streams::streams;

/// What is known of one address.
#[derive(Debug, Clone, Default)]
pub struct Symbol {
    /// The function, named as people write it.
    pub function: Option<String>,
    /// The source file, as the PDB names it.
    pub file: Option<String>,
    /// The line in it.
    pub line: Option<u32>,
}

/// All levels of inlining at `offset` of the image that `pdb` belongs to, innermost first; empty when nothing is known.
pub fn find(pdb: &Path, offset: usize) -> Vec<Symbol> {
    let lookup = || -> Option<Vec<Symbol>> {
        let data = ContextPdbData::try_from_pdb(PDB::open(File::open(pdb).ok()?).ok()?).ok()?;
        let context = data.make_context().ok()?;
        let frames = context.find_frames(u32::try_from(offset).ok()?).ok()??;
        let symbol = |frame: &pdb_addr2line::Frame<'_>| Symbol {
            function: frame.function.as_deref().map(short),
            file: frame.file.as_deref().map(str::to_owned),
            line: frame.line,
        };
        Some(frames.frames.iter().map(symbol).collect())
    };
    lookup().unwrap_or_default()
}

/// The name of a source file from the folder of the sources, which the PDB calls `prefix`; another file keeps its name.
pub fn below(prefix: &str, file: &str) -> String {
    let inside = file.strip_prefix(prefix);
    match inside.filter(|rest| rest.starts_with(['/', '\\'])) {
        Some(rest) => rest[1..].replace('\\', "/"),
        None => file.to_owned(),
    }
}

/// The symbol to point at, of those at one address, innermost first: library code that was inlined there is not what one looks for.
pub fn headline(symbols: &[Symbol]) -> Option<&Symbol> {
    let has = |symbol: &&Symbol| symbol.file.as_deref().is_some_and(own);
    symbols.iter().find(has).or(symbols.first())
}

/// Whether a file is the driver's own: neither the language's library nor a crate from elsewhere.
pub fn own(file: &str) -> bool {
    !file.starts_with("/rustc/") && !file.starts_with("/dependencies/")
}
