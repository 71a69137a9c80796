//! Function, file and line of addresses in a loaded driver; read only when a report is made.

pub(crate) use waverig_symbols::Symbol;

use super::{Image, at};
use crate::report::place;

/// All levels of inlining at `offset` of the image, innermost first, files named as in reports; empty when nothing is known.
pub(crate) fn find(image: &Image, offset: usize) -> Vec<Symbol> {
    let Some(pdb) = image.pdb.as_deref() else {
        return Vec::new();
    };
    let mut symbols = waverig_symbols::find(pdb, offset);
    for symbol in &mut symbols {
        symbol.file = symbol.file.as_deref().map(place::name);
    }
    symbols
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
