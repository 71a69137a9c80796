//! Drivers that fault or cannot be loaded: each run ends in time, with a report that names rule, act and place.

mod tiny;

use std::time::{Duration, Instant};

use tiny::Code;
use tiny::run::{fails, run};

#[test]
fn a_driver_that_keeps_the_rules_ends_with_success() {
    // Reads cr8, clears and sets the interrupt flag, frees what it allocated: mov r9, cr8; cli; sti; mov rcx, rax.
    let code = Code::driver()
        .bytes(&[0x45, 0x0F, 0x20, 0xC1])
        .bytes(&[0xFA, 0xFB])
        .bytes(&[0x44, 0x0F, 0x20, 0xC0]);
    let code = code
        .allocate(8)
        .bytes(&[0x48, 0x89, 0xC1])
        .import("ExFreePool")
        .success();
    let outcome = run("clean", &code.build(), &[]);
    assert_eq!(
        outcome.status.and_then(|status| status.code()),
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
}

#[test]
fn a_missing_import_is_listed_at_load_and_reported_when_called() {
    let words = [
        "ntoskrnl.exe!NoSuchRoutine is not in the simulator",
        "add one row",
        "DriverEntry",
    ];
    fails(
        "missing",
        Code::driver().import("NoSuchRoutine").success(),
        "missing-import",
        &words,
    );
    // mov eax, eax jumps over nothing: the import is bound but never called (xor eax, eax; jz over the call).
    let skipped = Code::driver()
        .bytes(&[0x31, 0xC0, 0x74, 0x06])
        .import("NoSuchRoutine")
        .success();
    let outcome = run("missing-uncalled", &skipped.build(), &[]);
    assert!(
        outcome
            .stdout
            .contains("missing import: ntoskrnl.exe!NoSuchRoutine"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn memory_that_is_not_there_is_explained() {
    // mov al, [rax + 32]: right behind an allocation of 32 bytes.
    let code = Code::driver()
        .allocate(32)
        .bytes(&[0x8A, 0x40, 0x20])
        .success();
    fails(
        "read-behind",
        code,
        "pool-overrun",
        &[
            "reads memory",
            "0 bytes behind the end of a live allocation of 32 bytes",
            "tag 'Tiny'",
        ],
    );
    // mov byte [rax + 40], 1
    let code = Code::driver()
        .allocate(32)
        .bytes(&[0xC6, 0x40, 0x28, 1])
        .success();
    fails(
        "write-behind",
        code,
        "pool-overrun",
        &[
            "writes memory",
            "8 bytes behind the end",
            "0xD6 DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION",
        ],
    );
    // mov rbx, rax; mov rcx, rax; free; mov eax, [rbx]
    let code = Code::driver()
        .allocate(32)
        .bytes(&[0x48, 0x89, 0xC3, 0x48, 0x89, 0xC1])
        .import("ExFreePool")
        .bytes(&[0x8B, 0x03])
        .success();
    fails(
        "after-free",
        code,
        "pool-freed",
        &[
            "0 bytes into a freed allocation",
            "freed at after-free.sys+0x",
        ],
    );
    // KeSetEvent(16, 0, 0): the kernel follows a bad pointer of the driver
    let code = Code::driver().bytes(&[0xB9, 16, 0, 0, 0, 0x31, 0xD2, 0x45, 0x31, 0xC0]);
    let code = code.import("KeSetEvent").success();
    let words = [
        "KeSetEvent, with what the driver passed, reads memory",
        "bad-pointer.sys+0x10",
    ];
    fails("bad-pointer", code, "access-violation", &words);
    // xor eax, eax; mov eax, [rax + 8]
    fails(
        "null",
        Code::driver().bytes(&[0x31, 0xC0, 0x8B, 0x40, 8]).success(),
        "access-violation",
        &["0x8 is a null pointer"],
    );
    // mov byte [rip], 1: its own code
    fails(
        "own-code",
        Code::driver().bytes(&[0xC6, 0x05, 0, 0, 0, 0, 1]).success(),
        "access-violation",
        &["read-only memory of the driver", "0xBE"],
    );
    // mov rax, 0x8000_0000_0000; mov eax, [rax]: not canonical
    fails(
        "wild",
        Code::driver()
            .bytes(&[0x48, 0xB8, 0, 0, 0, 0, 0, 0x80, 0, 0, 0x8B, 0x00])
            .success(),
        "illegal-instruction",
        &["cannot exist"],
    );
}

#[test]
fn only_code_is_executed() {
    // call rax: pool
    fails(
        "run-pool",
        Code::driver().allocate(32).bytes(&[0xFF, 0xD0]).success(),
        "execute-data",
        &["0xFC", "live allocation"],
    );
    // lea rcx, data; call rcx
    let report = fails(
        "run-data",
        Code::driver().rcx_data(0).bytes(&[0xFF, 0xD1]).success(),
        "execute-data",
        &["part of the image"],
    );
    assert!(
        report
            .stack
            .iter()
            .any(|frame| frame.place.starts_with("run-data.sys+0x10")),
        "the caller is on the stack: {report}"
    );
    // mov eax, 0x100; call rax
    fails(
        "run-null",
        Code::driver()
            .bytes(&[0xB8, 0, 1, 0, 0, 0xFF, 0xD0])
            .success(),
        "access-violation",
        &["address without code"],
    );
}

/// On Windows the system ends a process that executes `int 29h` without asking anybody in it.
const FAST_FAIL: &[&str] = if cfg!(windows) {
    &[]
} else {
    &["FAST_FAIL_CORRUPT_LIST_ENTRY", "0x139"]
};

#[test]
fn instructions_that_fault_are_named() {
    for (name, code, rule, words) in [
        (
            "ud2",
            &[0x0F_u8, 0x0B][..],
            "illegal-instruction",
            &["0f 0b", "0x1E"][..],
        ),
        ("hlt", &[0xF4], "illegal-instruction", &["f4"]),
        ("int3", &[0xCC], "breakpoint", &["breakpoint"]),
        (
            "div",
            &[0x31, 0xC9, 0xF7, 0xF1],
            "arithmetic-fault",
            &["division by zero"],
        ),
        (
            "fastfail",
            &[0xB9, 3, 0, 0, 0, 0xCD, 0x29],
            "fast-fail",
            FAST_FAIL,
        ),
    ] {
        fails(name, Code::driver().bytes(code).success(), rule, words);
    }
}

#[test]
fn a_bug_check_shows_code_parameters_and_stack() {
    // inner: KeBugCheckEx(0xE2, 1, 2, 3, 4)
    let code = Code::driver().call("inner").success().then("inner");
    let code = code.bytes(&[
        0xB9, 0xE2, 0, 0, 0, 0xBA, 1, 0, 0, 0, 0x41, 0xB8, 2, 0, 0, 0, 0x41, 0xB9, 3, 0, 0, 0,
    ]);
    let code = code
        .bytes(&[0x48, 0xC7, 0x44, 0x24, 0x20, 4, 0, 0, 0])
        .import("KeBugCheckEx")
        .success();
    let report = fails(
        "bugcheck",
        code,
        "bug-check",
        &[
            "0xE2 MANUALLY_INITIATED_CRASH",
            "the kernel calls DriverEntry",
        ],
    );
    assert_eq!(
        report.parameters,
        [
            "0x0000000000000001",
            "0x0000000000000002",
            "0x0000000000000003",
            "0x0000000000000004"
        ]
    );
    let steps: Vec<String> = report
        .stack
        .iter()
        .map(|frame| {
            frame
                .function
                .clone()
                .unwrap_or_else(|| "driver".to_owned())
        })
        .collect();
    assert_eq!(
        steps,
        [
            "KeBugCheckEx (kernel)",
            "driver",
            "driver",
            "the kernel calls DriverEntry"
        ],
        "{report}"
    );
}

#[test]
fn what_does_not_return_is_stopped_and_located() {
    let start = Instant::now();
    // jmp self
    fails(
        "loop",
        Code::driver().bytes(&[0xEB, 0xFE]),
        "runaway",
        &["without returning", "loop.sys+0x10"],
    );
    // xor ecx, ecx; call KeQueryPerformanceCounter; jmp back (10 bytes)
    let code = Code::driver()
        .bytes(&[0x31, 0xC9])
        .import("KeQueryPerformanceCounter")
        .bytes(&[0xEB, 0xF6]);
    fails(
        "spin",
        code,
        "runaway",
        &["KeQueryPerformanceCounter", "the kernel calls DriverEntry"],
    );
    // f: calls itself
    let code = Code::driver()
        .call("f")
        .success()
        .then("f")
        .call("f")
        .success();
    fails(
        "recursion",
        code,
        "stack-overflow",
        &["the stack is exhausted"],
    );
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn an_image_that_windows_would_not_load_is_refused() {
    let good = Code::driver().success().build();
    let broken = |at: usize, bytes: &[u8]| {
        let mut image = good.clone();
        image[at..at + bytes.len()].copy_from_slice(bytes);
        image
    };
    for (name, image, words) in [
        ("text", b"not an image".to_vec(), "no MZ header"),
        (
            "cut",
            good[..0x2000].to_vec(),
            "reaches beyond the end of the file",
        ),
        ("arm", broken(0x84, &[0x64, 0xAA]), "not x86-64"),
        ("program", broken(0x98 + 68, &[3, 0]), "subsystem 3"),
        (
            "both",
            broken(tiny::section_flags(0), &0xE800_0020_u32.to_le_bytes()),
            "both writable and executable",
        ),
        (
            "packed",
            broken(0x98 + 32, &[0x00, 0x02]),
            "section alignment 512",
        ),
    ] {
        let outcome = run(name, &image, &[]);
        assert_eq!(
            outcome.status.and_then(|status| status.code()),
            Some(2),
            "{name}"
        );
        assert!(
            outcome.stderr.contains(words) && outcome.stderr.contains(&format!("{name}.sys")),
            "{name}: {}",
            outcome.stderr
        );
    }
}
