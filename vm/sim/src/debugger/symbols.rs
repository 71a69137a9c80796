//! What gdb needs of a driver, from its PDB and its unwind data: gdb reads neither.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use iced_x86::{Decoder, DecoderOptions};
use pdb_addr2line::ContextPdbData;
use pdb_addr2line::pdb::PDB;

use super::elf::{self, Function, Symbols, Unwinding};
use crate::image::pe::Headers;
use crate::image::{self, unwind};

/// Writes the symbols of `image` to `to`. `name` gives the name of a source file, relative to `folder` or absolute.
///
/// # Errors
/// When a file cannot be read or written.
pub fn write(
    image: &Path,
    pdb: &Path,
    folder: &Path,
    name: &dyn Fn(&str) -> String,
    to: &Path,
) -> Result<()> {
    let file = fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    let headers = Headers::read(&file)?;
    let opened =
        || -> Result<_> { Ok(ContextPdbData::try_from_pdb(PDB::open(File::open(pdb)?)?)?) };
    let data = opened().with_context(|| format!("cannot read {}", pdb.display()))?;
    let context = data.make_context()?;
    let mut symbols = Symbols {
        folder: folder.display().to_string(),
        files: Vec::new(),
        functions: Vec::new(),
        unwinding: Vec::new(),
        size: u32::try_from(headers.size)?,
    };
    let mut known: HashMap<String, usize> = HashMap::new();
    for function in context.functions() {
        let (start, Some(end)) = (function.start_rva, function.end_rva) else {
            continue;
        };
        let Some(code) = headers.code(&file, start, end) else {
            continue;
        };
        let mut rows: Vec<(u32, usize, u32)> = Vec::new();
        for instruction in Decoder::with_ip(64, code, start.into(), DecoderOptions::NONE) {
            let rva = u32::try_from(instruction.ip())?;
            let Some(found) = context.find_frames(rva)? else {
                continue;
            };
            let innermost = found.frames.first();
            let place = innermost.and_then(|frame| frame.file.as_ref().zip(frame.line));
            let Some((file, line)) = place else { continue };
            let index = match known.get(file.as_ref()) {
                Some(index) => *index,
                None => {
                    symbols.files.push(name(file));
                    known.insert(file.to_string(), symbols.files.len() - 1);
                    symbols.files.len() - 1
                }
            };
            if rows
                .last()
                .is_none_or(|last| (last.1, last.2) != (index, line))
            {
                rows.push((rva, index, line));
            }
        }
        let name = function.name.as_deref().map(image::short_name);
        symbols.functions.push(Function {
            name: name.unwrap_or_else(|| format!("{start:#x}")),
            start,
            end,
            rows,
        });
    }
    let mapped = headers.mapped(&file)?;
    for function in unwind::Function::table(&headers, &mapped)? {
        let (start, end) = function.range();
        if let Some(instructions) = unwind::dwarf::instructions(&mapped, &function) {
            symbols.unwinding.push(Unwinding {
                start,
                end,
                instructions,
            });
        }
    }
    fs::write(to, elf::file(&symbols)).with_context(|| format!("cannot write {}", to.display()))
}
