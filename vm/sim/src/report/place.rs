//! The one place that a report points at: the innermost one in the driver's own sources, with the text of its line.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use waverig_protocol::diagnostic::Place;
pub(crate) use waverig_symbols::headline;
use waverig_symbols::own;

use super::StackFrame;
use crate::image::symbols;

/// What the PDB calls the folder of the sources, and where that is.
static SOURCES: OnceLock<(String, PathBuf)> = OnceLock::new();

/// Says where the sources are that the PDB names below `prefix`: reports name them from there, and show their text.
pub fn set_sources(prefix: &str, folder: &Path) {
    // A process is told once.
    let _ = SOURCES.set((prefix.to_owned(), folder.to_owned()));
}

/// The name that reports give a source file.
pub(crate) fn name(file: &str) -> String {
    match SOURCES.get() {
        Some((prefix, _)) => waverig_symbols::below(prefix, file),
        None => file.to_owned(),
    }
}

/// The text of a line, as the file stands now.
fn code(file: &str, line: u32) -> Option<String> {
    let path = match SOURCES.get() {
        Some((_, folder)) => folder.join(file),
        None => PathBuf::from(file),
    };
    let text = fs::read_to_string(path).ok()?;
    let line = text
        .lines()
        .nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    (!line.trim().is_empty()).then(|| line.to_owned())
}

fn place(function: Option<&str>, file: Option<&str>, line: Option<u32>) -> Place {
    let line = file.map(str::to_owned).zip(line);
    Place {
        function: function.unwrap_or("?").to_owned(),
        code: line.as_ref().and_then(|(file, line)| code(file, *line)),
        line,
    }
}

/// The place of the call that returns to this address.
pub(crate) fn of_return(address: usize) -> Option<Place> {
    let image = crate::image::at(address)?;
    let symbols = symbols::find(image, (address - image.base).saturating_sub(1));
    Some(match headline(&symbols) {
        Some(symbol) => place(
            symbol.function.as_deref(),
            symbol.file.as_deref(),
            symbol.line,
        ),
        None => told(crate::image::offset_name(address)),
    })
}

/// The place of a stack.
pub(super) fn of_stack(frames: &[StackFrame]) -> Option<Place> {
    let of = |frame: &StackFrame| {
        let (function, file) = (frame.function.as_deref(), frame.file.as_deref());
        place(function, file, frame.line)
    };
    let own = |frame: &&StackFrame| frame.line.is_some() && frame.file.as_deref().is_some_and(own);
    if let Some(frame) = frames.iter().find(own) {
        return Some(of(frame));
    }
    let frame = frames.iter().find(|frame| !frame.place.is_empty())?;
    Some(match frame.function {
        Some(_) => of(frame),
        None => told(frame.place.clone()),
    })
}

/// A place of which only these words are known.
pub(crate) fn told(words: String) -> Place {
    Place {
        function: words,
        ..Place::default()
    }
}
