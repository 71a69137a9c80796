//! What an image imports and exports, where Windows looks for the former, and which PDB it names.
//!
//! Source: Microsoft, "PE Format": "The .idata Section", "The .edata Section", "Debug Directory", "The Load Configuration Structure".

use super::image::{Directory, Image, PeError, read};

/// What an image takes from one DLL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The DLL's name as written.
    pub dll: String,
    /// The names in the order of the table; an import by number is `#12`.
    pub names: Vec<String>,
    /// Address of the slot that the loader fills in for the first name; the others follow, eight bytes each.
    pub slots: u32,
}

/// More entries than any driver has: where a damaged table stops being read.
const TABLE_LIMIT: usize = 65_536;

impl Image<'_> {
    /// The imports, DLL by DLL.
    ///
    /// # Errors
    /// A table or name that lies outside the sections.
    pub fn imports(&self) -> Result<Vec<Import>, PeError> {
        let mut imports = Vec::new();
        let mut address = self.directory(Directory::Import).start;
        if address == 0 {
            return Ok(imports);
        }
        loop {
            let descriptor = self.number::<20>(address, "the import table")?;
            let field = |at: usize| {
                u32::from_le_bytes([
                    descriptor[at],
                    descriptor[at + 1],
                    descriptor[at + 2],
                    descriptor[at + 3],
                ])
            };
            let (lookup, name, slots) = (field(0), field(12), field(16));
            if name == 0 {
                return Ok(imports);
            }
            imports.push(Import {
                dll: self.text(name)?,
                names: self.imported_names(if lookup == 0 { slots } else { lookup })?,
                slots,
            });
            address += 20;
            if imports.len() > TABLE_LIMIT {
                return Err(PeError("the import table has no end".into()));
            }
        }
    }

    /// Slots of the import address table to which no DLL's entry leads: Windows leaves in them what the linker put there, and the first
    /// call through one of them is the end.
    ///
    /// # Errors
    /// A table or name that lies outside the sections.
    pub fn unreached_slots(&self) -> Result<Vec<u32>, PeError> {
        let imports = self.imports()?;
        let reached = |address: u32| {
            imports.iter().any(|import| {
                let end = import.slots + 8 * import.names.len() as u32;
                (import.slots..end).contains(&address)
            })
        };
        let mut unreached = Vec::new();
        for address in self.directory(Directory::ImportAddress).step_by(8) {
            let slot: [u8; 8] = self.number(address, "the import address table")?;
            if slot != [0; 8] && !reached(address) {
                unreached.push(address);
            }
        }
        Ok(unreached)
    }

    fn imported_names(&self, mut address: u32) -> Result<Vec<String>, PeError> {
        let mut names = Vec::new();
        while names.len() < TABLE_LIMIT {
            let entry = u64::from_le_bytes(self.number(address, "an import lookup table")?);
            match entry {
                0 => return Ok(names),
                by_number if by_number >> 63 == 1 => names.push(format!("#{}", by_number & 0xFFFF)),
                by_name => names.push(self.text((by_name as u32 & 0x7FFF_FFFF) + 2)?),
            }
            address += 8;
        }
        Err(PeError("an import lookup table has no end".into()))
    }

    /// The exported names; an export without a name is `#ordinal`.
    ///
    /// # Errors
    /// A table or name that lies outside the sections.
    pub fn exports(&self) -> Result<Vec<String>, PeError> {
        let start = self.directory(Directory::Export).start;
        if start == 0 {
            return Ok(Vec::new());
        }
        let table = self.number::<40>(start, "the export table")?;
        let field = |at: usize| {
            u32::from_le_bytes([table[at], table[at + 1], table[at + 2], table[at + 3]])
        };
        let (base, functions, names, pointers) =
            (field(16), field(20) as usize, field(24) as usize, field(32));
        if functions > TABLE_LIMIT || names > functions {
            return Err(PeError(
                "the export table's counts contradict each other".into(),
            ));
        }
        let mut result = Vec::new();
        for index in 0..names as u32 {
            result.push(self.text(u32::from_le_bytes(
                self.number(pointers + 4 * index, "the export name table")?,
            ))?);
        }
        let nameless = functions - names;
        result.extend((0..nameless).map(|index| format!("#{}", base as usize + names + index)));
        Ok(result)
    }

    /// The PDB's name in the debug directory, if there is one.
    pub fn pdb_name(&self) -> Option<String> {
        let directory = self.directory(Directory::Debug);
        for address in directory.clone().step_by(28) {
            let entry = read::<28>(self.at(address)?, 0)?;
            let field = |at: usize| {
                u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]])
            };
            const CODEVIEW: u32 = 2;
            let (kind, size, pointer) = (field(12), field(16) as usize, field(24) as usize);
            let data = self.bytes().get(pointer..)?.get(..size)?;
            if kind == CODEVIEW && data.starts_with(b"RSDS") {
                let name = data.get(24..)?.split(|&byte| byte == 0).next()?;
                return Some(String::from_utf8_lossy(name).into_owned());
            }
        }
        None
    }

    /// The flags of `LoadLibraryEx` with which Windows loads what the image imports; 0 when it does not say, and Windows looks beside the
    /// program first. (`DependentLoadFlags`, `IMAGE_LOAD_CONFIG_DIRECTORY64` of winnt.h.)
    pub fn dependent_load_flags(&self) -> u16 {
        const AT: usize = 0x4E;
        let directory = self.directory(Directory::LoadConfig);
        let flags = self.at(directory.start).and_then(|bytes| {
            let size = u32::from_le_bytes(read(bytes, 0)?) as usize;
            read(bytes.get(..size.min(directory.len()))?, AT)
        });
        flags.map_or(0, u16::from_le_bytes)
    }

    fn number<const N: usize>(&self, address: u32, what: &str) -> Result<[u8; N], PeError> {
        let bytes = self.at(address).and_then(|bytes| read(bytes, 0));
        bytes.ok_or_else(|| PeError(format!("{what} lies outside the sections")))
    }

    fn text(&self, address: u32) -> Result<String, PeError> {
        let bytes = self.at(address).unwrap_or_default();
        match bytes.iter().take(512).position(|&byte| byte == 0) {
            Some(end) if bytes[..end].is_ascii() => {
                Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
            }
            _ => Err(PeError(format!("there is no name at address {address:#x}"))),
        }
    }
}
