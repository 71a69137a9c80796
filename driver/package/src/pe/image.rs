//! The headers of a PE32+ image, read without trusting any number in them.
//!
//! Source: Microsoft, "PE Format".

use std::fmt;
use std::ops::Range;

/// An image that is not one, or whose headers contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeError(pub(crate) String);

impl fmt::Display for PeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a usable PE32+ image: {}", self.0)
    }
}

impl std::error::Error for PeError {}

/// The certificate table and its entries start at multiples of this (PE Format, "The Attribute Certificate Table").
pub(crate) const CERTIFICATE_ALIGNMENT: usize = 8;

/// The data directories this crate looks at, by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directory {
    /// Exported names.
    Export = 0,
    /// Imported names.
    Import = 1,
    /// The certificate table: a file offset, not an address.
    Certificate = 4,
    /// Base relocations.
    Relocation = 5,
    /// Debug information, among it the PDB's name.
    Debug = 6,
    /// Thread-local storage.
    Tls = 9,
    /// What the loader is asked for.
    LoadConfig = 10,
    /// Imports bound ahead of time.
    BoundImport = 11,
    /// The slots that the loader fills in for all imports.
    ImportAddress = 12,
    /// Imports resolved at their first call.
    DelayImport = 13,
}

/// A section header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name without trailing zeros.
    pub name: String,
    /// Address relative to the image base.
    pub address: u32,
    /// Size in memory.
    pub virtual_size: u32,
    /// Where its bytes are in the file.
    pub file: Range<usize>,
    /// `IMAGE_SCN_*` flags.
    pub characteristics: u32,
    /// Where the flags are in the file.
    pub(crate) characteristics_at: usize,
}

/// A PE32+ image in its file layout.
#[derive(Clone, Debug)]
pub struct Image<'a> {
    bytes: &'a [u8],
    /// Where `PE\0\0` is.
    header: usize,
    directories: usize,
    sections: Vec<Section>,
}

/// Offsets from the PE signature.
const FILE_HEADER: usize = 4;
const OPTIONAL_HEADER: usize = 24;
const CHECKSUM: usize = OPTIONAL_HEADER + 64;
const DIRECTORIES: usize = OPTIONAL_HEADER + 112;
const PE32_PLUS: u16 = 0x20B;

fn error<T>(message: impl Into<String>) -> Result<T, PeError> {
    Err(PeError(message.into()))
}

/// `N` bytes at an offset.
pub(super) fn read<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

impl<'a> Image<'a> {
    /// Reads the headers.
    ///
    /// # Errors
    /// Says which header is cut short, unknown or out of the file.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PeError> {
        if bytes.get(..2) != Some(b"MZ") {
            return error("it does not start with MZ");
        }
        let header = match read(bytes, 60) {
            Some(at) => u32::from_le_bytes(at) as usize,
            None => return error("it ends within the DOS header"),
        };
        if bytes.get(header..).and_then(|rest| rest.get(..4)) != Some(b"PE\0\0") {
            return error("there is no PE signature where the DOS header points");
        }
        if header % 8 != 0 {
            return error("the PE header is not aligned");
        }
        let mut image = Self {
            bytes,
            header,
            directories: 0,
            sections: Vec::new(),
        };
        if bytes.len() < header + DIRECTORIES {
            return error("it ends within the optional header");
        }
        if image.u16(OPTIONAL_HEADER) != PE32_PLUS {
            return error("the optional header is not that of PE32+ (64-bit)");
        }
        image.directories = image.u32(OPTIONAL_HEADER + 108) as usize;
        let optional_size = usize::from(image.u16(FILE_HEADER + 16));
        if image.directories > 16 || optional_size < 112 + 8 * image.directories {
            return error("the optional header is too small for its data directories");
        }
        let count = usize::from(image.u16(FILE_HEADER + 2));
        let table = header + OPTIONAL_HEADER + optional_size;
        for index in 0..count {
            image.sections.push(image.section(table + 40 * index)?);
        }
        if image.size_of_headers() < table + 40 * count || image.size_of_headers() > bytes.len() {
            return error("SizeOfHeaders does not span the headers");
        }
        image.check_layout()?;
        Ok(image)
    }

    fn section(&self, at: usize) -> Result<Section, PeError> {
        let Some(raw) = read::<40>(self.bytes, at) else {
            return error("it ends within the section table");
        };
        let number = |offset: usize| {
            u32::from_le_bytes([
                raw[offset],
                raw[offset + 1],
                raw[offset + 2],
                raw[offset + 3],
            ])
        };
        let name = String::from_utf8_lossy(&raw[..8])
            .trim_end_matches('\0')
            .to_owned();
        let (size, start) = (number(16) as usize, number(20) as usize);
        // A section without bytes in the file may have any pointer.
        let file = if size == 0 {
            0..0
        } else {
            start..start.saturating_add(size)
        };
        if file.end > self.bytes.len() {
            return error(format!("section {name} ends outside the file"));
        }
        Ok(Section {
            name,
            address: number(12),
            virtual_size: number(8),
            file,
            characteristics: number(36),
            characteristics_at: at + 36,
        })
    }

    /// Sections lie one after the other behind the headers, in memory and in the file.
    fn check_layout(&self) -> Result<(), PeError> {
        let mut memory = self.size_of_headers() as u64;
        let mut file = self.size_of_headers();
        for section in &self.sections {
            let end = u64::from(section.address)
                + u64::from(section.virtual_size).max(section.file.len() as u64);
            if u64::from(section.address) < memory
                || end > u64::from(self.u32(OPTIONAL_HEADER + 56)).next_multiple_of(4096)
            {
                return error(format!(
                    "section {} overlaps another one or the end of the image",
                    section.name
                ));
            }
            memory = u64::from(section.address) + u64::from(section.virtual_size);
            if !section.file.is_empty() {
                if section.file.start < file {
                    return error(format!(
                        "section {} overlaps another one in the file",
                        section.name
                    ));
                }
                file = section.file.end;
            }
        }
        let certificates = self.directory(Directory::Certificate);
        let table = certificates.start as usize..certificates.end as usize;
        if !table.is_empty()
            && (table.start < file
                || table.end != self.bytes.len()
                || table.start % CERTIFICATE_ALIGNMENT != 0)
        {
            return error("the certificate table is not the aligned end of the file");
        }
        Ok(())
    }

    fn u16(&self, offset: usize) -> u16 {
        read(self.bytes, self.header + offset).map_or(0, u16::from_le_bytes)
    }

    fn u32(&self, offset: usize) -> u32 {
        read(self.bytes, self.header + offset).map_or(0, u32::from_le_bytes)
    }

    /// The whole file.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// `IMAGE_FILE_MACHINE_*`
    pub fn machine(&self) -> u16 {
        self.u16(FILE_HEADER)
    }

    /// `IMAGE_FILE_*` flags.
    pub fn file_characteristics(&self) -> u16 {
        self.u16(FILE_HEADER + 18)
    }

    /// The entry point's address relative to the image base; 0 when there is none.
    pub fn entry_point(&self) -> u32 {
        self.u32(OPTIONAL_HEADER + 16)
    }

    /// Alignment of sections in memory, in bytes.
    pub fn section_alignment(&self) -> u32 {
        self.u32(OPTIONAL_HEADER + 32)
    }

    /// Size of all headers in the file, in bytes.
    pub fn size_of_headers(&self) -> usize {
        self.u32(OPTIONAL_HEADER + 60) as usize
    }

    /// The checksum the header states.
    pub fn stated_checksum(&self) -> u32 {
        self.u32(CHECKSUM)
    }

    /// `IMAGE_SUBSYSTEM_*`: 1 is native.
    pub fn subsystem(&self) -> u16 {
        self.u16(OPTIONAL_HEADER + 68)
    }

    /// `IMAGE_DLLCHARACTERISTICS_*` flags.
    pub fn dll_characteristics(&self) -> u16 {
        self.u16(OPTIONAL_HEADER + 70)
    }

    /// The sections in the order of the file.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// A data directory's address and end (saturated); empty when the image has none.
    pub fn directory(&self, directory: Directory) -> Range<u32> {
        if directory as usize >= self.directories {
            return 0..0;
        }
        let at = DIRECTORIES + 8 * directory as usize;
        let (start, size) = (self.u32(at), self.u32(at + 4));
        if size == 0 {
            0..0
        } else {
            start..start.saturating_add(size)
        }
    }

    /// The certificate table; empty when the image is not signed.
    pub fn certificate_table(&self) -> &'a [u8] {
        let range = self.directory(Directory::Certificate);
        &self.bytes[range.start as usize..range.end as usize]
    }

    /// Where `PE\0\0` is in the file.
    pub(super) fn header(&self) -> usize {
        self.header
    }

    /// Where the checksum is in the file.
    pub(crate) fn checksum_at(&self) -> usize {
        self.header + CHECKSUM
    }

    /// Where a data directory's entry is in the file, if the header has room for it.
    pub(crate) fn directory_at(&self, directory: Directory) -> Option<usize> {
        ((directory as usize) < self.directories)
            .then_some(self.header + DIRECTORIES + 8 * directory as usize)
    }

    /// The bytes at an address, up to the end of the section's bytes in the file.
    pub(super) fn at(&self, address: u32) -> Option<&'a [u8]> {
        let section = self.sections.iter().find(|section| {
            (section.address..section.address.saturating_add(section.file.len() as u32))
                .contains(&address)
        })?;
        self.bytes
            .get(section.file.clone())?
            .get((address - section.address) as usize..)
    }
}
