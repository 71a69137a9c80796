//! Services that fail, two processors and hostile programs against drivers that are not the product: the WaveCyclic driver, and the WaveRT driver
//! in C++ that knows nothing of this project.

use std::path::Path;

use crate::cpp;
use crate::rig::{Rig, Run};

/// Runs a verb on a driver, in few words.
fn verb(rig: &Rig, words: &[&str], driver: &[&Path], code: i32, expect: &[&str]) -> Run {
    let named: Vec<String> = match driver {
        [image, inf] => [
            "--driver",
            &image.to_string_lossy(),
            "--inf",
            &inf.to_string_lossy(),
        ]
        .map(str::to_owned)
        .to_vec(),
        _ => ["--driver", "cyclic"].map(str::to_owned).to_vec(),
    };
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    rig.xtask(&[words, &named].concat()).expect(code, expect)
}

const FUZZ: &[&str] = &["fuzz", "--count", "5000"];
const FAULTS: &[&str] = &["faults", "--count", "10"];
/// One short life and, by its seed, one long one.
const SHORT: &[&str] = &["interleave", "--replay", "stream:position@100/3"];
const LONG: &[&str] = &["interleave", "--replay", "long:3"];

#[test]
fn the_wave_cyclic_driver_stands_it() {
    let rig = Rig::new("others-cyclic");
    let check = |words, expect: &[&str]| {
        verb(&rig, words, &[], 0, expect);
    };
    check(FUZZ, &["5000 hostile requests", "of the tap"]);
    check(
        FAULTS,
        &["IPortWaveCyclic::NewMasterDmaChannel", "0 broke a rule"],
    );
    check(SHORT, &["1 interleavings of two processors broke no rule"]);
    check(LONG, &["(1 of them long"]);
}

#[test]
fn a_driver_in_cpp_stands_it() {
    let rig = Rig::new("others-desk");
    let (image, inf) = (cpp::desk(), cpp::of_desk("desk.inf"));
    let check = |words, expect: &[&str]| {
        verb(&rig, words, &[&image, &inf], 0, expect);
    };
    check(FUZZ, &["5000 hostile requests", " 0 of the tap"]);
    check(FAULTS, &["ZwCreateFile", "0 broke a rule"]);
    check(SHORT, &["1 interleavings of two processors broke no rule"]);
    check(LONG, &["(1 of them long"]);
}

#[test]
fn a_fault_of_a_driver_in_cpp_is_told_with_what_plays_it_again() {
    let image = cpp::faulty_desk();
    // The numbers are those of desk.h.
    let check = |name: &str, fault: u32, words: &[&str], expect: &[&str]| {
        let rig = Rig::new(&format!("others-{name}"));
        let inf = cpp::faulty_inf(&rig, fault);
        let said = verb(&rig, words, &[&image, &inf], 1, expect);
        let next = said
            .out
            .lines()
            .find_map(|line| line.split("next: cargo xtask ").nth(1));
        let next: Vec<&str> = next.expect("it says how").split_whitespace().collect();
        rig.xtask(&next).expect(1, &expect[..1]);
    };
    check(
        "unchecked",
        8,
        &["faults", "--count", "0"],
        &[
            "error[access-violation]",
            "CreateStream",
            "ExAllocatePoolWithTag (",
        ],
    );
    check(
        "channel",
        9,
        &["fuzz", "--filter", "property", "--count", "20000"],
        &["error[", "/desk/controls.cpp"],
    );
}

#[test]
fn wrong_use_is_told_with_what_is_right() {
    let rig = Rig::new("others-usage");
    for verb in ["fuzz", "faults", "interleave"] {
        rig.xtask(&[verb, "--driver", "x.sys"])
            .expect(2, &["--driver and --inf go together"]);
    }
    let nothing = ["fuzz", "--driver", "no.sys", "--inf", "no.inf"];
    rig.xtask(&nothing).expect(1, &["cannot read no.sys"]);
}
