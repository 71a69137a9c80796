//! Lays out the dumps that tests read: a machine with page tables, a list of drivers, their headers and a stack, as a complete, a kernel and a
//! small dump. Written from the sources that the reader names, without any of its code.

use std::collections::BTreeMap;

pub(super) const NT: u64 = 0xFFFF_F801_0200_0000;
pub(super) const PORTCLS: u64 = 0xFFFF_F801_2000_0000;
pub(super) const NDIS: u64 = 0xFFFF_F801_2200_0000;
pub(super) const WAVERIG: u64 = 0xFFFF_F801_3000_0000;
/// Where the stack pointer is when the dump is made; a page ends a little above.
pub(super) const STACK: u64 = 0xFFFF_8A01_1234_5C00;
/// Inside the kernel's image, as in Windows.
pub(super) const LIST: u64 = NT + 0x1F_0000;
const ENTRIES: u64 = 0xFFFF_D000_0001_0F80;
const PAGE: usize = 0x1000;

/// A driver image.
#[derive(Clone)]
pub(super) struct Image {
    pub(super) name: &'static str,
    pub(super) base: u64,
    pub(super) size: u32,
    pub(super) stamp: u32,
}

/// A machine at the moment of its crash.
#[derive(Clone)]
pub(super) struct Machine {
    pub(super) bug_check: (u32, [u64; 4]),
    pub(super) rip: u64,
    pub(super) rsp: u64,
    pub(super) images: Vec<Image>,
    /// Words in memory.
    pub(super) words: Vec<(u64, u64)>,
    /// Code before these addresses is a call.
    pub(super) calls: Vec<u64>,
}

impl Machine {
    /// A machine with four drivers that was in KeBugCheckEx.
    pub(super) fn new(code: u32, parameters: [u64; 4]) -> Self {
        let image = |name, base, size, stamp| Image {
            name,
            base,
            size,
            stamp,
        };
        Self {
            bug_check: (code, parameters),
            rip: NT + 0x3F_5E40,
            rsp: STACK,
            images: vec![
                image("ntoskrnl.exe", NT, 0x104_6000, 0x1111),
                image("portcls.sys", PORTCLS, 0x8_5000, 0x2222),
                image("ndis.sys", NDIS, 0x17_0000, 0x3333),
                image("waverig.sys", WAVERIG, 0x2_F000, 0x4444),
            ],
            words: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// Puts return addresses on the stack, from a distance above the stack pointer on, with the calls before them.
    pub(super) fn returns(mut self, above: u64, addresses: &[u64]) -> Self {
        for (index, address) in addresses.iter().enumerate() {
            self.words
                .push((STACK + above + 0x18 * index as u64, *address));
            self.calls.push(*address);
        }
        self
    }

    /// What the processor pushes for an exception at `rip` when the stack pointer is `above` ours.
    pub(super) fn exception(mut self, at: u64, rip: u64, above: u64) -> Self {
        let frame = [rip, 0x10, 0x1_0246, STACK + above, 0x18];
        for (index, word) in frame.into_iter().enumerate() {
            self.words.push((STACK + at + 8 * index as u64, word));
        }
        self
    }

    pub(super) fn word(mut self, at: u64, word: u64) -> Self {
        self.words.push((at, word));
        self
    }

    /// DUMP_HEADER64 of this machine.
    fn header(&self, kind: u32) -> Vec<u8> {
        let mut file = vec![0; 0x2000];
        put(&mut file, 0, b"PAGEDU64");
        let root = Paged::ROOT << 12 | 2;
        for (at, value) in [(0x10, root), (0x20, LIST), (0x80, NT + 0x1F_8000)] {
            put64(&mut file, at, value);
        }
        put32(&mut file, 0x08, 15);
        put32(&mut file, 0x0C, 19041);
        put32(&mut file, 0x30, 0x8664);
        put32(&mut file, 0x34, 2);
        put32(&mut file, 0x38, self.bug_check.0);
        for (index, parameter) in self.bug_check.1.iter().enumerate() {
            put64(&mut file, 0x40 + 8 * index, *parameter);
        }
        put64(&mut file, 0x348 + 0x98, self.rsp);
        put64(&mut file, 0x348 + 0xF8, self.rip);
        put32(&mut file, 0xF98, kind);
        file
    }

    /// All memory, in page frames.
    fn memory(&self) -> Paged {
        let mut memory = Paged::new();
        for page in 0..4 {
            memory.write((STACK & !0xFFF) + 0x1000 * page, &[0]);
        }
        let mut list = vec![LIST];
        for (index, image) in self.images.iter().enumerate() {
            memory.write(image.base, &headers(image));
            let entry = ENTRIES + 0x100 * index as u64;
            let name: Vec<u8> = image
                .name
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect();
            memory.write(entry + 0xB0, &name);
            let mut bytes = vec![0; 0x68];
            put64(&mut bytes, 0x30, image.base);
            put32(&mut bytes, 0x40, image.size);
            put(&mut bytes, 0x48, &string(&name, entry + 0xB0));
            put(&mut bytes, 0x58, &string(&name, entry + 0xB0));
            memory.write(entry, &bytes);
            list.push(entry);
        }
        for (index, entry) in list.iter().enumerate() {
            let next = list[(index + 1) % list.len()];
            memory.write(*entry, &next.to_le_bytes());
            memory.write(next + 8, &entry.to_le_bytes());
        }
        for address in &self.calls {
            memory.write(address - 7, &[0x90, 0x90, 0xE8, 0x11, 0x22, 0x33, 0x44]);
        }
        for (at, word) in &self.words {
            memory.write(*at, &word.to_le_bytes());
        }
        memory
    }

    /// The complete dump (1).
    pub(super) fn complete(&self) -> Vec<u8> {
        let mut file = self.header(1);
        let frames = self.memory().frames;
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for frame in frames.keys() {
            match runs.last_mut() {
                Some((first, count)) if *first + *count == *frame => *count += 1,
                _ => runs.push((*frame, 1)),
            }
        }
        put32(&mut file, 0x88, runs.len() as u32);
        put64(&mut file, 0x90, frames.len() as u64);
        for (index, (first, count)) in runs.iter().enumerate() {
            put64(&mut file, 0x98 + 16 * index, *first);
            put64(&mut file, 0xA0 + 16 * index, *count);
        }
        finish(file, &frames)
    }

    /// The kernel dump (6), or what is called an active one (5).
    pub(super) fn kernel(&self, kind: u32) -> Vec<u8> {
        let mut file = self.header(kind);
        let frames = self.memory().frames;
        let bits = frames.keys().last().expect("there are pages") + 1;
        let mut bitmap = vec![0; bits.div_ceil(8) as usize];
        for frame in frames.keys() {
            bitmap[(frame / 8) as usize] |= 1 << (frame % 8);
        }
        let first_page = (0x2038 + bitmap.len()).next_multiple_of(PAGE);
        file.resize(first_page, 0);
        put(
            &mut file,
            0x2000,
            if kind == 6 { b"SDMPDUMP" } else { b"FDMPDUMP" },
        );
        put64(&mut file, 0x2020, first_page as u64);
        put64(&mut file, 0x2028, frames.len() as u64);
        put64(&mut file, 0x2030, bits);
        put(&mut file, 0x2038, &bitmap);
        finish(file, &frames)
    }

    /// The small dump (4): the stack from the stack pointer on, as data block what else has words in it.
    pub(super) fn small(&self) -> Vec<u8> {
        let mut file = self.header(4);
        let mut memory = self.memory();
        file.resize(0x2080, 0);
        let add = |file: &mut Vec<u8>, bytes: &[u8]| {
            file.resize(file.len().next_multiple_of(8), 0);
            let at = file.len() as u32;
            file.extend_from_slice(bytes);
            at
        };
        let stack = memory.read(STACK, 0x1400);
        let stack_at = add(&mut file, &stack);
        let mut blocks = Vec::new();
        for (address, word) in self
            .words
            .iter()
            .filter(|(at, _)| !(STACK..STACK + 0x1400).contains(at))
        {
            let at = add(&mut file, &word.to_le_bytes());
            blocks.extend_from_slice(&address.to_le_bytes());
            blocks.extend_from_slice(&at.to_le_bytes());
            blocks.extend_from_slice(&8_u32.to_le_bytes());
        }
        let blocks_at = add(&mut file, &blocks);
        let drivers_at = add(&mut file, &vec![0; 0x90 * self.images.len()]) as usize;
        let strings_at = file.len();
        for (index, image) in self.images.iter().enumerate() {
            let path = format!("\\SystemRoot\\System32\\drivers\\{}", image.name);
            let mut name = (path.len() as u32).to_le_bytes().to_vec();
            name.extend(path.encode_utf16().flat_map(u16::to_le_bytes));
            name.extend([0, 0]);
            let name_at = add(&mut file, &name);
            let entry = drivers_at + 0x90 * index;
            put32(&mut file, entry, name_at);
            put64(&mut file, entry + 0x38, image.base);
            put32(&mut file, entry + 0x48, image.size);
            put32(&mut file, entry + 0x88, image.stamp);
        }
        let strings = file.len() - strings_at;
        let valid_at = add(&mut file, b"TRGD");
        let fields = [
            (0x04, file.len() as u32),
            (0x08, valid_at),
            (0x0C, 0x348),
            (0x10, 0xF00),
            (0x28, stack_at),
            (0x2C, stack.len() as u32),
            (0x30, drivers_at as u32),
            (0x34, self.images.len() as u32),
            (0x38, strings_at as u32),
            (0x3C, strings as u32),
            (0x78, blocks_at),
            (0x7C, (blocks.len() / 16) as u32),
        ];
        for (at, value) in fields {
            put32(&mut file, 0x2000 + at, value);
        }
        put64(&mut file, 0x2048, STACK);
        file
    }
}

/// The pages behind what is there, and the length in the header.
fn finish(mut file: Vec<u8>, frames: &BTreeMap<u64, Vec<u8>>) -> Vec<u8> {
    for page in frames.values() {
        file.extend_from_slice(page);
    }
    let length = file.len() as u64;
    put64(&mut file, 0xFA0, length);
    file
}

/// UNICODE_STRING.
fn string(name: &[u8], buffer: u64) -> Vec<u8> {
    let length = (name.len() as u16).to_le_bytes();
    [&length[..], &length, &[0; 4], &buffer.to_le_bytes()].concat()
}

/// The first bytes of a PE32+ image.
fn headers(image: &Image) -> Vec<u8> {
    let mut bytes = vec![0; 0x200];
    put(&mut bytes, 0, b"MZ");
    put32(&mut bytes, 0x3C, 0x80);
    put(&mut bytes, 0x80, b"PE\0\0");
    put32(&mut bytes, 0x88, image.stamp);
    put(&mut bytes, 0x98, &[0x0B, 0x02]);
    put32(&mut bytes, 0x98 + 56, image.size);
    bytes
}

/// Page frames with four levels of page tables in them. The kernel's image begins with a page of 2 MiB, as in Windows.
struct Paged {
    frames: BTreeMap<u64, Vec<u8>>,
    next: u64,
}

impl Paged {
    const ROOT: u64 = 0x1AD;
    const LARGE: u64 = 0x4_0000;

    fn new() -> Self {
        let frames = BTreeMap::from([(Self::ROOT, vec![0; PAGE])]);
        let next = Self::ROOT + 1;
        Self { frames, next }
    }

    /// A free frame; they lie in memory with holes between them.
    fn take(&mut self) -> u64 {
        let frame = self.next;
        self.next += if self.frames.len().is_multiple_of(5) {
            0x3000
        } else {
            1
        };
        self.frames.insert(frame, vec![0; PAGE]);
        frame
    }

    fn frame(&mut self, address: u64) -> u64 {
        let mut table = Self::ROOT;
        for shift in [39, 30, 21, 12] {
            let at = (address >> shift & 0x1FF) as usize * 8;
            if shift == 21 && address >> shift == NT >> shift {
                // Present, writable, accessed, dirty, large.
                put64(self.page(table), at, Self::LARGE << 12 | 0xE3);
                return Self::LARGE + (address >> 12 & 0x1FF);
            }
            let entry =
                u64::from_le_bytes(self.page(table)[at..at + 8].try_into().expect("is 8 bytes"));
            if entry != 0 {
                table = entry >> 12 & 0xFF_FFFF_FFFF;
                continue;
            }
            let frame = self.take();
            // Present, writable, accessed, dirty; no execute.
            put64(self.page(table), at, 1 << 63 | frame << 12 | 0x63);
            table = frame;
        }
        table
    }

    fn page(&mut self, frame: u64) -> &mut Vec<u8> {
        self.frames.entry(frame).or_insert_with(|| vec![0; PAGE])
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        for (index, byte) in bytes.iter().enumerate() {
            let at = address + index as u64;
            let frame = self.frame(at);
            self.page(frame)[(at & 0xFFF) as usize] = *byte;
        }
    }

    fn read(&mut self, address: u64, length: u64) -> Vec<u8> {
        (address..address + length)
            .map(|at| {
                let frame = self.frame(at);
                self.page(frame)[(at & 0xFFF) as usize]
            })
            .collect()
    }
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

fn put32(file: &mut [u8], at: usize, value: u32) {
    put(file, at, &value.to_le_bytes());
}

fn put64(file: &mut [u8], at: usize, value: u64) {
    put(file, at, &value.to_le_bytes());
}
