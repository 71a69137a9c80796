//! The driver that is looked for: its name, its build, and the names of its places.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use waverig_protocol::diagnostic::Place;

use super::file::{u16_at, u32_at};
use super::stack::CALL;

/// The driver that a dump is searched for.
#[derive(Debug, Clone)]
pub struct Own {
    /// File name of its image: `waverig.sys`.
    pub name: String,
    /// The file: its code is looked at where the dump has none.
    pub image: Option<PathBuf>,
    /// Its PDB.
    pub pdb: Option<PathBuf>,
    /// What the PDB calls the folder of the sources; places are named from there.
    pub sources: String,
    /// Which build it is, as far as it is known: names of another build would be wrong.
    pub build: Option<Build>,
}

/// What tells one build of an image from another (PE Format, Microsoft Learn: TimeDateStamp, SizeOfImage).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Build {
    /// Time stamp, or the hash that a reproducible build has in its place.
    pub stamp: u32,
    /// Bytes of address space.
    pub size: u32,
}

/// Where the headers begin; TimeDateStamp and SizeOfImage in them.
const E_LFANEW: usize = 0x3C;
const STAMP: usize = 8;
const MAGIC: usize = 24;
const SIZE_OF_IMAGE: usize = 24 + 56;
/// NumberOfSections and SizeOfOptionalHeader; the sections' headers, and where they say that a section lies in memory and in the file.
const SECTIONS: usize = 6;
const OPTIONAL_SIZE: usize = 20;
const OPTIONAL: usize = 24;
const SECTION: usize = 40;
const SECTION_ADDRESS: usize = 12;
const SECTION_SIZE: usize = 16;
const SECTION_OFFSET: usize = 20;
const PE32_PLUS: u16 = 0x20B;

impl Build {
    /// From the first page of an image.
    pub(super) fn of(headers: &[u8]) -> Option<Self> {
        if headers.len() < E_LFANEW + 4 || !headers.starts_with(b"MZ") {
            return None;
        }
        let at = u32_at(headers, E_LFANEW) as usize;
        let headers = headers.get(at..)?;
        if headers.len() < SIZE_OF_IMAGE + 4
            || !headers.starts_with(b"PE\0\0")
            || u16_at(headers, MAGIC) != PE32_PLUS
        {
            return None;
        }
        Some(Self {
            stamp: u32_at(headers, STAMP),
            size: u32_at(headers, SIZE_OF_IMAGE),
        })
    }
}

impl Own {
    /// The driver of this file, with the PDB beside it. What is not there is left out of the answers: without the image its
    /// build is not compared, without the PDB places have no names.
    pub fn of_image(image: &Path, sources: &str) -> Self {
        let name = image.file_name().unwrap_or_default();
        let pdb = image.with_extension("pdb");
        let mut headers = Vec::new();
        let read = File::open(image).and_then(|file| file.take(0x1000).read_to_end(&mut headers));
        Self {
            name: name.to_string_lossy().into_owned(),
            image: image.is_file().then(|| image.to_owned()),
            pdb: pdb.is_file().then_some(pdb),
            sources: sources.to_owned(),
            build: read.ok().and_then(|_| Build::of(&headers)),
        }
    }

    /// The bytes before an address in the image, which is as far inside, from its file.
    pub(super) fn code_before(&self, inside: u64) -> Option<[u8; CALL]> {
        let mut file = File::open(self.image.as_deref()?).ok()?;
        let mut headers = Vec::new();
        (&mut file).take(0x1000).read_to_end(&mut headers).ok()?;
        Build::of(&headers)?;
        let headers = &headers[u32_at(&headers, E_LFANEW) as usize..];
        let table = OPTIONAL + usize::from(u16_at(headers, OPTIONAL_SIZE));
        let count = usize::from(u16_at(headers, SECTIONS));
        let begin = inside.checked_sub(CALL as u64)?;
        let section = headers
            .get(table..)?
            .chunks_exact(SECTION)
            .take(count)
            .find_map(|section| {
                let field = |at: usize| u64::from(u32_at(section, at));
                let within = begin.checked_sub(field(SECTION_ADDRESS))?;
                let fits = within + CALL as u64 <= field(SECTION_SIZE);
                fits.then_some(field(SECTION_OFFSET) + within)
            });
        let mut code = [0; CALL];
        file.seek(SeekFrom::Start(section?)).ok()?;
        file.read_exact(&mut code).ok()?;
        Some(code)
    }

    /// The place at an offset of the image.
    pub(super) fn place(&self, offset: u64) -> Option<Place> {
        let offset = usize::try_from(offset).ok()?;
        let mut symbols = waverig_symbols::find(self.pdb.as_deref()?, offset);
        for symbol in &mut symbols {
            let named = symbol.file.as_deref();
            symbol.file = named.map(|file| waverig_symbols::below(&self.sources, file));
        }
        let symbol = waverig_symbols::headline(&symbols)?;
        Some(Place {
            function: symbol.function.clone()?,
            line: symbol.file.clone().zip(symbol.line),
            code: None,
        })
    }
}
