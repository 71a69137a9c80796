//! A package that was changed after it was signed is refused, naming the file.

use std::fs;
use std::path::PathBuf;

use waverig_package::cert::Identity;
use waverig_package::package::{self, Inputs};
use waverig_package::{Arch, Date, OsBuild, UnixTime, pe};

use crate::rig::{self, Rig};

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

/// Not tampered with, but wrong: an INF whose reference string is not the one the driver registers, properly signed.
#[test]
fn an_inf_that_names_another_filter_gives_no_endpoint_and_says_which_rule_failed() {
    let rig = Rig::new("wrong-inf");
    let read = |path: PathBuf| fs::read(path).expect("it is in the sources or was built");
    let inx = String::from_utf8(read(rig::root().join("driver/waverig.inx"))).expect("it is ASCII");
    // In both directions: an endpoint that is left would be played to.
    let wrong = inx
        .replace("\"TopologyRender1\"", "\"TopologyRenderer1\"")
        .replace("\"TopologyCapture1\"", "\"TopologyCapturer1\"");
    assert_ne!(inx, wrong);
    let image = read(rig::good_package().join("linked/waverig.sys"));
    let certificate = rig::root().join("target/certificate");
    let date = Date::new(2026, 11, 20).expect("it is a day");
    let inputs = Inputs {
        name: "waverig",
        image: &image,
        pdb: None,
        inx: wrong.as_bytes(),
        version: "0.1.0.0".parse().expect("it is a version"),
        date,
        arch: Arch::Amd64,
        min_build: OsBuild(19041),
        rules: pe::Rules {
            arch: Arch::Amd64,
            imports: &["ntoskrnl.exe", "hal.dll", "portcls.sys"],
            exports: &[],
            forbidden: &[],
        },
        identity: &Identity::ensure(&certificate, "CN=unused", UnixTime::now())
            .expect("it was made"),
        time: date.midnight(),
    };
    fs::create_dir(rig.package()).expect("the test's own folder");
    package::build(&rig.package(), &inputs).expect("nothing is wrong with the package as such");
    rig.xtask(&["vm-test"]).expect(
        1,
        &[
            "endpoint-interface",
            "\"TopologyRender1\" has no enabled interface",
            "AddInterface",
            "0 of 0 scenarios",
        ],
    );
}
