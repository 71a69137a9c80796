//! A small dump with the real driver in it: the place is named from its PDB, and only when it is the same build.

use std::fs;
use std::path::Path;

use object::LittleEndian as LE;
use object::read::pe::PeFile64;

use crate::rig::{Rig, root};

pub(crate) const NT: u64 = 0xFFFF_F801_0200_0000;
pub(crate) const WAVERIG: u64 = 0xFFFF_F801_3000_0000;
const STACK: u64 = 0xFFFF_8A01_1234_5C00;

/// A dump with this bug check, and these words on the stack.
pub(crate) fn dump(image: &[u8], code: u32, parameter: u64, words: &[u64]) -> Vec<u8> {
    let pe = PeFile64::parse(image).expect("an image");
    let (file, optional) = (pe.nt_headers().file_header, pe.nt_headers().optional_header);
    let mut bytes = vec![0; 0x2600];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"PAGEDU64");
    put(0x30, &0x8664_u32.to_le_bytes());
    put(0x38, &code.to_le_bytes());
    put(0x40, &0xFFFF_FFFF_C000_0005_u64.to_le_bytes());
    put(0x48, &parameter.to_le_bytes());
    put(0x348 + 0x98, &STACK.to_le_bytes());
    put(0x348 + 0xF8, &NT.to_le_bytes());
    put(0xF98, &4_u32.to_le_bytes());
    // Mark, context, stack and its size, drivers and their number, strings.
    for (at, value) in [
        (0x08, 0x25F0),
        (0x0C, 0x348),
        (0x28, 0x2100),
        (0x2C, 0x40),
        (0x30, 0x2200),
        (0x34, 2),
        (0x38, 0x2400),
    ] {
        put(0x2000 + at, &u32::to_le_bytes(value));
    }
    put(0x2048, &STACK.to_le_bytes());
    for (index, word) in words.iter().enumerate() {
        put(0x2100 + 8 * index, &word.to_le_bytes());
    }
    let stamp = file.time_date_stamp.get(LE);
    let drivers = [
        ("ntoskrnl.exe", NT, 0x10_0000, 1),
        (
            "waverig.sys",
            WAVERIG,
            optional.size_of_image.get(LE),
            stamp,
        ),
    ];
    for (index, (name, base, size, stamp)) in drivers.into_iter().enumerate() {
        let (entry, string) = (0x2200 + 0x90 * index, 0x2400 + 0x40 * index);
        put(entry, &(string as u32).to_le_bytes());
        put(entry + 0x38, &base.to_le_bytes());
        put(entry + 0x48, &size.to_le_bytes());
        put(entry + 0x88, &stamp.to_le_bytes());
        put(string, &(name.len() as u32).to_le_bytes());
        let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        put(string + 4, &units);
    }
    put(0x25F0, b"TRGD");
    bytes
}

/// Where a place of the file's code lies in memory, from the image's base.
fn text_offset(image: &[u8], at: usize) -> u64 {
    let pe = PeFile64::parse(image).expect("an image");
    let sections = pe.section_table();
    let holds = sections.iter().find_map(|section| {
        let (offset, size) = section.pe_file_range();
        let inside = u32::try_from(at).ok()?.checked_sub(offset)?;
        (inside < size).then(|| section.virtual_address.get(LE) + inside)
    });
    holds.expect("a section holds it").into()
}

/// The lines of a function in a source file.
fn lines(file: &str, head: &str) -> std::ops::Range<usize> {
    let text = fs::read_to_string(root().join(file)).expect("the source is there");
    let all: Vec<&str> = text.lines().collect();
    let begin = all
        .iter()
        .position(|line| line.contains(head))
        .expect("the function is there");
    let end = all[begin..]
        .iter()
        .position(|line| *line == "}")
        .expect("it ends");
    begin + 1..begin + end + 2
}

fn place(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once("driver/src/entry.rs:")?;
    rest.split(|letter: char| !letter.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

#[test]
fn a_crash_in_the_real_driver_is_named_by_its_pdb() {
    let rig = Rig::with_package("triage");
    let image = fs::read(rig.package().join("waverig.sys")).expect("the package has an image");
    let entry = PeFile64::parse(&*image)
        .expect("an image")
        .nt_headers()
        .optional_header
        .address_of_entry_point
        .get(LE);
    let file = rig.folder.join("MEMORY.DMP");
    fs::write(
        &file,
        dump(&image, 0x7E, WAVERIG + u64::from(entry), &[NT + 0x1234]),
    )
    .expect("the test's own folder");
    let dump_file = file.display().to_string();
    let head = format!(
        "bug check 0x7E SYSTEM_THREAD_EXCEPTION_NOT_HANDLED (0xffffffffc0000005, {:#x}, 0x0, 0x0): waverig.sys+{entry:#x} ",
        WAVERIG + u64::from(entry)
    );

    let run = rig
        .xtask(&["triage", &dump_file])
        .expect(0, &[&head, "driver_entry"]);
    let line = place(&run.out).expect("a line of the source");
    let function = lines("driver/src/entry.rs", "fn driver_entry(");
    assert!(function.contains(&line), "{function:?}: {}", run.out);

    // The same names from a folder that is told, and as JSON.
    let package = rig.package().display().to_string();
    let json = rig
        .xtask(&["triage", &dump_file, "--pdb", &package, "--json"])
        .expect(0, &[]);
    let json: serde_json::Value = serde_json::from_str(&json.out).expect("is JSON");
    assert_eq!(
        json["driver"]["place"]["line"],
        serde_json::json!(["driver/src/entry.rs", line])
    );
    assert_eq!(
        json["driver"]["evidence"],
        serde_json::json!({ "parameter": 2 })
    );

    // On the stack lie an address that no call precedes, and one behind a call in the image.
    let call = image
        .windows(5)
        .skip(0x400)
        .position(|code| code[0] == 0xE8)
        .expect("it calls");
    let returns_to = text_offset(&image, 0x400 + call + 5);
    let words = [
        WAVERIG + u64::from(entry) + 9,
        WAVERIG + returns_to,
        NT + 0x1234,
    ];
    fs::write(&file, dump(&image, 0x9F, 0, &words)).expect("the test's own folder");
    rig.xtask(&["triage", &dump_file]).expect(
        0,
        &[
            &format!("; in waverig.sys+{returns_to:#x} waverig::"),
            "called from ntoskrnl.exe+0x1234 (from the stack, may be stale)",
        ],
    );

    // Names of another build would be wrong ones.
    let mut other = image.clone();
    let stamp = other
        .windows(4)
        .position(|bytes| bytes == b"PE\0\0")
        .expect("has headers")
        + 8;
    other[stamp] ^= 1;
    fs::write(rig.package().join("waverig.sys"), other).expect("the test's own folder");
    let run = rig
        .xtask(&["triage", &dump_file])
        .expect(0, &["another build"]);
    assert_eq!(place(&run.out), None, "{}", run.out);

    wrong(&rig, &file);
}

fn wrong(rig: &Rig, file: &Path) {
    let empty = rig.folder.join("empty");
    fs::create_dir(&empty).expect("the test's own folder");
    let (dump_file, empty) = (file.display().to_string(), empty.display().to_string());
    rig.xtask(&["triage", &dump_file, "--pdb", &empty])
        .expect(2, &["waverig.pdb"]);
    rig.xtask(&["triage", &empty])
        .expect(1, &["it is a folder", "next: "]);
    fs::write(file, vec![0; 0x4000]).expect("the test's own folder");
    rig.xtask(&["triage", &dump_file])
        .expect(1, &["MEMORY.DMP", "begins with zeros", "next: "]);
}
