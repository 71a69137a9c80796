//! A small driver image for tests, built field by field, so that each test can put one thing wrong.

/// What the image is made of; the default keeps every rule.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) machine: u16,
    pub(crate) file_characteristics: u16,
    pub(crate) subsystem: u16,
    pub(crate) dll_characteristics: u16,
    pub(crate) section_alignment: u32,
    pub(crate) entry_point: u32,
    /// Name, flags.
    pub(crate) sections: Vec<(&'static str, u32)>,
    pub(crate) imports: Vec<(&'static str, Vec<&'static str>)>,
    pub(crate) exports: Vec<&'static str>,
    pub(crate) pdb: &'static str,
    pub(crate) relocations: bool,
    /// Data directory that is made up: index, and an address and size for it.
    pub(crate) directory: Option<(usize, u32, u32)>,
    /// Something that stands at the end of `.rdata`.
    pub(crate) mark: &'static [u8],
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            machine: 0x8664,
            file_characteristics: 0x0022,
            subsystem: 1,
            dll_characteristics: 0x01E0,
            section_alignment: 4096,
            entry_point: 0x1000,
            sections: vec![
                (".text", 0x6800_0020),
                (".rdata", 0x4800_0040),
                (".data", 0xC800_0040),
                (".reloc", 0x4200_0040),
            ],
            imports: vec![
                ("ntoskrnl.exe", vec!["ExAllocatePool2", "IoCreateDevice"]),
                ("PORTCLS.SYS", vec!["PcNewPort"]),
            ],
            exports: vec![],
            pdb: "card.pdb",
            relocations: true,
            directory: None,
            mark: b"",
        }
    }
}

/// Where each section is: 4096 bytes of memory and 0x600 of file each.
const RAW: u32 = 0x600;
const RDATA: u32 = 0x2000;

/// `.rdata` while it is written; addresses are relative to the image base.
struct Rdata(Vec<u8>);

impl Rdata {
    fn here(&self) -> u32 {
        RDATA + self.0.len() as u32
    }

    fn text(&mut self, text: &str) -> u32 {
        let at = self.here();
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        at
    }

    fn numbers(&mut self, numbers: &[u32]) -> u32 {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        let at = self.here();
        numbers
            .iter()
            .for_each(|number| self.0.extend_from_slice(&number.to_le_bytes()));
        at
    }
}

impl Sample {
    /// The image's bytes, with a right checksum and no signature.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut rdata = Rdata(Vec::new());
        let mut directories = [(0_u32, 0_u32); 16];
        directories[1] = self.import_table(&mut rdata);
        directories[0] = self.export_table(&mut rdata);
        directories[6] = self.debug_directory(&mut rdata);
        if self.relocations {
            directories[5] = (0x4000, 12);
        }
        if let Some((index, address, size)) = self.directory {
            directories[index] = (address, size);
        }
        rdata.0.extend_from_slice(self.mark);

        let count = self.sections.len() as u32;
        let mut bytes = vec![0; 0x400];
        bytes[..2].copy_from_slice(b"MZ");
        put(&mut bytes, 60, &[0x80]);
        bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
        put16(&mut bytes, 0x84, &[self.machine, count as u16]);
        put16(&mut bytes, 0x94, &[0xF0, self.file_characteristics]);
        put16(&mut bytes, 0x98, &[0x20B]);
        put(&mut bytes, 0x98 + 16, &[self.entry_point]);
        put(&mut bytes, 0x98 + 32, &[self.section_alignment, 0x200]);
        put(&mut bytes, 0x98 + 56, &[0x1000 * (count + 1), 0x400]);
        put16(
            &mut bytes,
            0x98 + 68,
            &[self.subsystem, self.dll_characteristics],
        );
        put(&mut bytes, 0x98 + 108, &[16]);
        for (index, (address, size)) in directories.into_iter().enumerate() {
            put(&mut bytes, 0x98 + 112 + 8 * index, &[address, size]);
        }
        for (index, (name, flags)) in self.sections.iter().enumerate() {
            let (at, number) = (0x188 + 40 * index, index as u32);
            bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
            put(
                &mut bytes,
                at + 8,
                &[RAW, 0x1000 * (number + 1), RAW, 0x400 + RAW * number],
            );
            put(&mut bytes, at + 36, &[*flags]);
            let mut content = match *name {
                ".rdata" => rdata.0.clone(),
                // One relocation block for the page of .rdata, with one entry that does nothing.
                ".reloc" => [RDATA, 12, 0]
                    .iter()
                    .flat_map(|number| number.to_le_bytes())
                    .collect(),
                _ => vec![0x40 + index as u8; RAW as usize - 100],
            };
            content.resize(RAW as usize, 0);
            bytes.extend(content);
        }
        crate::pe::set_checksum(&mut bytes).unwrap();
        bytes
    }

    fn import_table(&self, rdata: &mut Rdata) -> (u32, u32) {
        let mut descriptors = Vec::new();
        for (dll, names) in &self.imports {
            let mut lookup = Vec::new();
            for name in names {
                let entry = match name.strip_prefix('#') {
                    Some(number) => [number.parse().unwrap(), 0x8000_0000],
                    None => [rdata.text(&format!("\0\0{name}")), 0],
                };
                lookup.extend(entry);
            }
            lookup.extend([0, 0]);
            let table = rdata.numbers(&lookup);
            descriptors.extend([table, 0, 0, rdata.text(dll), rdata.numbers(&lookup)]);
        }
        descriptors.extend([0; 5]);
        (rdata.numbers(&descriptors), 4 * descriptors.len() as u32)
    }

    fn export_table(&self, rdata: &mut Rdata) -> (u32, u32) {
        if self.exports.is_empty() {
            return (0, 0);
        }
        let names: Vec<u32> = self.exports.iter().map(|name| rdata.text(name)).collect();
        let pointers = rdata.numbers(&names);
        let count = names.len() as u32;
        (
            rdata.numbers(&[0, 0, 0, 0, 1, count, count, 0, pointers, 0]),
            40,
        )
    }

    fn debug_directory(&self, rdata: &mut Rdata) -> (u32, u32) {
        let codeview = rdata.numbers(&[]);
        rdata.0.extend_from_slice(b"RSDS");
        rdata.0.extend_from_slice(&[7; 20]);
        rdata.text(self.pdb);
        let size = rdata.here() - codeview;
        let index = self
            .sections
            .iter()
            .position(|(name, _)| *name == ".rdata")
            .unwrap() as u32;
        let file = codeview - RDATA + 0x400 + RAW * index;
        (rdata.numbers(&[0, 0, 0, 2, size, codeview, file]), 28)
    }
}

fn put(bytes: &mut [u8], at: usize, numbers: &[u32]) {
    for (index, number) in numbers.iter().enumerate() {
        bytes[at + 4 * index..at + 4 * index + 4].copy_from_slice(&number.to_le_bytes());
    }
}

fn put16(bytes: &mut [u8], at: usize, numbers: &[u16]) {
    for (index, number) in numbers.iter().enumerate() {
        bytes[at + 2 * index..at + 2 * index + 2].copy_from_slice(&number.to_le_bytes());
    }
}
