//! Dumps that are not whole.

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, RngSeed};

use super::super::{DumpError, Wrong};
use super::builder::Machine;
use super::{own, page_fault, triage};

fn error(file: Vec<u8>) -> DumpError {
    triage(file, Some(&own())).expect_err("is not whole")
}

fn doctored(mut file: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

#[test]
fn an_error_names_the_file_the_place_and_the_next_step() {
    let check = |file: Vec<u8>, wrong: Wrong, expect: &str| {
        let error = error(file);
        let text = error.to_string();
        assert_eq!(error.wrong, wrong, "{text}");
        assert!(
            text.starts_with("MEMORY.DMP: ") && text.contains("; next: "),
            "{text}"
        );
        assert!(text.contains(expect), "{text:?} does not say {expect:?}");
    };
    let machine = page_fault();
    let complete = || machine.complete();
    let kernel = || machine.kernel(6);
    let small = || machine.small();
    let long = 0x4000_0000_0000_0000_u64.to_le_bytes();

    check(Vec::new(), Wrong::NotWritten, "the file is empty (at 0x0");
    check(
        vec![0; 0x10_0000],
        Wrong::NotWritten,
        "it begins with zeros",
    );
    check(b"PAGEPAGE".repeat(0x400), Wrong::NotWritten, "PAGEPAGE");
    check(b"PAGEDUMP".repeat(0x400), Wrong::OtherKind, "32-bit");
    check(
        b"MDMP\x93\xA7\0\0".repeat(0x400),
        Wrong::OtherKind,
        "of a program",
    );
    check(
        vec![0xA5; 0x2000],
        Wrong::Damaged,
        r"it begins with \xa5\xa5",
    );
    check(
        b"PAGE".to_vec(),
        Wrong::CutOff,
        "ends at 0x4, before the signature",
    );
    check(
        complete()[..0x1FFF].to_vec(),
        Wrong::CutOff,
        "before the end of the header",
    );
    check(
        doctored(complete(), 0x30, &[0x64, 0xAA]),
        Wrong::OtherKind,
        "a processor 0xaa64",
    );
    check(
        doctored(complete(), 0xF98, &[2]),
        Wrong::OtherKind,
        "before version 8",
    );
    check(
        doctored(complete(), 0xF98, &[9]),
        Wrong::OtherKind,
        "debugger's .dump",
    );
    check(
        doctored(complete(), 0xF98, &[77]),
        Wrong::OtherKind,
        "its type 0x4d is unknown (at 0xf98",
    );

    check(
        doctored(complete(), 0x88, &[43]),
        Wrong::Damaged,
        "the list of runs says 43",
    );
    check(
        doctored(complete(), 0x88, b"PAGE"),
        Wrong::Damaged,
        "the list of runs says 1162297680",
    );
    check(
        doctored(complete(), 0xA0, &long),
        Wrong::Damaged,
        "run 0 (0x4000000000000000 pages from 0x1ad) is more memory",
    );
    check(
        doctored(complete(), 0xA8, &0x1AD_u64.to_le_bytes()),
        Wrong::Damaged,
        "pages from 0x1ad) lies over another",
    );
    // The runs lie elsewhere than they say.
    check(
        doctored(complete(), 0x98, &0x1AE_u64.to_le_bytes()),
        Wrong::Damaged,
        "not in the dump",
    );
    check(
        complete()[..0x2000].to_vec(),
        Wrong::CutOff,
        "the list of loaded modules",
    );
    check(
        complete()[..0x4000].to_vec(),
        Wrong::CutOff,
        "bug check 0xD1 DRIVER_IRQL_NOT_LESS_OR_EQUAL",
    );

    check(
        doctored(kernel(), 0x2000, b"XDMP"),
        Wrong::Damaged,
        "begins with XDMPDUMP",
    );
    check(
        doctored(kernel(), 0x2030, &long),
        Wrong::Damaged,
        "does not lie before the first page",
    );
    check(
        doctored(kernel(), 0x2020, &long),
        Wrong::CutOff,
        "before its first page (at 0x4000000000000000",
    );
    check(
        kernel()[..0x2040].to_vec(),
        Wrong::CutOff,
        "the end of the bitmap",
    );
    check(
        doctored(kernel(), 0x10, &[0, 0, 0x66]),
        Wrong::Damaged,
        "not in the dump",
    );
    check(
        doctored(kernel(), 0x20, &[0; 8]),
        Wrong::Damaged,
        "no page for it",
    );

    check(
        small()[..0x2010].to_vec(),
        Wrong::CutOff,
        "the list of its parts",
    );
    check(
        doctored(small(), 0x2008, &[0xFF; 4]),
        Wrong::CutOff,
        "the mark at its end",
    );
    check(
        doctored(small(), 0x2008, &[0; 4]),
        Wrong::Damaged,
        "PAGE, not TRGD",
    );
    check(
        doctored(small(), 0x200C, &[0xFF; 4]),
        Wrong::CutOff,
        "context",
    );
    check(
        doctored(small(), 0x2034, &[0xFF; 4]),
        Wrong::Damaged,
        "its list of drivers says 4294967295",
    );
    check(
        doctored(small(), 0x2030, &[0xFF; 4]),
        Wrong::CutOff,
        "its list of drivers",
    );
    check(
        doctored(small(), 0x2030, &[0; 4]),
        Wrong::Damaged,
        "does not begin with one",
    );
}

#[test]
fn what_is_odd_and_harms_nothing_is_noted() {
    let check = |file: Vec<u8>, expect: &str| {
        let line = triage(file, Some(&own())).expect("is enough").to_string();
        assert!(
            line.contains("waverig.sys+0x1a2b") && line.contains(expect),
            "{line}"
        );
    };
    let machine = page_fault();
    check(doctored(machine.complete(), 0x90, &[1]), "its runs have");
    check(
        doctored(machine.kernel(6), 0x2028, &[1]),
        "the bitmap says 0x1 pages",
    );
    check(
        doctored(machine.complete(), 0xFA7, &[1]),
        "the file is cut off",
    );
    check(
        doctored(machine.small(), 0x207C, &[0xFF; 4]),
        "4294967295 pieces",
    );
    check(doctored(machine.small(), 0x2034, &[5]), "only the first 4");
}

#[test]
fn a_list_of_modules_that_does_not_end_is_left() {
    // The second entry points to itself: it does not point back to the one before it.
    let mut machine = page_fault();
    let entry = 0xFFFF_D000_0001_1080;
    machine = machine.word(entry, entry);
    let triage = triage(machine.kernel(6), None).expect("has a module");
    assert!(
        triage
            .to_string()
            .contains("ends after 2 (portcls.sys): an entry does not point back"),
        "{triage}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 192,
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// Whatever the bytes are, the answer is a line or an error, in bounded time and memory.
    #[test]
    fn damage_gives_a_line_or_an_error(
        kind in 0..3_usize,
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<u64>()), 0..12),
    ) {
        let mut file = FILES.with(|files| files[kind].clone());
        for (at, early, value) in flips {
            // Most of a dump is pages; what says where they are lies at its begin.
            let length = if early { 0x2100 } else { file.len() };
            let at = at.index(length - 8);
            file[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        if !whole {
            file.truncate(cut.index(file.len()));
        }
        match triage(file, Some(&own())) {
            Ok(triage) => prop_assert!(triage.to_string().starts_with("bug check 0x") && triage.json().is_object()),
            Err(error) => prop_assert!(error.to_string().contains("; next: ")),
        }
    }
}

thread_local! {
    static FILES: [Vec<u8>; 3] = {
        let machine: Machine = page_fault();
        [machine.complete(), machine.kernel(6), machine.small()]
    };
}
