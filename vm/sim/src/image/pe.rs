//! Reads what a loader needs from a PE32+ file: headers, sections, imports, relocations, the name of the PDB.
//!
//! Facts: "PE Format", Microsoft Learn.

use anyhow::{Context, Result, bail, ensure};

/// Section may be executed.
pub(crate) const SECTION_EXECUTE: u32 = 0x2000_0000;
/// Section may be written.
pub(crate) const SECTION_WRITE: u32 = 0x8000_0000;
/// Section is thrown away after DriverEntry.
pub(crate) const SECTION_DISCARDABLE: u32 = 0x0200_0000;

const DIRECTORY_IMPORT: usize = 1;
const DIRECTORY_EXCEPTION: usize = 3;
const DIRECTORY_RELOCATION: usize = 5;
const DIRECTORY_DEBUG: usize = 6;
const DIRECTORY_LOAD_CONFIG: usize = 10;

const MACHINE_AMD64: u16 = 0x8664;
const MAGIC_PE32_PLUS: u16 = 0x20B;
const SUBSYSTEM_NATIVE: u16 = 1;
const RELOCATION_ABSOLUTE: u16 = 0;
const RELOCATION_DIR64: u16 = 10;
const DEBUG_CODEVIEW: u32 = 2;

/// One section.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) rva: usize,
    pub(crate) virtual_size: usize,
    pub(crate) file_offset: usize,
    pub(crate) file_size: usize,
    pub(crate) characteristics: u32,
}

/// One imported name and the place its address goes.
#[derive(Debug, Clone)]
pub(crate) struct Imported {
    pub(crate) dll: String,
    pub(crate) name: String,
    pub(crate) slot: usize,
}

/// Part of the image by relative address and length.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Directory {
    pub(crate) rva: usize,
    pub(crate) size: usize,
}

/// The headers of a driver image.
#[derive(Debug)]
pub(crate) struct Headers {
    pub(crate) entry: usize,
    pub(crate) preferred_base: u64,
    pub(crate) size: usize,
    pub(crate) headers_size: usize,
    pub(crate) sections: Vec<Section>,
    directories: Vec<Directory>,
}

/// Little-endian reads that stay within a slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn take(self, at: usize, length: usize) -> Result<&'a [u8]> {
        let end = at.checked_add(length).context("an offset that overflows")?;
        self.0.get(at..end).with_context(|| {
            format!(
                "{length} bytes at {at:#x} lie outside of {:#x} bytes",
                self.0.len()
            )
        })
    }

    pub(crate) fn u16(self, at: usize) -> Result<u16> {
        Ok(u16::from_le_bytes(self.take(at, 2)?.try_into()?))
    }

    pub(crate) fn u32(self, at: usize) -> Result<u32> {
        Ok(u32::from_le_bytes(self.take(at, 4)?.try_into()?))
    }

    pub(crate) fn u64(self, at: usize) -> Result<u64> {
        Ok(u64::from_le_bytes(self.take(at, 8)?.try_into()?))
    }

    /// Zero-terminated ASCII.
    pub(crate) fn text(self, at: usize) -> Result<String> {
        let rest = self
            .0
            .get(at..)
            .with_context(|| format!("a string at {at:#x} lies outside"))?;
        let end = rest
            .iter()
            .position(|byte| *byte == 0)
            .context("a string without an end")?;
        Ok(std::str::from_utf8(&rest[..end])
            .context("a name that is not text")?
            .to_owned())
    }
}

impl Headers {
    /// Reads and checks the headers of the file.
    pub(crate) fn read(file: &[u8]) -> Result<Self> {
        let file = Bytes(file);
        ensure!(file.u16(0)? == u16::from_le_bytes(*b"MZ"), "no MZ header");
        let pe = file.u32(0x3C)? as usize;
        ensure!(
            file.u32(pe)? == u32::from_le_bytes(*b"PE\0\0"),
            "no PE signature"
        );
        let machine = file.u16(pe + 4)?;
        ensure!(
            machine == MACHINE_AMD64,
            "machine {machine:#x}, not x86-64 ({MACHINE_AMD64:#x})"
        );
        let section_count = usize::from(file.u16(pe + 6)?);
        let optional_size = usize::from(file.u16(pe + 20)?);
        let optional = pe + 24;
        ensure!(file.u16(optional)? == MAGIC_PE32_PLUS, "not a PE32+ image");
        let alignment = file.u32(optional + 32)? as usize;
        ensure!(
            alignment >= 4096 && alignment.is_power_of_two(),
            "section alignment {alignment}; at least 4096 is needed for protections"
        );
        let subsystem = file.u16(optional + 68)?;
        ensure!(
            subsystem == SUBSYSTEM_NATIVE,
            "subsystem {subsystem}; a driver is native ({SUBSYSTEM_NATIVE})"
        );
        let count = (file.u32(optional + 108)? as usize).min(16);
        let directory = |index| -> Result<Directory> {
            let at = optional + 112 + 8 * index;
            Ok(Directory {
                rva: file.u32(at)? as usize,
                size: file.u32(at + 4)? as usize,
            })
        };
        let sections = (0..section_count)
            .map(|index| section(file, optional + optional_size + 40 * index))
            .collect::<Result<_>>()?;
        let headers = Self {
            entry: file.u32(optional + 16)? as usize,
            preferred_base: file.u64(optional + 24)?,
            size: file.u32(optional + 56)? as usize,
            headers_size: file.u32(optional + 60)? as usize,
            directories: (0..count).map(directory).collect::<Result<_>>()?,
            sections,
        };
        headers.check()?;
        Ok(headers)
    }

    fn check(&self) -> Result<()> {
        ensure!(self.size <= 1 << 30, "an image of {} bytes", self.size);
        ensure!(self.entry != 0 && self.entry < self.size, "no entry point");
        for section in &self.sections {
            let name = &section.name;
            ensure!(
                section.rva % 4096 == 0,
                "section {name} starts at {:#x}, within a page",
                section.rva
            );
            let end = section
                .rva
                .checked_add(section.virtual_size.max(section.file_size))
                .context("a section that overflows")?;
            ensure!(
                end <= self.size.next_multiple_of(4096),
                "section {name} reaches beyond the image"
            );
            let both = SECTION_EXECUTE | SECTION_WRITE;
            ensure!(
                section.characteristics & both != both,
                "section {name} is both writable and executable"
            );
        }
        Ok(())
    }

    fn directory(&self, index: usize) -> Directory {
        self.directories.get(index).copied().unwrap_or_default()
    }

    /// The bytes of executable code from one relative address to another, as they stand in the file.
    pub(crate) fn code<'a>(&self, file: &'a [u8], start: u32, end: u32) -> Option<&'a [u8]> {
        let (start, end) = (start as usize, end as usize);
        let section = self.sections.iter().find(|section| {
            section.characteristics & SECTION_EXECUTE != 0
                && (section.rva..section.rva + section.file_size).contains(&start)
        })?;
        let from = section.file_offset + (start - section.rva);
        file.get(from..from + end.checked_sub(start)?)
    }

    /// The table of functions and their unwind data.
    pub(crate) fn exceptions(&self) -> Directory {
        self.directory(DIRECTORY_EXCEPTION)
    }

    /// Address of the security cookie in the image as linked, when there is one.
    pub(crate) fn security_cookie(&self, image: &[u8]) -> Result<Option<u64>> {
        const COOKIE: usize = 0x58;
        let directory = self.directory(DIRECTORY_LOAD_CONFIG);
        if directory.rva == 0 || Bytes(image).u32(directory.rva)? as usize <= COOKIE {
            return Ok(None);
        }
        let address = Bytes(image).u64(directory.rva + COOKIE)?;
        Ok((address != 0).then_some(address))
    }

    /// Everything the image imports.
    pub(crate) fn imports(&self, image: &[u8]) -> Result<Vec<Imported>> {
        let directory = self.directory(DIRECTORY_IMPORT);
        let image = Bytes(image);
        let mut imports = Vec::new();
        if directory.rva == 0 {
            return Ok(imports);
        }
        for descriptor in (directory.rva..).step_by(20) {
            let names = image.u32(descriptor)? as usize;
            let dll = image.u32(descriptor + 12)? as usize;
            let slots = image.u32(descriptor + 16)? as usize;
            if dll == 0 || slots == 0 {
                break;
            }
            let dll = image.text(dll)?;
            let names = if names == 0 { slots } else { names };
            for index in 0.. {
                let entry = image.u64(names + 8 * index)?;
                if entry == 0 {
                    break;
                }
                let name = if entry >> 63 == 1 {
                    format!("ordinal {}", entry & 0xFFFF)
                } else {
                    image.text(usize::try_from(entry)? + 2)?
                };
                imports.push(Imported {
                    dll: dll.clone(),
                    name,
                    slot: slots + 8 * index,
                });
            }
        }
        Ok(imports)
    }

    /// Places of the image that hold 64-bit addresses.
    pub(crate) fn relocations(&self, image: &[u8]) -> Result<Vec<usize>> {
        let directory = self.directory(DIRECTORY_RELOCATION);
        let table = Bytes(image);
        let mut places = Vec::new();
        let mut at = directory.rva;
        while at + 8 <= directory.rva + directory.size {
            let page = table.u32(at)? as usize;
            let size = table.u32(at + 4)? as usize;
            ensure!(size >= 8, "a relocation block of {size} bytes");
            for entry in (at + 8..at + size).step_by(2) {
                let entry = table.u16(entry)?;
                match entry >> 12 {
                    RELOCATION_ABSOLUTE => {}
                    RELOCATION_DIR64 => places.push(page + usize::from(entry & 0xFFF)),
                    kind => bail!("a relocation of kind {kind} at page {page:#x}"),
                }
            }
            at += size;
        }
        Ok(places)
    }

    /// File name of the PDB that the linker wrote beside the image.
    pub(crate) fn pdb_name(&self, image: &[u8], file: &[u8]) -> Option<String> {
        let directory = self.directory(DIRECTORY_DEBUG);
        let count = directory.size / 28;
        let codeview = (0..count).find_map(|index| {
            let entry = directory.rva + 28 * index;
            let kind = Bytes(image).u32(entry + 12).ok()?;
            (kind == DEBUG_CODEVIEW).then(|| Bytes(image).u32(entry + 24).ok())?
        })? as usize;
        (Bytes(file).u32(codeview).ok()? == u32::from_le_bytes(*b"RSDS"))
            .then(|| Bytes(file).text(codeview + 24).ok())?
    }
}

fn section(file: Bytes<'_>, at: usize) -> Result<Section> {
    let name = file.take(at, 8)?;
    Ok(Section {
        name: String::from_utf8_lossy(name)
            .trim_end_matches('\0')
            .to_owned(),
        virtual_size: file.u32(at + 8)? as usize,
        rva: file.u32(at + 12)? as usize,
        file_size: file.u32(at + 16)? as usize,
        file_offset: file.u32(at + 20)? as usize,
        characteristics: file.u32(at + 36)?,
    })
}
