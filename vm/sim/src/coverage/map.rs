//! Instructions and the lines they come from: by the image's code and the PDB, inlined functions included.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use iced_x86::{Decoder, DecoderOptions, FlowControl};
use pdb_addr2line::ContextPdbData;
use pdb_addr2line::pdb::PDB;
use waverig_package::Sha256Digest;

use super::{EXECUTED, Places};
use crate::image::pe::Headers;

/// Lines of source files; of each, in how many machines it was executed.
pub type Lines = BTreeMap<String, BTreeMap<u32, u64>>;

/// The instructions of an image that come from chosen source files.
#[derive(Debug)]
pub struct Map {
    sha256: String,
    /// By relative address. An instruction of an inlined function belongs to its own line and to those of the calls.
    instructions: BTreeMap<u32, Instruction>,
}

#[derive(Debug)]
struct Instruction {
    lines: Vec<(String, u32)>,
    /// Where execution goes on, when that is certain.
    next: Option<u32>,
}

impl Map {
    /// Reads an image and its PDB. `own` gives the name that a source file is reported by, `None` for one that does not matter.
    ///
    /// # Errors
    /// When a file cannot be read, or no instruction comes from those sources.
    pub fn read(image: &Path, pdb: &Path, own: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let file = fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
        let headers = Headers::read(&file)
            .with_context(|| format!("{} is no driver image", image.display()))?;
        let symbols = || -> Result<ContextPdbData<'_, '_, File>> {
            Ok(ContextPdbData::try_from_pdb(PDB::open(File::open(pdb)?)?)?)
        };
        let symbols = symbols().with_context(|| format!("cannot read {}", pdb.display()))?;
        let context = symbols.make_context()?;
        let mut instructions = BTreeMap::new();
        let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
        for function in context.functions() {
            let Some(end) = function.end_rva else {
                continue;
            };
            let Some(code) = headers.code(&file, function.start_rva, end) else {
                continue;
            };
            let start = u64::from(function.start_rva);
            for instruction in Decoder::with_ip(64, code, start, DecoderOptions::NONE) {
                let rva = u32::try_from(instruction.ip()).context("an address in the image")?;
                let Some(frames) = context.find_frames(rva)? else {
                    continue;
                };
                let mut lines: Vec<(String, u32)> = Vec::new();
                for frame in &frames.frames {
                    let (Some(file), Some(line)) = (&frame.file, frame.line) else {
                        continue;
                    };
                    let name = names.entry(file.to_string()).or_insert_with(|| own(file));
                    if let (Some(name), true) = (name, line > 0) {
                        lines.push((name.clone(), line));
                    }
                }
                if !lines.is_empty() {
                    let next = (instruction.flow_control() == FlowControl::Next)
                        .then(|| u32::try_from(instruction.next_ip()).ok())
                        .flatten();
                    instructions.insert(rva, Instruction { lines, next });
                }
            }
        }
        ensure!(
            !instructions.is_empty(),
            "{} names no instruction of the driver's own sources",
            pdb.display()
        );
        let sha256 = Sha256Digest::of(&file).to_string();
        Ok(Self {
            sha256,
            instructions,
        })
    }

    /// Where a machine is to put breakpoints.
    #[must_use]
    pub fn places(&self) -> Places {
        let after = self.instructions.keys().skip(1).map(|rva| Some(*rva));
        let after = after.chain([None]);
        let place = |((rva, instruction), after): ((&u32, &Instruction), Option<u32>)| {
            (*rva, after.is_some() && instruction.next == after)
        };
        Places {
            sha256: self.sha256.clone(),
            places: self.instructions.iter().zip(after).map(place).collect(),
        }
    }

    /// The lines with code, and in how many of the machines that wrote to `folder` each was executed; how many machines those are.
    ///
    /// # Errors
    /// When what a machine wrote cannot be read.
    pub fn executed(&self, folder: &Path) -> Result<(Lines, usize)> {
        let mut all = Lines::new();
        let lines = self.instructions.values();
        for (file, line) in lines.flat_map(|instruction| &instruction.lines) {
            all.entry(file.clone())
                .or_default()
                .entry(*line)
                .or_default();
        }
        let mut machines = 0;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with(EXECUTED) {
                continue;
            }
            machines += 1;
            let executed: Vec<u32> = serde_json::from_slice(&fs::read(entry.path())?)
                .with_context(|| format!("{} is damaged", entry.path().display()))?;
            let known = executed.iter().filter_map(|rva| self.instructions.get(rva));
            let lines = known.flat_map(|instruction| &instruction.lines);
            for (file, line) in lines.collect::<BTreeSet<_>>() {
                if let Some(count) = all.get_mut(file).and_then(|file| file.get_mut(line)) {
                    *count += 1;
                }
            }
        }
        Ok((all, machines))
    }
}
