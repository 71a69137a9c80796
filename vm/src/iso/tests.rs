//! A disc is read back by what its own descriptors say, not by what the writer believes; a Linux kernel and UEFI firmware read one in
//! `xtask/tests/e2e/medium.rs`.

use std::path::PathBuf;

use super::*;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("waverig-iso-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).expect("the temporary folder is writable");
    folder
}

fn u32_at(disc: &[u8], at: usize) -> usize {
    let little = u32::from_le_bytes(disc[at..at + 4].try_into().expect("four"));
    let big = u32::from_be_bytes(disc[at + 4..at + 8].try_into().expect("four"));
    assert_eq!(little, big, "a number has two values at {at}");
    little as usize
}

/// Every file of the root, by walking the disc from its descriptor.
fn read(disc: &[u8]) -> Vec<(String, Vec<u8>)> {
    let volume = 16 * 2048;
    assert_eq!(&disc[volume..volume + 6], b"\x01CD001");
    assert_eq!(u32_at(disc, volume + 80) * 2048, disc.len());
    let (root, size) = (u32_at(disc, volume + 158), u32_at(disc, volume + 166));
    let mut files = Vec::new();
    let mut at = root * 2048;
    while at < root * 2048 + size {
        let length = usize::from(disc[at]);
        if length == 0 {
            at = (at / 2048 + 1) * 2048;
            continue;
        }
        let name = &disc[at + 33..at + 33 + usize::from(disc[at + 32])];
        if disc[at + 25] == 0 {
            let from = u32_at(disc, at + 2) * 2048;
            let content = disc[from..from + u32_at(disc, at + 10)].to_vec();
            files.push((String::from_utf8_lossy(name).into_owned(), content));
        }
        at += length;
    }
    files
}

#[test]
fn what_goes_on_a_disc_is_read_from_it() {
    let folder = folder("there");
    let disc = folder.join("disc.iso");
    let mut files = Vec::new();
    // More than a sector of entries.
    for number in 0..60u32 {
        let path = folder.join(number.to_string());
        fs::write(&path, vec![number as u8; 100 * number as usize]).expect("writable");
        files.push((format!("FILE_{number:02}.TXT"), path));
    }
    let boot = folder.join("boot");
    fs::write(&boot, [0xB0; 3000]).expect("writable");
    let named: Vec<(&str, &Path)> = files.iter().rev().map(|(n, p)| (&**n, &**p)).collect();
    make(&disc, "WAVERIG", &named, Some(&boot)).expect("there is room");
    let bytes = fs::read(&disc).expect("it was made");
    let back = read(&bytes);
    assert_eq!(back.len(), 60);
    for ((name, content), (number, (expect, _))) in back.iter().zip(files.iter().enumerate()) {
        assert_eq!(*name, format!("{expect};1"));
        assert_eq!(*content, vec![number as u8; 100 * number]);
    }
    let record = &bytes[17 * 2048..18 * 2048];
    assert_eq!(&record[7..30], b"EL TORITO SPECIFICATION");
    let at = |from: &[u8], at: usize| {
        u32::from_le_bytes(from[at..at + 4].try_into().expect("four")) as usize * 2048
    };
    let catalogue = &bytes[at(record, 71)..][..64];
    let words = catalogue[..32].chunks(2);
    let sum = words.fold(0u16, |sum, word| {
        sum.wrapping_add(u16::from_le_bytes([word[0], word[1]]))
    });
    assert_eq!((sum, catalogue[1], catalogue[32]), (0, 0xEF, 0x88));
    assert_eq!(bytes[at(catalogue, 40)..][..3000], [0xB0; 3000]);
    fs::remove_dir_all(folder).expect("the test's own folder");
}

#[test]
fn a_name_that_no_disc_has_is_told() {
    let check = |name: &str, good: bool| {
        assert_eq!(super::check(name).is_ok(), good, "{name:?}");
    };
    check("AUTOUNATTEND.XML", true);
    check("A.", true);
    for name in ["", "A", "a.XML", "A.B.C", "A B.C", ".XML", "../A.B"] {
        check(name, false);
    }
    check(&format!("{}.B", "A".repeat(29)), true);
    check(&format!("{}.B", "A".repeat(30)), false);
}
