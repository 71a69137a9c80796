//! Dumps that are made here give the line that they must; damaged ones give an error or a line, never anything else.

mod builder;
mod damage;
mod independent;

use std::io::Cursor;
use std::path::Path;

use super::file::Source;
use super::{Build, DumpError, Loaded, Own, Triage, read};
use builder::{Machine, NDIS, NT, PORTCLS, STACK, WAVERIG};

fn own() -> Own {
    Own {
        name: "waverig.sys".into(),
        image: None,
        pdb: None,
        sources: "/waverig".into(),
        build: Some(Build {
            stamp: 0x4444,
            size: 0x2_F000,
        }),
    }
}

fn triage(file: Vec<u8>, own: Option<&Own>) -> Result<Triage, DumpError> {
    let source = Source::new(Path::new("MEMORY.DMP"), Cursor::new(file));
    read(&source.expect("memory has a length"), own)
}

/// A page fault in the driver, at DISPATCH_LEVEL: below the exception lies a return address that an earlier call left.
fn page_fault() -> Machine {
    Machine::new(0xD1, [0x10, 2, 1, WAVERIG + 0x1A2B])
        .returns(0x08, &[NT + 0x40_1234, WAVERIG + 0x5555, NDIS + 0x777])
        .exception(0x100, WAVERIG + 0x1A2B, 0x1C0)
        .returns(0x1C8, &[WAVERIG + 0x2222, PORTCLS + 0x3333, NT + 0x4444])
}

const PAGE_FAULT: &str = "bug check 0xD1 DRIVER_IRQL_NOT_LESS_OR_EQUAL (0x10, 0x2, 0x1, 0xfffff80130001a2b): \
     waverig.sys+0x1a2b; called from portcls.sys+0x3333 (from the stack, may be stale)";

#[test]
fn every_kind_of_dump_gives_the_same_line() {
    let machine = page_fault();
    let check = |kind: &str, file: Vec<u8>| {
        let triage = triage(file, Some(&own())).expect("is whole");
        assert_eq!(triage.to_string(), PAGE_FAULT, "{kind}");
        assert_eq!(triage.kind, kind);
    };
    check("complete", machine.complete());
    check("kernel", machine.kernel(6));
    check("kernel", machine.kernel(5));
    check("small", machine.small());
}

/// The line of a kernel dump, after the parameters.
fn check(machine: &Machine, expect: &str) {
    let triage = triage(machine.kernel(6), Some(&own())).expect("is whole");
    let line = triage.to_string();
    let (_, rest) = line.split_once("): ").expect("has parameters");
    assert_eq!(rest, expect, "{line}");
}

#[test]
fn the_documented_parameter_is_the_place_at_fault() {
    let here = WAVERIG + 0x1000;
    let alone = "waverig.sys+0x1000";
    let elsewhere = "at ntoskrnl.exe+0x3f5e40 (where the processor was); waverig.sys is loaded, and neither at fault nor on the stack";
    let at = |code, number: usize| {
        let mut parameters = [0; 4];
        parameters[number - 1] = here;
        Machine::new(code, parameters)
    };
    for (code, number) in [
        (0x0A, 4),
        (0x1E, 2),
        (0x3B, 2),
        (0x50, 3),
        (0x7E, 2),
        (0x8E, 2),
        (0x1000_007E, 2),
        (0xC5, 4),
        (0xCC, 3),
        (0xCD, 3),
        (0xCE, 3),
        (0xD0, 4),
        (0xD1, 4),
        (0xD3, 4),
        (0xD4, 4),
        (0xD5, 3),
        (0xD6, 3),
    ] {
        check(&at(code, number), alone);
        // An address of the driver in another parameter is memory that was touched, not code that ran.
        let other = if number == 1 { 2 } else { 1 };
        if code != 0x0A && code != 0xD1 {
            check(&at(code, other), elsewhere);
        }
    }
    let verifier = |code, subcode, number: usize| {
        let mut machine = at(code, number);
        machine.bug_check.1[0] = subcode;
        machine
    };
    check(&verifier(0xC4, 0xE6, 2), alone);
    check(&verifier(0xC4, 0xF6, 4), alone);
    check(&verifier(0xC4, 0xF6, 2), elsewhere);
    check(&verifier(0xC4, 0x2000, 2), alone);
    check(&verifier(0xC4, 0x62, 2), elsewhere);
    check(&verifier(0xC9, 0x21F, 2), alone);
    check(&verifier(0xC9, 0x01, 2), elsewhere);
    check(&verifier(0xC7, 0x05, 2), alone);
    check(&verifier(0xC7, 0x00, 2), elsewhere);
    check(&at(0xBEEF, 2), elsewhere);
}

#[test]
fn records_and_contexts_that_parameters_point_to_are_followed() {
    const RECORD: u64 = STACK + 0x800;
    const CONTEXT: u64 = STACK + 0x900;
    let fail_fast = Machine::new(0x139, [3, 0, RECORD, 0]).word(RECORD + 0x10, WAVERIG + 0x42);
    check(&fail_fast, "waverig.sys+0x42");
    // The exception was in the kernel, in a call from the driver; its context has the stack at that moment, above what was left.
    let in_kernel = Machine::new(0x3B, [0xC000_0005, NT + 0x99, CONTEXT, 0])
        .word(CONTEXT + 0x98, STACK + 0x400)
        .word(CONTEXT + 0xF8, NT + 0x99)
        .returns(0x10, &[WAVERIG + 0xBAD])
        .returns(0x400, &[NT + 0x88, WAVERIG + 0x77, PORTCLS + 0x66]);
    check(
        &in_kernel,
        "at ntoskrnl.exe+0x99; in waverig.sys+0x77 (from the stack, may be stale); called from portcls.sys+0x66 (from the stack, may be stale)",
    );
}

#[test]
fn a_call_through_a_bad_pointer_is_found_by_its_return_address() {
    let machine = Machine::new(0xD1, [0xDEAD, 2, 8, 0xDEAD])
        .exception(0x100, 0xDEAD, 0x1C0)
        .returns(0x1C0, &[WAVERIG + 0x77, PORTCLS + 0x66]);
    check(
        &machine,
        "at 0xdead, which is in no module; in waverig.sys+0x77 (from the stack, may be stale); called from portcls.sys+0x66 (from the stack, may be stale)",
    );
}

#[test]
fn words_on_the_stack_that_no_call_precedes_are_no_return_addresses() {
    let machine = Machine::new(0x9F, [3, 0, 0, 0])
        .word(STACK + 0x20, WAVERIG + 0x10)
        .returns(0x30, &[NT + 0x88]);
    check(
        &machine,
        "at ntoskrnl.exe+0x3f5e40 (where the processor was); waverig.sys is loaded, and neither at fault nor on the stack",
    );
    // A small dump has no code to look at: the word is told, and as what it is.
    let triage = triage(machine.small(), Some(&own())).expect("is whole");
    let driver = triage.json()["driver"].clone();
    assert_eq!(driver["offset"], "0x10");
    assert_eq!(driver["evidence"]["stack"]["call"], false);
}

#[test]
fn a_driver_that_is_not_there_is_told() {
    let mut machine =
        Machine::new(0xD1, [0x10, 2, 1, NDIS + 0x123]).returns(0x20, &[PORTCLS + 0x66]);
    let expect = "at ndis.sys+0x123; waverig.sys is loaded, and neither at fault nor on the stack";
    check(&machine, expect);
    machine.images.pop();
    check(&machine, "at ndis.sys+0x123; waverig.sys is not loaded");
    // Without a driver that is looked for, the module at fault is what matters.
    let triage = triage(page_fault().complete(), None).expect("is whole");
    let line = triage.to_string();
    assert!(
        line.ends_with(
            "at waverig.sys+0x1a2b; called from portcls.sys+0x3333 (from the stack, may be stale)"
        ),
        "{line}"
    );
}

#[test]
fn names_of_files_have_no_case() {
    let mut machine = page_fault();
    machine.images[3].name = "WAVERIG.SYS";
    let triage = triage(machine.small(), Some(&own())).expect("is whole");
    assert_eq!(triage.sought.map(|sought| sought.loaded), Some(Loaded::Yes));
    assert_eq!(triage.driver.map(|driver| driver.offset), Some(0x1A2B));
}

#[test]
fn another_build_of_the_driver_is_told() {
    let mut machine = page_fault();
    machine.images[3].stamp = 0x5555;
    for file in [machine.complete(), machine.small()] {
        let triage = triage(file, Some(&own())).expect("is whole");
        assert_eq!(
            triage.sought.as_ref().map(|sought| sought.loaded),
            Some(Loaded::OtherBuild)
        );
        let line = triage.to_string();
        assert!(
            line.contains("waverig.sys+0x1a2b") && line.contains("another build"),
            "{line}"
        );
    }
}
