//! The processor's state at an exception, as drivers see it (CONTEXT, winnt.h for AMD64), saved where one is raised and restored where
//! execution goes on.

use std::arch::naked_asm;
use std::mem::offset_of;

use crate::host::{RBP, RBX, RDI, RSI, RSP, Registers};

/// CONTEXT_AMD64 | CONTEXT_CONTROL | CONTEXT_INTEGER | CONTEXT_FLOATING_POINT.
const FULL: u32 = 0x0010_000B;
/// Interrupts are on; the bit that always is.
const FLAGS: u32 = 0x202;

/// CONTEXT.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    home: [u64; 6],
    valid: u32,
    pub(super) mxcsr: u32,
    segments: [u16; 6],
    pub(super) flags: u32,
    debug: [u64; 6],
    /// In the order of [`Registers::general`].
    pub(super) general: [u64; 16],
    pub(super) rip: u64,
    float: [u128; 10],
    pub(super) xmm: [u128; 16],
    rest: [u128; 35],
}

const _: () = assert!(size_of::<Context>() == 0x4D0);
const _: () = assert!(offset_of!(Context, mxcsr) == 0x34);
const _: () = assert!(offset_of!(Context, flags) == 0x44);
const _: () = assert!(offset_of!(Context, general) == 0x78);
const _: () = assert!(offset_of!(Context, rip) == 0xF8);
const _: () = assert!(offset_of!(Context, xmm) == 0x1A0);

impl Context {
    /// Registers and nothing else.
    pub(crate) fn new(registers: &Registers, xmm: [u128; 16], mxcsr: u32) -> Self {
        Self {
            home: [0; 6],
            valid: FULL,
            mxcsr,
            segments: [0; 6],
            flags: registers.rflags as u32,
            debug: [0; 6],
            general: registers.general,
            rip: registers.rip,
            float: [0; 10],
            xmm,
            rest: [0; 35],
        }
    }

    /// Its general registers.
    pub(super) fn registers(&self) -> Registers {
        Registers {
            general: self.general,
            rip: self.rip,
            rflags: self.flags.into(),
        }
    }

    /// The same with other general registers.
    pub(super) fn set_registers(&mut self, registers: &Registers) {
        self.general = registers.general;
        self.rip = registers.rip;
    }
}

/// What [`raise`] saves: what a routine leaves as it was, so that it is the caller's.
#[repr(C, align(16))]
struct Kept {
    general: [u64; 9],
    mxcsr: u64,
    xmm: [u128; 10],
}

const _: () = assert!(size_of::<Kept>() == 0xF0);

/// Where a routine of the kernel returns to that raises an exception: in place of the driver, with the driver's registers.
#[unsafe(naked)]
pub(crate) extern "win64" fn raise() {
    naked_asm!(
        // Room for the driver's own first bytes below its stack, Kept, and the shadow of the call.
        "sub rsp, 0x190",
        "mov [rsp + 0x20], rbx",
        "mov [rsp + 0x28], rbp",
        "mov [rsp + 0x30], rsi",
        "mov [rsp + 0x38], rdi",
        "mov [rsp + 0x40], r12",
        "mov [rsp + 0x48], r13",
        "mov [rsp + 0x50], r14",
        "mov [rsp + 0x58], r15",
        "lea rax, [rsp + 0x190]",
        "mov [rsp + 0x60], rax",
        "stmxcsr [rsp + 0x68]",
        "movaps [rsp + 0x70], xmm6",
        "movaps [rsp + 0x80], xmm7",
        "movaps [rsp + 0x90], xmm8",
        "movaps [rsp + 0xA0], xmm9",
        "movaps [rsp + 0xB0], xmm10",
        "movaps [rsp + 0xC0], xmm11",
        "movaps [rsp + 0xD0], xmm12",
        "movaps [rsp + 0xE0], xmm13",
        "movaps [rsp + 0xF0], xmm14",
        "movaps [rsp + 0x100], xmm15",
        "lea rcx, [rsp + 0x20]",
        "call {raised}",
        "ud2",
        raised = sym raised,
    )
}

extern "win64" fn raised(kept: *const Kept) -> ! {
    // SAFETY: `raise` has just filled it, in the frame below this one.
    let kept = unsafe { &*kept };
    let mut general = [0; 16];
    let [rbx, rbp, rsi, rdi, r12, r13, r14, r15, rsp] = kept.general;
    for (register, value) in [(RBX, rbx), (RBP, rbp), (RSI, rsi), (RDI, rdi), (RSP, rsp)] {
        general[register] = value;
    }
    general[12..].copy_from_slice(&[r12, r13, r14, r15]);
    let registers = Registers {
        general,
        rip: 0,
        rflags: FLAGS.into(),
    };
    let mut xmm = [0; 16];
    xmm[6..].copy_from_slice(&kept.xmm);
    super::raised(Context::new(&registers, xmm, kept.mxcsr as u32))
}

/// Execution goes on with these registers.
///
/// # Safety
/// They must be those of code whose stack, from rsp up, is as that code left it; nothing below rsp is used any more.
pub(super) unsafe fn restore(context: &Context) -> ! {
    // SAFETY: the caller vouches for the registers; the context lies below the stack that they name.
    unsafe { restore_registers(context) }
}

#[unsafe(naked)]
unsafe extern "win64" fn restore_registers(context: *const Context) -> ! {
    naked_asm!(
        "ldmxcsr [rcx + 0x34]",
        "movaps xmm0, [rcx + 0x1A0]",
        "movaps xmm1, [rcx + 0x1B0]",
        "movaps xmm2, [rcx + 0x1C0]",
        "movaps xmm3, [rcx + 0x1D0]",
        "movaps xmm4, [rcx + 0x1E0]",
        "movaps xmm5, [rcx + 0x1F0]",
        "movaps xmm6, [rcx + 0x200]",
        "movaps xmm7, [rcx + 0x210]",
        "movaps xmm8, [rcx + 0x220]",
        "movaps xmm9, [rcx + 0x230]",
        "movaps xmm10, [rcx + 0x240]",
        "movaps xmm11, [rcx + 0x250]",
        "movaps xmm12, [rcx + 0x260]",
        "movaps xmm13, [rcx + 0x270]",
        "movaps xmm14, [rcx + 0x280]",
        "movaps xmm15, [rcx + 0x290]",
        // rip, flags and rax go below the stack that is gone on with: code for Windows keeps nothing there.
        "mov rax, [rcx + 0x98]",
        "mov rdx, [rcx + 0xF8]",
        "mov [rax - 8], rdx",
        "mov edx, [rcx + 0x44]",
        "mov [rax - 16], rdx",
        "mov rdx, [rcx + 0x78]",
        "mov [rax - 24], rdx",
        "mov rdx, [rcx + 0x88]",
        "mov rbx, [rcx + 0x90]",
        "mov rbp, [rcx + 0xA0]",
        "mov rsi, [rcx + 0xA8]",
        "mov rdi, [rcx + 0xB0]",
        "mov r8, [rcx + 0xB8]",
        "mov r9, [rcx + 0xC0]",
        "mov r10, [rcx + 0xC8]",
        "mov r11, [rcx + 0xD0]",
        "mov r12, [rcx + 0xD8]",
        "mov r13, [rcx + 0xE0]",
        "mov r14, [rcx + 0xE8]",
        "mov r15, [rcx + 0xF0]",
        "mov rcx, [rcx + 0x80]",
        "lea rsp, [rax - 24]",
        "pop rax",
        "popfq",
        "ret",
    )
}
