//! Function, file and line of addresses in a driver, from the PDB beside it; read only when a report is made.

use std::fs::File;
use std::path::Path;

use pdb_addr2line::ContextPdbData;
use pdb_addr2line::pdb::PDB;

use super::{Image, at, names};
use crate::report::place;

/// What is known of one address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Symbol {
    pub(crate) function: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
}

/// All levels of inlining at `offset` of the image, innermost first; empty when nothing is known.
pub(crate) fn find(image: &Image, offset: usize) -> Vec<Symbol> {
    let lookup = |pdb: &Path| -> Option<Vec<Symbol>> {
        let data = ContextPdbData::try_from_pdb(PDB::open(File::open(pdb).ok()?).ok()?).ok()?;
        let context = data.make_context().ok()?;
        let frames = context.find_frames(u32::try_from(offset).ok()?).ok()??;
        let symbol = |frame: &pdb_addr2line::Frame<'_>| Symbol {
            function: frame.function.as_deref().map(names::short),
            file: frame.file.as_deref().map(place::name),
            line: frame.line,
        };
        Some(frames.frames.iter().map(symbol).collect())
    };
    image.pdb.as_deref().and_then(lookup).unwrap_or_default()
}

/// One address in words; `address` is one that execution returns to, so the call lies just before it.
pub(crate) fn describe(address: usize) -> String {
    let offset = super::offset_name(address);
    let Some(image) = at(address) else {
        return offset;
    };
    let symbols = find(image, (address - image.base).saturating_sub(1));
    match place::headline(&symbols).filter(|symbol| symbol.function.is_some()) {
        Some(symbol) => format!("{} ({offset})", words(symbol)),
        None => offset,
    }
}

/// `function (file:line)`.
pub(crate) fn words(symbol: &Symbol) -> String {
    let function = symbol.function.as_deref().unwrap_or("?");
    match (&symbol.file, symbol.line) {
        (Some(file), Some(line)) => format!("{function} ({file}:{line})"),
        (Some(file), None) => format!("{function} ({file})"),
        _ => function.to_owned(),
    }
}
