//! Drivers that break rules of the kernel: what is found, and what it says.

mod tiny;

use tiny::Code;
use tiny::run::{fails, finds};

#[test]
fn a_wait_that_nothing_can_end_is_a_hang() {
    // KeInitializeEvent(data, 0, 0); KeWaitForSingleObject(data, 0, 0, 0, NULL)
    let init = Code::driver()
        .rcx_data(0)
        .bytes(&[0x31, 0xD2, 0x45, 0x31, 0xC0])
        .import("KeInitializeEvent");
    let wait = init.rcx_data(0).bytes(&[
        0x31, 0xD2, 0x45, 0x31, 0xC0, 0x45, 0x31, 0xC9, 0x48, 0xC7, 0x44, 0x24, 0x20, 0, 0, 0, 0,
    ]);
    fails(
        "hang",
        wait.import("KeWaitForSingleObject").success(),
        "hang",
        &["nothing is left that could signal"],
    );
    let raised = Code::driver()
        .import("KeRaiseIrqlToDpcLevel")
        .rcx_data(0)
        .bytes(&[0x31, 0xD2, 0x45, 0x31, 0xC0, 0x45, 0x31, 0xC9]);
    let raised = raised
        .bytes(&[0x48, 0xC7, 0x44, 0x24, 0x20, 0, 0, 0, 0])
        .import("KeWaitForSingleObject")
        .success();
    fails(
        "wait-raised",
        raised,
        "wait-at-dispatch",
        &["DISPATCH_LEVEL with no time-out"],
    );
}

#[test]
fn pool_is_given_back_once_with_its_tag_and_unharmed() {
    // mov rbx, rax; mov rcx, rax; free; mov rcx, rbx; free
    let twice = Code::driver()
        .allocate(24)
        .bytes(&[0x48, 0x89, 0xC3, 0x48, 0x89, 0xC1])
        .import("ExFreePool");
    let twice = twice
        .bytes(&[0x48, 0x89, 0xD9])
        .import("ExFreePool")
        .success();
    fails(
        "double-free",
        twice,
        "pool-double-free",
        &["24 bytes", "first freed at double-free.sys"],
    );
    // lea rcx, data; free
    fails(
        "bad-free",
        Code::driver().rcx_data(0).import("ExFreePool").success(),
        "pool-bad-free",
        &["belongs to no pool allocation"],
    );
    // mov rcx, rax; mov edx, 'xxxx'; ExFreePoolWithTag
    let tag = Code::driver()
        .allocate(8)
        .bytes(&[0x48, 0x89, 0xC1, 0xBA])
        .bytes(b"xxxx")
        .import("ExFreePoolWithTag")
        .success();
    finds(
        "wrong-tag",
        tag,
        &["pool-wrong-tag", "freed with tag 'xxxx'", "tag 'Tiny'"],
    );
    // mov byte [rax + 30], 1; mov rcx, rax; free: within the alignment's slack, so only the free can see it
    let slack = Code::driver()
        .allocate(30)
        .bytes(&[0xC6, 0x40, 30, 1, 0x48, 0x89, 0xC1])
        .import("ExFreePool")
        .success();
    fails("overrun", slack, "pool-overrun", &["behind the allocation"]);
    finds(
        "leak",
        Code::driver().allocate(24).success(),
        &[
            "pool-leak",
            "1 allocation(s), 24 bytes with tag 'Tiny'",
            "leak.sys+0x",
        ],
    );
}

#[test]
fn levels_and_locks_are_watched() {
    finds(
        "raised",
        Code::driver().import("KeRaiseIrqlToDpcLevel").success(),
        &["irql-balance", "returned at DISPATCH_LEVEL"],
    );
    let held = Code::driver()
        .rcx_data(0)
        .import("KeAcquireSpinLockRaiseToDpc")
        .success();
    finds(
        "held",
        held,
        &[
            "lock-held",
            "DriverEntry returned with the spin lock",
            "acquired at held.sys+0x",
        ],
    );
    let twice = Code::driver()
        .rcx_data(0)
        .import("KeAcquireSpinLockRaiseToDpc")
        .rcx_data(0)
        .import("KeAcquireSpinLockAtDpcLevel")
        .success();
    fails(
        "deadlock",
        twice,
        "lock-deadlock",
        &["while this processor holds it"],
    );
    // ExReleaseRundownProtection(data)
    let rundown = Code::driver()
        .rcx_data(0)
        .import("ExReleaseRundownProtection")
        .success();
    fails(
        "rundown",
        rundown,
        "lock-not-held",
        &["is released but not acquired"],
    );
    // KeReleaseSpinLock(data, 0)
    let free = Code::driver()
        .rcx_data(0)
        .bytes(&[0x31, 0xD2])
        .import("KeReleaseSpinLock")
        .success();
    fails(
        "not-held",
        free,
        "lock-not-held",
        &[
            "KeReleaseSpinLock was called at PASSIVE_LEVEL",
            "irql-ceiling",
        ],
    );
}

#[test]
fn objects_and_handles_are_watched() {
    // mov ecx, 0x1234; ZwClose
    let number = &[0xB9, 0x34, 0x12, 0, 0];
    let close = Code::driver().bytes(number).import("ZwClose").success();
    finds("bad-handle", close, &["handle-bad", "ZwClose of 0x1234"]);
    // xor edx, edx; xor r8d, r8d; xor r9d, r9d
    let zeros = &[0x31, 0xD2, 0x45, 0x31, 0xC0, 0x45, 0x31, 0xC9];
    let timer = Code::driver().bytes(number).bytes(zeros);
    fails(
        "bad-timer",
        timer.import("ExDeleteTimer").success(),
        "timer-bad",
        &["which is no timer or was deleted"],
    );
    let item = Code::driver().bytes(number).import("IoFreeWorkItem");
    fails(
        "bad-work-item",
        item.success(),
        "bad-object",
        &["which is no work item or was freed"],
    );
    // sub rsp, 0x30; lea rax, [rsp + 0x40]; mov [rsp + 0x30], rax; three zeros before it; r9d = FILE_DEVICE_UNKNOWN
    let device = Code::driver()
        .bytes(&[0x48, 0x83, 0xEC, 0x30])
        .bytes(&[0x48, 0x8D, 0x44, 0x24, 0x40])
        .bytes(&[0x48, 0x89, 0x44, 0x24, 0x30])
        .bytes(&[0x48, 0xC7, 0x44, 0x24, 0x28, 0, 0, 0, 0])
        .bytes(&[0x48, 0xC7, 0x44, 0x24, 0x20, 0, 0, 0, 0])
        .bytes(zeros)
        .bytes(&[0x41, 0xB9, 0x22, 0, 0, 0])
        .import("IoCreateDevice")
        .bytes(&[0x48, 0x83, 0xC4, 0x30])
        .success();
    finds(
        "left-device",
        device,
        &["device-leak", "is left after unload"],
    );
}

#[test]
fn a_chain_of_calls_stays_within_the_kernel_stack() {
    // sub rsp, 0x6800; xor ecx, ecx; KeQueryPerformanceCounter; add rsp, 0x6800
    let deep = Code::driver()
        .bytes(&[0x48, 0x81, 0xEC, 0, 0x68, 0, 0, 0x31, 0xC9])
        .import("KeQueryPerformanceCounter")
        .bytes(&[0x48, 0x81, 0xC4, 0, 0x68, 0, 0])
        .success();
    finds("deep", deep, &["stack-use", "bytes of stack are in use"]);
}

#[test]
fn copied_memory_does_not_overlap_its_target() {
    // lea rdx, [rcx + distance]; mov r8d, 16
    let copy = |distance, routine| {
        Code::driver()
            .rcx_data(0)
            .bytes(&[0x48, 0x8D, 0x51, distance])
            .bytes(&[0x41, 0xB8, 16, 0, 0, 0])
            .import(routine)
    };
    finds(
        "overlap",
        copy(8, "memcpy").success(),
        &["memcpy-overlap", "16 bytes are copied", "8 bytes away"],
    );
}

#[test]
fn a_thread_that_outlives_its_driver_is_found() {
    // Right after its beginning rax is the unload routine. PsCreateSystemThread(data, 0, 0, 0, 0, unload, 0)
    let start = Code::driver()
        .bytes(&[0x48, 0x83, 0xEC, 0x30])
        .bytes(&[0x48, 0x89, 0x44, 0x24, 0x28])
        .bytes(&[0x48, 0xC7, 0x44, 0x24, 0x20, 0, 0, 0, 0])
        .bytes(&[0x48, 0xC7, 0x44, 0x24, 0x30, 0, 0, 0, 0])
        .rcx_data(0x80)
        .bytes(&[0x31, 0xD2, 0x45, 0x31, 0xC0, 0x45, 0x31, 0xC9])
        .import("PsCreateSystemThread")
        .bytes(&[0x48, 0x83, 0xC4, 0x30])
        .success();
    // cmp byte [flag], 0; jne end; mov byte [flag], 1; KeWaitForSingleObject(data, 0, 0, 0, NULL): the thread comes here first and stays,
    // the kernel afterwards unloads.
    let both = start
        .then("unload")
        .rcx_data(0x90)
        .bytes(&[0x80, 0x39, 0, 0x75, 33, 0xC6, 0x01, 1])
        .rcx_data(0)
        .bytes(&[0x31, 0xD2, 0x45, 0x31, 0xC0, 0x45, 0x31, 0xC9])
        .bytes(&[0x48, 0xC7, 0x44, 0x24, 0x20, 0, 0, 0, 0])
        .import("KeWaitForSingleObject")
        .success();
    finds(
        "thread-left",
        both,
        &["thread-leak", "runs in the driver that is unloaded"],
    );
}

#[test]
fn registers_and_flags_are_left_as_they_were() {
    let leaves = |name, bytes: &[u8], words: &[&str]| {
        finds(name, Code::driver().bytes(bytes).success(), words);
    };
    // mov ebx, 0x1234567
    leaves(
        "lost-rbx",
        &[0xBB, 0x67, 0x45, 0x23, 0x01],
        &["nonvolatile-registers", "rbx 0x1234567 instead of"],
    );
    // mov r15d, 1; pcmpeqd xmm6, xmm6
    leaves(
        "lost-two",
        &[0x41, 0xBF, 1, 0, 0, 0, 0x66, 0x0F, 0x76, 0xF6],
        &["r15 0x1 instead of", "xmm6 0xffffffffffffffffffffffff"],
    );
    // pushfq; or dword [rsp], 1 << 18; popfq
    leaves(
        "alignment",
        &[0x9C, 0x81, 0x0C, 0x24, 0, 0, 4, 0, 0x9D],
        &["processor-state", "alignment check flag set"],
    );
    leaves(
        "interrupts",
        &[0xFA],
        &[
            "interrupts-disabled",
            "DriverEntry returned with interrupts disabled",
        ],
    );
    // cli; sti: nothing is found, which this driver's pool says.
    let balanced = Code::driver().bytes(&[0xFA, 0xFB]).allocate(24).success();
    let outcome = tiny::run::run("balanced", &balanced.build(), &[]);
    assert!(outcome.stdout.contains("pool-leak"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("interrupts-disabled"));
}

#[test]
fn resources_are_watched() {
    let initialised = || {
        Code::driver()
            .rcx_data(0)
            .import("ExInitializeResourceLite")
    };
    let again = initialised()
        .rcx_data(0)
        .import("ExInitializeResourceLite")
        .success();
    fails(
        "resource-twice",
        again,
        "resource-lifetime",
        &["is initialised a second time"],
    );
    fails(
        "resource-left",
        initialised().success(),
        "resource-lifetime",
        &[
            "a driver is unloaded",
            "initialised at resource-left.sys+0x",
        ],
    );
    // mov dl, 1; acquire shared; mov dl, 1; acquire exclusive
    let upgrade = initialised()
        .import("KeEnterCriticalRegion")
        .rcx_data(0)
        .bytes(&[0xB2, 1])
        .import("ExAcquireResourceSharedLite")
        .rcx_data(0)
        .bytes(&[0xB2, 1])
        .import("ExAcquireResourceExclusiveLite")
        .success();
    fails(
        "resource-upgrade",
        upgrade,
        "lock-deadlock",
        &["waits for itself"],
    );
    let held = initialised()
        .rcx_data(0)
        .bytes(&[0xB2, 1])
        .import("ExAcquireResourceExclusiveLite")
        .success();
    fails(
        "resource-held",
        held,
        "resource-lifetime",
        &["mutex-held", "returned with the resource", "apcs-enabled"],
    );
}

#[test]
fn what_lies_above_sse_is_saved_first() {
    // vxorps ymm0, ymm0, ymm0; vzeroupper
    let vector = &[0xC5, 0xFC, 0x57, 0xC0, 0xC5, 0xF8, 0x77];
    finds(
        "unsaved",
        Code::driver().bytes(vector).success(),
        &[
            "extended-state",
            "does not import KeSaveExtendedProcessorState",
        ],
    );
    // mov ecx, 4; lea rdx, [rsp + 0x20]: saved, and not restored
    let left = Code::driver()
        .bytes(&[0xB9, 4, 0, 0, 0, 0x48, 0x8D, 0x54, 0x24, 0x20])
        .import("KeSaveExtendedProcessorState")
        .bytes(vector)
        .success();
    finds(
        "unrestored",
        left,
        &["extended-state", "returned without restoring"],
    );
}
