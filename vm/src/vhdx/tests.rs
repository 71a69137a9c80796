//! Disks that are made, by whom they are read, and damaged ones: another program (qemu-img, qemu-io) is asked about ours, and ours about its.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::disk::{self, Layout};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("waverig-vhdx-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("the temporary folder is writable");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn made(path: &Path, size: u64) -> File {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .expect("the test's own folder");
    make(&file, size).expect("there is room");
    file
}

fn put(file: &mut File, at: u64, bytes: &[u8]) {
    file.seek(SeekFrom::Start(at)).expect("it is a file");
    file.write_all(bytes).expect("it is writable");
}

/// A program of QEMU's, with these words; what it says.
fn tool(name: &str, words: &[&str]) -> String {
    let output = Command::new(name)
        .args(words)
        .output()
        .unwrap_or_else(|error| panic!("{name}: {error}; apt-get install qemu-utils"));
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {words:?}: {said}");
    said.into_owned()
}

#[test]
fn a_guid_is_stored_as_the_format_has_it() {
    // The first bytes of a BAT's entry in the region table of a file that qemu-img made.
    assert_eq!(BAT_REGION[..6], [0x66, 0x77, 0xC2, 0x2D, 0x23, 0xF6]);
    assert_eq!(
        BAT_REGION[8..],
        [0x9D, 0x64, 0x11, 0x5E, 0x9B, 0xFD, 0x4A, 0x08]
    );
}

#[test]
fn checksums_are_castagnolis() {
    // RFC 3720, B.4: 32 bytes of zeroes, and of ones.
    assert_eq!(CASTAGNOLI.checksum(&[0; 32]), 0x8A91_36AA);
    assert_eq!(CASTAGNOLI.checksum(&[0xFF; 32]), 0x62A8_AB43);
}

#[test]
fn sizes_that_no_disk_has_are_refused() {
    let folder = Folder::new("sizes");
    for size in [0, 512, BLOCK + 512, MOST + BLOCK] {
        let file = File::create(folder.file("disk.vhdx")).expect("writable");
        let error = make(&file, size).expect_err("none has this size");
        assert!(error.to_string().contains("whole mebibytes"), "{error}");
    }
}

#[test]
fn two_disks_are_never_taken_for_one() {
    let folder = Folder::new("twins");
    let identity = |name: &str| {
        drop(made(&folder.file(name), BLOCK));
        let bytes = fs::read(folder.file(name)).expect("it was made");
        let header = HEADERS[0] as usize + 16;
        let items = ITEMS as usize + TABLE + 16;
        [header, header + 16, items].map(|at| bytes[at..at + 16].to_vec())
    };
    let (one, two) = (identity("one"), identity("two"));
    assert!(one.iter().zip(&two).all(|(one, two)| one != two));
    assert_ne!(one[0], one[1]);
}

#[test]
fn the_largest_disk_has_a_table_that_fits() {
    let table = blocks(MOST);
    assert!(table.len() as u64 <= MIB, "{}", table.len());
    // An entry for a sector bitmap behind each 4096 blocks, but the last.
    assert_eq!(table.len(), (65_536 + 15) * 8);
    assert_eq!(table[4096 * 8..4097 * 8], [0; 8]);
}

#[cfg(target_os = "linux")]
mod qemu {
    use super::*;

    fn names(folder: &Folder, names: [&str; 3]) -> [String; 3] {
        names.map(|name| folder.file(name).display().to_string())
    }

    #[test]
    fn another_program_reads_what_is_made_and_what_it_writes_is_read() {
        let folder = Folder::new("qemu");
        let [disk, raw, home] = names(&folder, ["disk.vhdx", "disk.raw", "home"]);
        let source = folder.file("source");
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 5) as u8).collect();
        fs::write(&source, &bytes).expect("writable");
        let size = 64 << 20;
        let files = [("a file with a long name", &*source)];
        disk::make_as(Layout::Vhdx, Path::new(&disk), "PAYLOAD", size, &files).expect("room");
        let checked = tool("qemu-img", &["check", "-f", "vhdx", &disk]);
        assert!(checked.contains("No errors"), "{checked}");
        let info = tool("qemu-img", &["info", "--output=json", &disk]);
        let info: serde_json::Value = serde_json::from_str(&info).expect("it is JSON");
        assert_eq!(
            (&info["format"], &info["virtual-size"]),
            (&"vhdx".into(), &size.into())
        );
        // The bytes of the disk, as another program finds them, are those that lie at our places.
        tool(
            "qemu-img",
            &["convert", "-f", "vhdx", "-O", "raw", &disk, &raw],
        );
        let compared = tool(
            "qemu-img",
            &["compare", "-f", "vhdx", "-F", "raw", &disk, &raw],
        );
        assert!(compared.contains("identical"), "{compared}");
        let names = disk::bring_home(Path::new(&raw), Path::new(&home)).expect("it is a disk");
        assert_eq!(names, ["a file with a long name"]);
        let read = fs::read(folder.file("home").join(&names[0])).expect("it came home");
        assert!(read == bytes, "another program read other bytes");
        // What it writes lies at the same places, at both ends of a disk with more than one chunk of blocks.
        let size = 5 << 30;
        drop(made(Path::new(&disk), size));
        for (at, pattern) in [(3 << 20, "0x5a"), (size - (64 << 10), "0xa5")] {
            let write = format!("write -P {pattern} {at} 64k");
            tool("qemu-io", &["-f", "vhdx", "-c", &write, &disk]);
        }
        let mut file = File::open(&disk).expect("it is there");
        let content = content(&mut file).expect("it was closed");
        assert_eq!(content, CONTENT..CONTENT + size);
        for (at, byte) in [(3 << 20, 0x5A), (size - (64 << 10), 0xA5)] {
            let mut piece = vec![0; 64 << 10];
            file.seek(SeekFrom::Start(content.start + at))
                .expect("it is a file");
            std::io::Read::read_exact(&mut file, &mut piece).expect("it is as long");
            assert!(piece.iter().all(|it| *it == byte), "at {at:#x}");
        }
    }

    #[test]
    fn a_fixed_disk_of_another_program_is_read_and_a_growing_one_is_told() {
        let folder = Folder::new("qemu-made");
        let [raw, fixed, dynamic] = names(&folder, ["disk.raw", "fixed.vhdx", "dynamic.vhdx"]);
        let source = folder.file("source");
        fs::write(&source, b"said").expect("writable");
        let files = [("setup.log", &*source)];
        let partition = Layout::Partition;
        disk::make_as(partition, Path::new(&raw), "RESULT", 40 << 20, &files).expect("room");
        // All its blocks are in the file from the beginning.
        let options = "subformat=fixed,block_size=1M,block_state_zero=off";
        let words = ["create", "-q", "-f", "vhdx", "-o", options, &fixed, "40M"];
        tool("qemu-img", &words);
        let convert = ["convert", "-f", "raw", "-O", "vhdx"];
        tool("qemu-img", &[&convert[..], &["-n", &raw, &fixed]].concat());
        tool("qemu-img", &[&convert[..], &[&raw, &dynamic]].concat());
        let home = folder.file("home");
        let names = disk::bring_home(Path::new(&fixed), &home).expect("it lies in one piece");
        assert_eq!(names, ["setup.log"]);
        let error = disk::bring_home(Path::new(&dynamic), &home).expect_err("it does not");
        let error = error.to_string();
        assert!(
            error.contains("dynamic.vhdx") && error.contains("makes one piece"),
            "{error}"
        );
    }
}

/// Changes to a good file, and what is said of it then.
#[test]
fn each_thing_that_may_be_wrong_is_told() {
    let folder = Folder::new("damaged");
    let path = folder.file("disk.vhdx");
    let check = |changes: &[(u64, &[u8])], sealed: bool, expect: &str| {
        let mut file = made(&path, 3 * BLOCK);
        for (at, bytes) in changes {
            put(&mut file, *at, bytes);
        }
        if sealed {
            reseal(&path);
        }
        let mut file = File::open(&path).expect("it was made");
        match content(&mut file) {
            Ok(range) => assert_eq!((range.start, expect), (CONTENT, ""), "{changes:x?}"),
            Err(error) => {
                let error = error.to_string();
                let told = !expect.is_empty() && error.contains(expect);
                assert!(told, "{changes:x?}: {error:?}, not {expect:?}");
            }
        }
    };
    let [one, two] = HEADERS;
    let [first, second] = REGIONS;
    let entry = |number: u64| ITEMS + 32 + 32 * number;
    let value = |offset: u64| ITEMS + TABLE as u64 + offset;
    check(&[], false, "");
    check(&[(0, b"V")], false, "does not begin as one");
    // One header is enough, and the other one says nothing then.
    check(&[(one + 20, b"x")], false, "");
    check(&[(two + 20, b"x")], false, "");
    check(&[(one, b"x"), (two + 4000, b"x")], false, "neither header");
    check(&[(one + 8, &[9]), (two + 8, &[9])], true, "one number");
    check(&[(two + 66, &[2])], true, "version is not 1");
    check(&[(two + 48, &[7])], true, "has not closed it");
    check(&[(two + 63, &[7])], true, "has not closed it");
    // Of the header that is out of date nothing counts.
    check(&[(one + 48, &[7])], true, "");
    check(&[(first + 100, b"x")], false, "");
    check(
        &[(first + 100, b"x"), (second, b"x")],
        false,
        "neither region table",
    );
    let both = |at: u64, bytes: &'static [u8]| [(first + at, bytes), (second + at, bytes)];
    check(&both(8, &[0xFF; 4]), true, "regions");
    check(&both(8, &[1]), true, "a region is missing");
    check(&both(16, b"x"), true, "must be understood");
    check(
        &[both(16, b"x"), both(44, &[0])].concat(),
        true,
        "a region is missing",
    );
    check(&both(48, &BAT_REGION), true, "twice");
    check(&both(32, &[1]), true, "a region at 0x300001");
    check(&both(32, &[0; 8]), true, "a region at 0x0");
    check(
        &both(32, &[0, 0, 0xF0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
        true,
        "a region at 0xfff",
    );
    check(&both(40, &[1]), true, "a region at");
    check(&both(72, &[0; 4]), true, "have no room");
    check(&both(40, &[0; 4]), true, "no room for 3 blocks");
    check(&[(ITEMS, b"M")], false, "do not begin as such");
    check(&[(ITEMS + 10, &[0xFF, 0xFF])], false, "items of metadata");
    check(&[(ITEMS + 10, &[0])], false, "item of metadata is missing");
    check(
        &[(entry(4), b"x")],
        false,
        "metadata that must be understood",
    );
    check(
        &[(entry(0), b"x"), (entry(0) + 24, &[0])],
        false,
        "is missing",
    );
    check(&[(entry(1) + 20, &[9])], false, "an item of metadata at");
    check(
        &[(entry(1) + 16, &[0; 4])],
        false,
        "an item of metadata at 0x0",
    );
    check(
        &[(entry(1) + 16, &[0xFF; 4])],
        false,
        "an item of metadata at",
    );
    check(&[(value(0), &[1])], false, "a block of 1048577 bytes");
    check(&[(value(3), &[0x20])], false, "a block of");
    check(&[(value(4), &[3])], false, "has a parent");
    check(&[(value(8), &[1])], false, "a disk of");
    check(&[(value(8), &[0; 8])], false, "a disk of 0 bytes");
    check(&[(value(15), &[1])], false, "a disk of");
    check(&[(value(8), &[0, 0, 0x80])], false, "and its disk 8388608");
    check(&[(value(33), &[0x10])], false, "sectors of 4096 bytes");
    check(&[(BAT + 8, &[7])], false, "is not in the file (state 7)");
    check(&[(BAT + 8, &[2])], false, "is not in the file (state 2)");
    // What the guest has given back may have any bytes, and has ours.
    check(&[(BAT + 8, &[UNMAPPED as u8])], false, "");
    check(&[(BAT + 16 + 2, &[0x90])], false, "block 2 of the disk");
    check(&[(BAT + 2, &[0x50])], false, "block 1 of the disk");
    check(
        &[(BAT, &[6, 0, 0, 0, 0, 0, 0, 0])],
        false,
        "block 0 of the disk",
    );
}

/// Makes headers and region tables whole again.
fn reseal(path: &Path) {
    let mut bytes = fs::read(path).expect("it was made");
    let places = HEADERS.map(|at| (at, HEADER)).into_iter();
    for (at, length) in places.chain(REGIONS.map(|at| (at, TABLE))) {
        seal(&mut bytes[at as usize..at as usize + length]);
    }
    fs::write(path, bytes).expect("it is writable");
}

#[test]
fn a_file_that_is_cut_short_is_told_wherever_it_ends() {
    let folder = Folder::new("short");
    let path = folder.file("disk.vhdx");
    let whole = CONTENT + BLOCK;
    for length in [
        8,
        64 << 10,
        200 << 10,
        320 << 10,
        ITEMS,
        ITEMS + 100,
        BAT,
        CONTENT,
        whole - 1,
    ] {
        let file = made(&path, BLOCK);
        file.set_len(length).expect("it is writable");
        let error = content(&mut File::open(&path).expect("it is there")).expect_err("is short");
        let error = error.to_string();
        assert!(
            error.contains("it ends before") || error.contains("its disk"),
            "{error}"
        );
    }
}

proptest! {
    /// Whatever bytes are changed: an error, or the disk where it is.
    #[test]
    fn no_damage_moves_a_disk(changes in prop::collection::vec((0..6_u64, 0..200_u64, any::<u8>()), 1..6), sealed: bool) {
        let folder = Folder::new("any");
        let path = folder.file("disk.vhdx");
        let mut file = made(&path, BLOCK);
        let places = [0, HEADERS[0], HEADERS[1], REGIONS[0], ITEMS, BAT];
        for (place, at, byte) in changes {
            put(&mut file, places[place as usize] + at, &[byte]);
        }
        if sealed {
            reseal(&path);
        }
        if let Ok(range) = content(&mut File::open(&path).expect("it is there")) {
            prop_assert!(range.end <= CONTENT + BLOCK);
        }
    }
}
