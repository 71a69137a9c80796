//! A package that was changed after it was signed is refused, naming the file.

use std::fs;

use crate::rig::Rig;

fn check(file: &str, change: impl Fn(&mut [u8])) {
    let rig = Rig::with_package(&format!("tamper-{file}"));
    let path = rig.package().join(file);
    let mut bytes = fs::read(&path).expect("it is in the package");
    change(&mut bytes);
    fs::write(&path, bytes).expect("the test's own folder");
    rig.xtask(&[
        "vm-test",
        "--machine",
        "sim",
        "--filter",
        "sine-16bit-event",
    ])
    .expect(1, &["refused", file]);
}

fn flip_in_the_middle(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
}

#[test]
fn a_flipped_byte_in_the_driver_is_refused() {
    check("waverig.sys", flip_in_the_middle);
}

#[test]
fn a_flipped_byte_in_the_inf_is_refused() {
    check("waverig.inf", flip_in_the_middle);
}

#[test]
fn a_flipped_byte_in_the_catalog_is_refused() {
    check("waverig.cat", flip_in_the_middle);
}

#[test]
fn a_truncated_driver_is_refused() {
    let rig = Rig::with_package("tamper-truncated");
    let path = rig.package().join("waverig.sys");
    let bytes = fs::read(&path).expect("it is in the package");
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("the test's own folder");
    rig.xtask(&["vm-test"])
        .expect(1, &["refused", "waverig.sys"]);
}

#[test]
fn a_missing_catalog_is_refused() {
    let rig = Rig::with_package("tamper-missing");
    fs::remove_file(rig.package().join("waverig.cat")).expect("the test's own folder");
    rig.xtask(&["vm-test"])
        .expect(1, &["refused", "waverig.cat"]);
}
