//! A small ELF file with nothing but symbols: names, lines and unwinding in DWARF ("DWARF Debugging Information Format", version 4).

/// A function of the driver.
pub(super) struct Function {
    pub(super) name: String,
    pub(super) start: u32,
    pub(super) end: u32,
    /// Where a line begins: address, index of the file, number.
    pub(super) rows: Vec<(u32, usize, u32)>,
}

/// Call-frame instructions of a stretch of code.
pub(super) struct Unwinding {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) instructions: Vec<u8>,
}

/// What the file holds. Addresses are relative to the image.
pub(super) struct Symbols {
    /// The folder that relative names of files begin in.
    pub(super) folder: String,
    pub(super) files: Vec<String>,
    pub(super) functions: Vec<Function>,
    pub(super) unwinding: Vec<Unwinding>,
    pub(super) size: u32,
}

/// Bytes that are written one after the other.
#[derive(Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u16(&mut self, value: u16) {
        self.0.extend(value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.0.extend(text.bytes().filter(|byte| *byte != 0));
        self.0.push(0);
    }

    pub(super) fn unsigned(&mut self, mut value: u64) {
        loop {
            let byte = (value & 0x7F) as u8;
            value >>= 7;
            self.u8(byte | if value == 0 { 0 } else { 0x80 });
            if value == 0 {
                return;
            }
        }
    }

    fn signed(&mut self, mut value: i64) {
        loop {
            let byte = (value & 0x7F) as u8;
            value >>= 7;
            let last = (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0);
            self.u8(byte | if last { 0 } else { 0x80 });
            if last {
                return;
            }
        }
    }

    /// What `body` writes, behind its length.
    fn counted(&mut self, body: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        body(&mut inner);
        // A file of that size is refused by whoever reads it.
        self.u32(u32::try_from(inner.0.len()).unwrap_or(u32::MAX));
        self.0.extend(inner.0);
    }
}

fn abbreviations() -> Vec<u8> {
    vec![
        // 1: DW_TAG_compile_unit with children: name, comp_dir, stmt_list, language, low_pc, high_pc.
        1, 0x11, 1, 0x03, 0x08, 0x1B, 0x08, 0x10, 0x17, 0x13, 0x05, 0x11, 0x01, 0x12, 0x07, 0, 0,
        // 2: DW_TAG_subprogram without: name, low_pc, high_pc.
        2, 0x2E, 0, 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0, 0,
    ]
}

fn information(symbols: &Symbols) -> Vec<u8> {
    /// DW_LANG_Rust.
    const RUST: u16 = 0x1C;
    let mut out = Out::default();
    out.counted(|out| {
        out.u16(4);
        out.u32(0);
        out.u8(8);
        out.unsigned(1);
        out.text("driver");
        out.text(&symbols.folder);
        out.u32(0);
        out.u16(RUST);
        out.u64(0);
        out.u64(symbols.size.into());
        for function in &symbols.functions {
            out.unsigned(2);
            out.text(&function.name);
            out.u64(function.start.into());
            out.u64((function.end - function.start).into());
        }
        out.u8(0);
    });
    out.0
}

fn lines(symbols: &Symbols) -> Vec<u8> {
    let mut out = Out::default();
    out.counted(|out| {
        out.u16(2);
        out.counted(|out| {
            // Instructions of one byte; statements; special opcodes from -5, 14 lines each, beginning at 10.
            out.0
                .extend([1, 1, 0xFB, 14, 10, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0]);
            for file in &symbols.files {
                out.text(file);
                out.0.extend([0, 0, 0]);
            }
            out.u8(0);
        });
        for function in symbols
            .functions
            .iter()
            .filter(|function| !function.rows.is_empty())
        {
            let (mut at, mut file, mut line) = (function.start, 1_usize, 1_i64);
            // DW_LNE_set_address.
            out.0.extend([0, 9, 2]);
            out.u64(at.into());
            for (address, index, number) in &function.rows {
                out.u8(2);
                out.unsigned(u64::from(address - at));
                if index + 1 != file {
                    file = index + 1;
                    out.u8(4);
                    out.unsigned(file as u64);
                }
                out.u8(3);
                out.signed(i64::from(*number) - line);
                out.u8(1);
                (at, line) = (*address, i64::from(*number));
            }
            out.u8(2);
            out.unsigned(u64::from(function.end - at));
            // DW_LNE_end_sequence.
            out.0.extend([0, 1, 1]);
        }
    });
    out.0
}

fn frames(symbols: &Symbols) -> Vec<u8> {
    let mut out = Out::default();
    let padded = |out: &mut Out| {
        // The length itself is four bytes: an entry of eight fills up to the next.
        while out.0.len() % 8 != 4 {
            out.u8(0);
        }
    };
    out.counted(|out| {
        out.u32(u32::MAX);
        // Version 1; factors 1 and -8; the return address is column 16. CFA = rsp + 8, return address at CFA - 8.
        out.0.extend([1, 0, 1, 0x78, 16, 0x0C, 7, 8, 0x90, 1]);
        padded(out);
    });
    for one in &symbols.unwinding {
        out.counted(|out| {
            out.u32(0);
            out.u64(one.start.into());
            out.u64((one.end - one.start).into());
            out.0.extend(&one.instructions);
            padded(out);
        });
    }
    out.0
}

/// One section of the file.
struct Section {
    name: &'static str,
    kind: u32,
    flags: u64,
    data: Vec<u8>,
}

/// The file.
pub(super) fn file(symbols: &Symbols) -> Vec<u8> {
    const PROGBITS: u32 = 1;
    const STRINGS: u32 = 3;
    const NOBITS: u32 = 8;
    const ALLOCATED_CODE: u64 = 2 | 4;
    let section = |name, data| Section {
        name,
        kind: PROGBITS,
        flags: 0,
        data,
    };
    let mut sections = vec![
        Section {
            kind: NOBITS,
            flags: ALLOCATED_CODE,
            ..section(".text", Vec::new())
        },
        section(".debug_abbrev", abbreviations()),
        section(".debug_info", information(symbols)),
        section(".debug_line", lines(symbols)),
        section(".debug_frame", frames(symbols)),
    ];
    let mut names = Out(vec![0]);
    let mut places: Vec<u32> = Vec::new();
    for name in sections
        .iter()
        .map(|section| section.name)
        .chain([".shstrtab"])
    {
        places.push(names.0.len() as u32);
        names.text(name);
    }
    sections.push(Section {
        kind: STRINGS,
        ..section(".shstrtab", names.0)
    });
    let mut out = Out::default();
    let start = |section: usize| {
        64 + sections[..section]
            .iter()
            .map(|one| one.data.len())
            .sum::<usize>()
    };
    // ELFCLASS64, little-endian; ET_EXEC, EM_X86_64.
    out.0
        .extend([0x7F, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.u16(2);
    out.u16(62);
    out.u32(1);
    out.u64(0);
    out.u64(0);
    out.u64(start(sections.len()) as u64);
    out.u32(0);
    for value in [
        64,
        0,
        0,
        64,
        sections.len() as u16 + 1,
        sections.len() as u16,
    ] {
        out.u16(value);
    }
    for section in &sections {
        out.0.extend(&section.data);
    }
    out.0.extend([0; 64]);
    for (index, section) in sections.iter().enumerate() {
        out.u32(places[index]);
        out.u32(section.kind);
        out.u64(section.flags);
        out.u64(0);
        out.u64(start(index) as u64);
        let size = match section.kind {
            NOBITS => u64::from(symbols.size),
            _ => section.data.len() as u64,
        };
        out.u64(size);
        out.u64(0);
        out.u64(1);
        out.u64(0);
    }
    out.0
}
