//! Tiny driver images, assembled here: machine code with imports, data and unwind data, and nothing else.

// Each test program uses a part of this.
#![allow(dead_code, unreachable_pub, reason = "shared by several test programs")]

pub mod run;

use std::collections::BTreeMap;

/// Relative addresses of the sections.
const TEXT: usize = 0x1000;
const RDATA: usize = 0x3000;
const DATA: usize = 0x5000;
const SIZE: usize = 0x6000;
/// Where the import table's parts lie in `.rdata`.
const IAT: usize = RDATA;
const NAMES: usize = RDATA + 0x200;
const DESCRIPTORS: usize = RDATA + 0x800;
const STRINGS: usize = RDATA + 0x900;
const UNWIND: usize = RDATA + 0xE00;
const PDATA: usize = RDATA + 0xF00;

enum Place {
    Import(&'static str),
    Label(&'static str),
    Data(usize),
}

/// Code under construction. Every function of it starts with [`Code::function`] and has a frame of 0x28 bytes.
#[derive(Default)]
pub struct Code {
    bytes: Vec<u8>,
    labels: BTreeMap<&'static str, usize>,
    functions: Vec<usize>,
    patches: Vec<(usize, Place)>,
}

impl Code {
    /// A driver whose DriverEntry begins here: it sets `unload` as its DriverUnload; the driver object is in rcx.
    pub fn driver() -> Self {
        let mut code = Self::default();
        code.function("entry");
        // lea rax, [rip + unload]; mov [rcx + 0x68], rax
        let mut code = code.bytes(&[0x48, 0x8D, 0x05]);
        code.patch(Place::Label("unload"));
        code.bytes(&[0x48, 0x89, 0x41, 0x68])
    }

    /// Starts a function: `sub rsp, 0x28`.
    pub fn function(&mut self, name: &'static str) -> &mut Self {
        self.functions.push(self.bytes.len());
        self.labels.insert(name, self.bytes.len());
        self.bytes.extend([0x48, 0x83, 0xEC, 0x28]);
        self
    }

    fn patch(&mut self, place: Place) {
        self.patches.push((self.bytes.len(), place));
        self.bytes.extend([0; 4]);
    }

    /// Machine code as it is.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    /// `call [import]`.
    pub fn import(mut self, name: &'static str) -> Self {
        self.bytes.extend([0xFF, 0x15]);
        self.patch(Place::Import(name));
        self
    }

    /// `call label`.
    pub fn call(mut self, label: &'static str) -> Self {
        self.bytes.push(0xE8);
        self.patch(Place::Label(label));
        self
    }

    /// `lea rcx, [rip + data]`.
    pub fn rcx_data(mut self, offset: usize) -> Self {
        self.bytes.extend([0x48, 0x8D, 0x0D]);
        self.patch(Place::Data(offset));
        self
    }

    /// ExAllocatePool2(POOL_FLAG_NON_PAGED, size, 'Tiny'): the result is in rax.
    pub fn allocate(self, size: u8) -> Self {
        // mov ecx, 0x40; mov edx, size; mov r8d, tag
        let code = self
            .bytes(&[0xB9, 0x40, 0, 0, 0])
            .bytes(&[0xBA, size, 0, 0, 0]);
        code.bytes(&[0x41, 0xB8])
            .bytes(b"Tiny")
            .import("ExAllocatePool2")
    }

    /// Returns STATUS_SUCCESS: `xor eax, eax; add rsp, 0x28; ret`.
    pub fn success(self) -> Self {
        self.bytes(&[0x31, 0xC0, 0x48, 0x83, 0xC4, 0x28, 0xC3])
    }

    /// Starts another function.
    pub fn then(mut self, name: &'static str) -> Self {
        self.function(name);
        self
    }

    /// The image, with an empty `unload` when there is none yet.
    pub fn build(self) -> Vec<u8> {
        let code = if self.labels.contains_key("unload") {
            self
        } else {
            self.then("unload").success()
        };
        Image::new(code).finish()
    }
}

struct Image {
    bytes: Vec<u8>,
}

impl Image {
    fn new(mut code: Code) -> Self {
        let mut image = Self {
            bytes: vec![0; SIZE],
        };
        let mut imports: Vec<&'static str> = Vec::new();
        for (at, place) in std::mem::take(&mut code.patches) {
            let target = match place {
                Place::Label(label) => TEXT + code.labels[label],
                Place::Data(offset) => DATA + offset,
                Place::Import(name) => {
                    let index = imports
                        .iter()
                        .position(|known| *known == name)
                        .unwrap_or_else(|| {
                            imports.push(name);
                            imports.len() - 1
                        });
                    IAT + 8 * index
                }
            };
            let relative = i32::try_from(target).expect("small")
                - i32::try_from(TEXT + at + 4).expect("small");
            code.bytes[at..at + 4].copy_from_slice(&relative.to_le_bytes());
        }
        image.put(TEXT, &code.bytes);
        image.imports(&imports);
        image.unwind(&code);
        image
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn word(&mut self, at: usize, value: usize) {
        self.put(at, &u32::try_from(value).expect("small").to_le_bytes());
    }

    fn imports(&mut self, names: &[&str]) {
        for (at, value) in [(0, NAMES), (12, STRINGS), (16, IAT)] {
            self.word(DESCRIPTORS + at, value);
        }
        self.put(STRINGS, b"ntoskrnl.exe\0");
        let mut string = STRINGS + 16;
        for (index, name) in names.iter().enumerate() {
            self.word(NAMES + 8 * index, string);
            self.word(IAT + 8 * index, string);
            self.put(string + 2, name.as_bytes());
            string += (name.len() + 3).next_multiple_of(2);
        }
    }

    fn unwind(&mut self, code: &Code) {
        // Version 1, prologue of 4 bytes, one code: at 4, UWOP_ALLOC_SMALL of 0x28 bytes.
        self.put(UNWIND, &[1, 4, 1, 0, 4, 0x42, 0, 0]);
        for (index, start) in code.functions.iter().enumerate() {
            let end = code
                .functions
                .get(index + 1)
                .copied()
                .unwrap_or(code.bytes.len());
            for (at, value) in [(0, TEXT + start), (4, TEXT + end), (8, UNWIND)] {
                self.word(PDATA + 12 * index + at, value);
            }
        }
        let size = 12 * code.functions.len();
        self.word(8, size);
    }

    /// Headers; the file has the layout of memory.
    fn finish(mut self) -> Vec<u8> {
        let exceptions =
            u32::from_le_bytes(self.bytes[8..12].try_into().expect("four bytes")) as usize;
        self.word(8, 0);
        self.put(0, b"MZ");
        self.word(0x3C, 0x80);
        self.put(0x80, b"PE\0\0\x64\x86\x03\0");
        self.put(0x94, &[0xF0, 0, 0x22, 0]);
        let optional = 0x98;
        self.put(optional, &[0x0B, 0x02]);
        for (at, value) in [
            (16, TEXT),
            (24, 0x4000_0000),
            (32, 0x1000),
            (36, 0x1000),
            (56, SIZE),
            (60, 0x1000),
            (108, 16),
        ] {
            self.word(optional + at, value);
        }
        self.put(optional + 68, &[1, 0]);
        self.word(optional + 112 + 8, DESCRIPTORS);
        self.word(optional + 112 + 12, 40);
        self.word(optional + 112 + 24, PDATA);
        self.word(optional + 112 + 28, exceptions);
        let sections: [(&[u8], usize, usize, u32); 3] = [
            (b".text", TEXT, 0x2000, 0x6800_0020),
            (b".rdata", RDATA, 0x2000, 0x4800_0040),
            (b".data", DATA, 0x1000, 0xC800_0040),
        ];
        for (index, (name, rva, size, flags)) in sections.into_iter().enumerate() {
            let at = optional + 0xF0 + 40 * index;
            self.put(at, name);
            for (offset, value) in [
                (8, size),
                (12, rva),
                (16, size),
                (20, rva),
                (36, flags as usize),
            ] {
                self.word(at + offset, value);
            }
        }
        self.bytes
    }
}

/// Offset of a section's flags in the file, for tests that break them.
pub fn section_flags(index: usize) -> usize {
    0x98 + 0xF0 + 40 * index + 36
}
