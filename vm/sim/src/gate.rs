//! The machine code around every call into the driver: it keeps the registers that a routine must leave as they were, looks at what it
//! left in them, and puts them back, so that the simulator itself goes on unharmed.
//!
//! The call goes to `entry` instead of the driver. `entry` notes the registers in the block that [`call`] made, puts `exit` in the place
//! of the return address, and jumps to the routine with the arguments untouched.

use std::arch::naked_asm;
use std::cell::Cell;
use std::fmt;
use std::mem::offset_of;

use crate::call::DriverFunction;
use crate::debugger;
use crate::kernel::{kernel, try_kernel};

/// The direction flag, and the one that makes unaligned accesses fault.
const DIRECTION: u64 = 1 << 10;
const ALIGNMENT: u64 = 1 << 18;

/// Names of the registers of [`Registers`], in their order.
const GENERAL: [&str; 8] = ["rbx", "rbp", "rsi", "rdi", "r12", "r13", "r14", "r15"];
/// Number of the first xmm register that is kept.
const FIRST_XMM: usize = 6;

/// What a routine keeps ("x64 calling convention": callee-saved registers).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[repr(C, align(16))]
struct Registers {
    xmm: [u128; 10],
    general: [u64; 8],
}

/// One call: lives in the frame of [`call`] until the routine has returned.
#[repr(C, align(16))]
pub(crate) struct Block {
    before: Registers,
    after: Registers,
    target: usize,
    return_address: usize,
    flags: u64,
}

/// What a routine left otherwise than it was.
pub(crate) struct Left {
    /// RFLAGS at its return.
    flags: u64,
    /// Registers, by what they hold instead.
    changed: Vec<(String, u128, u128)>,
}

impl Left {
    /// The direction flag was set.
    pub(crate) fn direction(&self) -> bool {
        self.flags & DIRECTION != 0
    }

    /// Unaligned accesses would have faulted.
    pub(crate) fn alignment(&self) -> bool {
        self.flags & ALIGNMENT != 0
    }

    /// Whether every register is what it was.
    pub(crate) fn is_kept(&self) -> bool {
        self.changed.is_empty()
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, before, after)) in self.changed.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {after:#x} instead of {before:#x}")?;
        }
        Ok(())
    }
}

thread_local! {
    /// The block of the call that is about to be made.
    static NEXT: Cell<*mut Block> = const { Cell::new(std::ptr::null_mut()) };
}

/// Calls the driver's routine; also gives what it left in the registers.
///
/// # Safety
/// As for [`DriverFunction::invoke`]. The call is the innermost in the nest of calls.
pub(crate) unsafe fn call<Arguments, Function: DriverFunction<Arguments>>(
    function: Function,
    arguments: Arguments,
) -> (Function::Output, Left) {
    if debugger::wanted() {
        // A debugger finds who called behind the routine's return address only when that is the caller's own.
        // SAFETY: the caller vouches for the routine.
        let output = unsafe { function.invoke(arguments) };
        let left = Left {
            flags: 0,
            changed: Vec::new(),
        };
        return (output, left);
    }
    let mut block = Block {
        before: Registers::default(),
        after: Registers::default(),
        target: function.address(),
        return_address: 0,
        flags: 0,
    };
    let place = &raw mut block;
    kernel().calls.set_gate(place);
    NEXT.set(place);
    // SAFETY: `entry` passes everything on to the routine, for whose signature the caller vouches.
    let output = unsafe { Function::at(entry as *const () as usize).invoke(arguments) };
    // `exit` has filled it through the pointer that the nest of calls has.
    let left = Left {
        flags: block.flags,
        changed: if block.before == block.after {
            Vec::new()
        } else {
            changed(&block.before, &block.after)
        },
    };
    (output, left)
}

#[cold]
fn changed(before: &Registers, after: &Registers) -> Vec<(String, u128, u128)> {
    let general = GENERAL.iter().enumerate().map(|(index, name)| {
        let values = (before.general[index], after.general[index]);
        ((*name).to_owned(), values.0.into(), values.1.into())
    });
    let xmm = (0..before.xmm.len()).map(|index| {
        let name = format!("xmm{}", FIRST_XMM + index);
        (name, before.xmm[index], after.xmm[index])
    });
    general
        .chain(xmm)
        .filter(|(_, before, after)| before != after)
        .collect()
}

extern "win64" fn next() -> *mut Block {
    NEXT.get()
}

/// The block of the call that returns.
extern "win64" fn innermost() -> *mut Block {
    let block = try_kernel().map_or(std::ptr::null_mut(), |kernel| kernel.calls.gate());
    if block.is_null() {
        nobody_was_called();
    }
    block
}

/// Of the same convention as who calls it, which so need not keep the registers that the others do not.
#[cold]
extern "win64" fn nobody_was_called() -> ! {
    unreachable!("the driver returned while the innermost call was not into it");
}

/// In the place of the routine: everything is as its caller left it.
/// 0x88 bytes keep the stack aligned (it is 8 off after the call).
#[unsafe(naked)]
extern "win64" fn entry() {
    naked_asm!(
        "sub rsp, 0x88",
        "mov [rsp + 0x20], rcx",
        "mov [rsp + 0x28], rdx",
        "mov [rsp + 0x30], r8",
        "mov [rsp + 0x38], r9",
        "movaps [rsp + 0x40], xmm0",
        "movaps [rsp + 0x50], xmm1",
        "movaps [rsp + 0x60], xmm2",
        "movaps [rsp + 0x70], xmm3",
        "call {next}",
        "mov rcx, [rsp + 0x20]",
        "mov rdx, [rsp + 0x28]",
        "mov r8, [rsp + 0x30]",
        "mov r9, [rsp + 0x38]",
        "movaps xmm0, [rsp + 0x40]",
        "movaps xmm1, [rsp + 0x50]",
        "movaps xmm2, [rsp + 0x60]",
        "movaps xmm3, [rsp + 0x70]",
        "add rsp, 0x88",
        "movaps [rax + {before}], xmm6",
        "movaps [rax + {before} + 0x10], xmm7",
        "movaps [rax + {before} + 0x20], xmm8",
        "movaps [rax + {before} + 0x30], xmm9",
        "movaps [rax + {before} + 0x40], xmm10",
        "movaps [rax + {before} + 0x50], xmm11",
        "movaps [rax + {before} + 0x60], xmm12",
        "movaps [rax + {before} + 0x70], xmm13",
        "movaps [rax + {before} + 0x80], xmm14",
        "movaps [rax + {before} + 0x90], xmm15",
        "mov [rax + {before} + 0xA0], rbx",
        "mov [rax + {before} + 0xA8], rbp",
        "mov [rax + {before} + 0xB0], rsi",
        "mov [rax + {before} + 0xB8], rdi",
        "mov [rax + {before} + 0xC0], r12",
        "mov [rax + {before} + 0xC8], r13",
        "mov [rax + {before} + 0xD0], r14",
        "mov [rax + {before} + 0xD8], r15",
        "mov r10, [rsp]",
        "mov [rax + {return_address}], r10",
        "lea r10, [rip + {exit}]",
        "mov [rsp], r10",
        "jmp [rax + {target}]",
        next = sym next,
        exit = sym exit,
        before = const offset_of!(Block, before),
        target = const offset_of!(Block, target),
        return_address = const offset_of!(Block, return_address),
    )
}

/// Where every routine returns to. The registers are the routine's until the block has them; the code that finds it keeps them.
#[unsafe(naked)]
extern "win64" fn exit() {
    naked_asm!(
        "pushfq",
        "sub rsp, 0x48",
        "mov [rsp + 0x20], rax",
        "movaps [rsp + 0x30], xmm0",
        "test dword ptr [rsp + 0x48], {kept}",
        "jz 2f",
        // The simulator's own code relies on both being clear.
        "mov r10, [rsp + 0x48]",
        "and r10, {others}",
        "push r10",
        "popfq",
        "2:",
        "call {innermost}",
        "movaps [rax + {after}], xmm6",
        "movaps [rax + {after} + 0x10], xmm7",
        "movaps [rax + {after} + 0x20], xmm8",
        "movaps [rax + {after} + 0x30], xmm9",
        "movaps [rax + {after} + 0x40], xmm10",
        "movaps [rax + {after} + 0x50], xmm11",
        "movaps [rax + {after} + 0x60], xmm12",
        "movaps [rax + {after} + 0x70], xmm13",
        "movaps [rax + {after} + 0x80], xmm14",
        "movaps [rax + {after} + 0x90], xmm15",
        "mov [rax + {after} + 0xA0], rbx",
        "mov [rax + {after} + 0xA8], rbp",
        "mov [rax + {after} + 0xB0], rsi",
        "mov [rax + {after} + 0xB8], rdi",
        "mov [rax + {after} + 0xC0], r12",
        "mov [rax + {after} + 0xC8], r13",
        "mov [rax + {after} + 0xD0], r14",
        "mov [rax + {after} + 0xD8], r15",
        "movaps xmm6, [rax + {before}]",
        "movaps xmm7, [rax + {before} + 0x10]",
        "movaps xmm8, [rax + {before} + 0x20]",
        "movaps xmm9, [rax + {before} + 0x30]",
        "movaps xmm10, [rax + {before} + 0x40]",
        "movaps xmm11, [rax + {before} + 0x50]",
        "movaps xmm12, [rax + {before} + 0x60]",
        "movaps xmm13, [rax + {before} + 0x70]",
        "movaps xmm14, [rax + {before} + 0x80]",
        "movaps xmm15, [rax + {before} + 0x90]",
        "mov rbx, [rax + {before} + 0xA0]",
        "mov rbp, [rax + {before} + 0xA8]",
        "mov rsi, [rax + {before} + 0xB0]",
        "mov rdi, [rax + {before} + 0xB8]",
        "mov r12, [rax + {before} + 0xC0]",
        "mov r13, [rax + {before} + 0xC8]",
        "mov r14, [rax + {before} + 0xD0]",
        "mov r15, [rax + {before} + 0xD8]",
        "mov r10, [rsp + 0x48]",
        "mov [rax + {flags}], r10",
        "mov r11, [rax + {return_address}]",
        "mov rax, [rsp + 0x20]",
        "movaps xmm0, [rsp + 0x30]",
        "add rsp, 0x50",
        "jmp r11",
        innermost = sym innermost,
        kept = const (DIRECTION | ALIGNMENT) as u32,
        others = const !(DIRECTION | ALIGNMENT) as i32,
        before = const offset_of!(Block, before),
        after = const offset_of!(Block, after),
        return_address = const offset_of!(Block, return_address),
        flags = const offset_of!(Block, flags),
    )
}
