//! What the WDK's headers inline: gs, cr8, KUSER_SHARED_DATA and assertions, in drivers assembled here.

// gs belongs to the host on Windows.
#![cfg(target_os = "linux")]

mod tiny;

use tiny::Code;
use tiny::run::{fails, run};

/// `je +2; int 2Ch`: the driver's own check of what it just compared.
const ASSERT_EQUAL: [u8; 4] = [0x74, 0x02, 0xCD, 0x2C];
/// `mov [rsp + 20h], rbx`, and back: a routine returns with rbx as it was.
const KEEP_RBX: [u8; 5] = [0x48, 0x89, 0x5C, 0x24, 0x20];
const GIVE_BACK_RBX: [u8; 5] = [0x48, 0x8B, 0x5C, 0x24, 0x20];

fn check(name: &str, code: Code) {
    let outcome = run(name, &code.bytes(&GIVE_BACK_RBX).success().build(), &[]);
    let code = outcome.status.and_then(|status| status.code());
    assert_eq!(code, Some(0), "{name}: {}", outcome.stderr);
}

#[test]
fn the_processors_page_knows_the_thread_and_itself() {
    // mov rbx, gs:[0x188]; KeGetCurrentThread(); cmp rax, rbx
    let thread = Code::driver()
        .bytes(&KEEP_RBX)
        .bytes(&[0x65, 0x48, 0x8B, 0x1C, 0x25, 0x88, 0x01, 0, 0])
        .import("KeGetCurrentThread")
        .bytes(&[0x48, 0x39, 0xD8])
        .bytes(&ASSERT_EQUAL);
    // mov rax, gs:[0x18]; mov rax, [rax + 0x20]; mov rax, [rax + 8]; cmp rax, rbx: KPCR.Self, its KPRCB, that one's thread
    let around = thread
        .bytes(&[0x65, 0x48, 0x8B, 0x04, 0x25, 0x18, 0, 0, 0])
        .bytes(&[0x48, 0x8B, 0x40, 0x20, 0x48, 0x8B, 0x40, 0x08])
        .bytes(&[0x48, 0x39, 0xD8])
        .bytes(&ASSERT_EQUAL);
    check("current-thread", around);
}

#[test]
fn shared_data_tells_the_time_through_any_register() {
    const INTERRUPT_TIME: u64 = 0xFFFF_F780_0000_0008;
    // mov rax, INTERRUPT_TIME; mov rbx, [rax]; mov rdx, [rax]; cmp rdx, rbx: the register is what it was after the first
    let twice = Code::driver()
        .bytes(&KEEP_RBX)
        .bytes(&[0x48, 0xB8])
        .bytes(&INTERRUPT_TIME.to_le_bytes())
        .bytes(&[0x48, 0x8B, 0x18, 0x48, 0x8B, 0x10])
        .bytes(&[0x48, 0x39, 0xDA])
        .bytes(&ASSERT_EQUAL);
    // mov rax, [INTERRUPT_TIME]; cmp rax, rbx: the address stands in the instruction
    let direct = twice
        .bytes(&[0x48, 0xA1])
        .bytes(&INTERRUPT_TIME.to_le_bytes())
        .bytes(&[0x48, 0x39, 0xD8])
        .bytes(&ASSERT_EQUAL);
    // KeQueryInterruptTime(); cmp rax, rbx
    let called = direct
        .import("KeQueryInterruptTime")
        .bytes(&[0x48, 0x39, 0xD8])
        .bytes(&ASSERT_EQUAL);
    check("shared-data", called);
}

#[test]
fn writing_shared_data_or_reading_beyond_it_is_no_way_out() {
    // mov rax, 0xFFFFF78000002000; mov rbx, [rax]
    let beyond = Code::driver()
        .bytes(&[0x48, 0xB8])
        .bytes(&0xFFFF_F780_0000_2000_u64.to_le_bytes())
        .bytes(&[0x48, 0x8B, 0x18])
        .success();
    fails("beyond-shared", beyond, "access-violation", &["reads"]);
    // mov rax, 0xFFFFF78000000008; mov [rax], rbx
    let write = Code::driver()
        .bytes(&[0x48, 0xB8])
        .bytes(&0xFFFF_F780_0000_0008_u64.to_le_bytes())
        .bytes(&[0x48, 0x89, 0x18])
        .success();
    fails("write-shared", write, "access-violation", &["writes"]);
}

#[test]
fn what_compilers_call_at_the_end_of_the_road_is_told() {
    let code = Code::driver().import("_purecall").success();
    fails("pure-call", code, "pure-call", &["base class"]);
    // mov ecx, 0xC000009A; ExRaiseStatus
    let code = Code::driver()
        .bytes(&[0xB9, 0x9A, 0x00, 0x00, 0xC0])
        .import("ExRaiseStatus")
        .success();
    fails(
        "raise",
        code,
        "exception",
        &["STATUS_INSUFFICIENT_RESOURCES"],
    );
}

#[test]
fn an_assertion_that_does_not_hold_is_told_as_one() {
    let code = Code::driver().bytes(&[0xCD, 0x2C]).success();
    fails("assertion", code, "assertion", &["int 2Ch"]);
}
