//! What the WDK's headers inline, which user mode refuses or does not have: the IRQL in cr8, the interrupt flag, the processor's own
//! page that gs points to, and KUSER_SHARED_DATA at its address in the kernel's half.
//!
//! gs gets a page of its own where the host lets a program set it (Linux; on Windows it is the thread's own block, so a driver that
//! inlines KeGetCurrentThread gets an address that nothing here knows). An access to KUSER_SHARED_DATA faults; it is made to a copy: the
//! register it goes through points there for the one instruction.

use std::cell::Cell;
use std::io;

use crate::host::{self, Access, FaultKind, PAGE_SIZE, Protection, Registers, fault, memory};
use crate::image;
use crate::kernel::kernel;
use crate::nt::irql::{self, Irql};
use crate::threads;
use crate::time::{QPC_FREQUENCY, Qpc};

/// Where KUSER_SHARED_DATA lies (ntddk.h, `KI_USER_SHARED_DATA`).
const SHARED: usize = 0xFFFF_F780_0000_0000;
/// The trap flag: the processor stops after one instruction.
const TRAP_FLAG: u64 = 1 << 8;

// Offsets of KPCR and of the KPRCB in it (ntddk.h, AMD64).
const PCR_SELF: usize = 0x18;
const PCR_PRCB: usize = 0x20;
const PRCB: usize = 0x180;
const PRCB_MXCSR: usize = 0x180;
const PRCB_THREAD: usize = 0x188;
/// What a driver may read of the thread it gets: nothing in it is documented.
const THREAD_BYTES: usize = 2 * PAGE_SIZE;

// Offsets of KUSER_SHARED_DATA (ntddk.h).
const TICK_COUNT_MULTIPLIER: usize = 0x4;
const INTERRUPT_TIME: usize = 0x8;
const SYSTEM_TIME: usize = 0x14;
const BUILD_NUMBER: usize = 0x260;
const PRODUCT_TYPE: usize = 0x264;
const MAJOR_VERSION: usize = 0x26C;
const MINOR_VERSION: usize = 0x270;
const FREQUENCY: usize = 0x300;
const TICK_COUNT: usize = 0x320;
const PROCESSORS: usize = 0x3C0;
/// A clock tick in milliseconds, as a fixed-point number with 24 bits behind the point.
const MULTIPLIER: u32 = 0x0FA0_0000;

/// A register that points to the copy for one instruction.
#[derive(Clone, Copy)]
struct Borrowed {
    register: usize,
    before: u64,
    meanwhile: u64,
}

/// The processor's memory.
#[derive(Clone, Copy)]
struct Pages {
    processor: usize,
    thread: usize,
    shared: usize,
}

thread_local! {
    static PAGES: Cell<Option<Pages>> = const { Cell::new(None) };
    static BORROWED: Cell<Option<Borrowed>> = const { Cell::new(None) };
}

/// Gives this thread the processor's page and the copy of KUSER_SHARED_DATA.
///
/// # Errors
/// When the host has no memory.
pub(crate) fn install() -> io::Result<()> {
    if PAGES.get().is_some() {
        return Ok(());
    }
    let length = 2 * PAGE_SIZE + THREAD_BYTES;
    let base = memory::reserve(length)?.as_ptr();
    // SAFETY: the range was just reserved here and is written before anybody knows of it.
    unsafe {
        memory::commit(base, length, Protection::ReadWrite)?;
        let put = |at: usize, value: usize| base.add(at).cast::<usize>().write(value);
        let pcr = base as usize;
        put(PCR_SELF, pcr);
        put(PCR_PRCB, pcr + PRCB);
        put(PRCB_THREAD, pcr + 2 * PAGE_SIZE);
        base.add(PRCB_MXCSR).cast::<u32>().write(0x1F80);
    }
    let pages = Pages {
        processor: base as usize,
        thread: base as usize + 2 * PAGE_SIZE,
        shared: base as usize + PAGE_SIZE,
    };
    PAGES.set(Some(pages));
    // Where the host does not let a program set gs, everything else works all the same.
    let _ = fault::set_gs(base as usize);
    Ok(())
}

/// The thread that runs, as `KeGetCurrentThread` gives it.
pub(crate) fn current_thread() -> usize {
    if let Some(thread) = threads::current() {
        return thread;
    }
    match PAGES.get() {
        Some(pages) => pages.thread,
        // A machine without processor pages, in a unit test: an address that stays the same.
        None => std::ptr::from_ref(kernel()) as usize,
    }
}

/// From now on this system thread runs, or none.
pub(crate) fn set_current_thread(thread: Option<usize>) {
    if let Some(pages) = PAGES.get() {
        let value = thread.unwrap_or(pages.thread);
        // SAFETY: the processor's page, which `install` wrote at the same place and which stays.
        unsafe {
            (pages.processor as *mut u8)
                .add(PRCB_THREAD)
                .cast::<usize>()
                .write(value)
        };
    }
}

/// What is done about a fault: `true` when the driver goes on. Called in the signal handler.
pub(crate) fn emulate(kind: &FaultKind, registers: &mut Registers) -> bool {
    match *kind {
        FaultKind::Step => give_back(registers),
        FaultKind::Memory { address, access } if address != 0 => {
            // The page is read-only for drivers too.
            let read = access == Access::Read;
            read && (SHARED..SHARED + PAGE_SIZE).contains(&address) && lend(address, registers)
        }
        FaultKind::Memory { .. } | FaultKind::Instruction => privileged(registers),
        _ => false,
    }
}

/// Reads and writes of cr8, which KeGetCurrentIrql and KeRaiseIrql inline, and the interrupt flag.
fn privileged(registers: &mut Registers) -> bool {
    // The instruction bytes were just fetched by the processor, so they are readable.
    let Some(word) = host::memory::read_word(registers.rip) else {
        return false;
    };
    let bytes = word.to_le_bytes();
    match bytes {
        // cli, sti: the processor takes no interrupts inside driver code anyway; what is looked at is how it is left.
        [flag @ (0xFA | 0xFB), ..] => {
            irql::disable_interrupts(flag == 0xFA);
            registers.rip += 1;
            true
        }
        // mov r64, cr8 / mov cr8, r64: REX.R selects cr8, REX.B the upper registers.
        [
            rex @ (0x44 | 0x45),
            0x0F,
            operation @ (0x20 | 0x22),
            modrm,
            ..,
        ] if modrm & 0xF8 == 0xC0 => {
            let register = usize::from(modrm & 7) + 8 * usize::from(rex & 1);
            if operation == 0x20 {
                registers.general[register] = u64::from(irql::current().0);
            } else {
                irql::set(Irql(registers.general[register].to_le_bytes()[0] & 15));
            }
            registers.rip += 4;
            true
        }
        _ => false,
    }
}

/// Makes the instruction that faulted at `address` of KUSER_SHARED_DATA read the copy.
fn lend(address: usize, registers: &mut Registers) -> bool {
    let (Some(pages), true) = (PAGES.get(), image::contains(registers.rip as usize)) else {
        return false;
    };
    refresh(pages.shared);
    let at = pages.shared + (address - SHARED);
    match operand(registers) {
        // mov al/eax/rax, [address]: the address stands in the instruction.
        Some(Operand::Accumulator { bytes, length }) => {
            // SAFETY: the copy has a page, and the field that is read ends in it.
            let value = unsafe { (at as *const u64).read_unaligned() };
            registers.general[0] = match bytes {
                1 => registers.general[0] & !0xFF | value & 0xFF,
                4 => value & 0xFFFF_FFFF,
                _ => value,
            };
            registers.rip += length;
            true
        }
        Some(Operand::Through(register)) => {
            let before = registers.general[register];
            let meanwhile = before
                .wrapping_sub(SHARED as u64)
                .wrapping_add(pages.shared as u64);
            registers.general[register] = meanwhile;
            registers.rflags |= TRAP_FLAG;
            BORROWED.set(Some(Borrowed {
                register,
                before,
                meanwhile,
            }));
            true
        }
        None => false,
    }
}

/// After the one instruction: the register is what it was, unless that was where the value went.
fn give_back(registers: &mut Registers) -> bool {
    let Some(borrowed) = BORROWED.take() else {
        return false;
    };
    if registers.general[borrowed.register] == borrowed.meanwhile {
        registers.general[borrowed.register] = borrowed.before;
    }
    registers.rflags &= !TRAP_FLAG;
    true
}

/// How an instruction reaches memory.
#[derive(Debug, PartialEq, Eq)]
enum Operand {
    /// `mov` between the accumulator and an address in the instruction.
    Accumulator { bytes: u8, length: u64 },
    /// Through this register.
    Through(usize),
}

fn operand(registers: &Registers) -> Option<Operand> {
    let first = host::memory::read_word(registers.rip)?;
    let second = host::memory::read_word(registers.rip + 8).unwrap_or(0);
    let code = [first.to_le_bytes(), second.to_le_bytes()].concat();
    decode(&code, &registers.general)
}

/// Finds the register that holds the address: the base, or the index when that is the large one (Intel SDM volume 2, chapter 2).
fn decode(code: &[u8], general: &[u64; 16]) -> Option<Operand> {
    let mut at = 0;
    while matches!(
        code.get(at)?,
        0x66 | 0xF2 | 0xF3 | 0x2E | 0x36 | 0x3E | 0x26 | 0xF0
    ) {
        at += 1;
    }
    let mut rex = 0;
    if code.get(at)? & 0xF0 == 0x40 {
        rex = *code.get(at)?;
        at += 1;
    }
    match code.get(at)? {
        0xA0 => {
            return Some(Operand::Accumulator {
                bytes: 1,
                length: at as u64 + 9,
            });
        }
        0xA1 => {
            return Some(Operand::Accumulator {
                bytes: if rex & 8 != 0 { 8 } else { 4 },
                length: at as u64 + 9,
            });
        }
        0x0F => {
            at += 1;
            if matches!(code.get(at)?, 0x38 | 0x3A) {
                at += 1;
            }
        }
        _ => {}
    }
    let modrm = *code.get(at + 1)?;
    let high = |bit: u8| usize::from(rex & bit != 0) * 8;
    let (mode, rm) = (modrm >> 6, modrm & 7);
    if mode == 3 {
        return None;
    }
    let far = |register: usize| general[register] >= SHARED as u64 - (1 << 31);
    if rm != 4 {
        let register = usize::from(rm) + high(1);
        return (rm != 5 || mode != 0)
            .then_some(Operand::Through(register))
            .filter(|_| far(register));
    }
    let sib = *code.get(at + 2)?;
    let base = usize::from(sib & 7) + high(1);
    let index = usize::from(sib >> 3 & 7) + high(2);
    let has_base = sib & 7 != 5 || mode != 0;
    let has_index = index != 4;
    if has_base && far(base) {
        Some(Operand::Through(base))
    } else if has_index && sib >> 6 == 0 && far(index) {
        Some(Operand::Through(index))
    } else {
        None
    }
}

/// Brings the copy up to this moment.
fn refresh(shared: usize) {
    let Qpc(now) = kernel().now();
    let tick = crate::nt::clock::TICK;
    let put = |at: usize, value: u32| {
        // SAFETY: a field of the copy's page, which only this thread's machine has.
        unsafe { ((shared + at) as *mut u32).write_unaligned(value) };
    };
    // KSYSTEM_TIME: the low half, and the high one twice, so that readers see whether it changed between.
    let time = |at: usize, value: u64| {
        put(at, value as u32);
        put(at + 4, (value >> 32) as u32);
        put(at + 8, (value >> 32) as u32);
    };
    put(TICK_COUNT_MULTIPLIER, MULTIPLIER);
    time(INTERRUPT_TIME, now / tick * tick);
    time(SYSTEM_TIME, kernel().clock.system_time());
    time(TICK_COUNT, now / tick);
    put(BUILD_NUMBER, 26_100);
    put(PRODUCT_TYPE, 1);
    put(MAJOR_VERSION, 10);
    put(MINOR_VERSION, 0);
    put(FREQUENCY, QPC_FREQUENCY as u32);
    put(FREQUENCY + 4, (QPC_FREQUENCY >> 32) as u32);
    put(PROCESSORS, 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &[u8], expect: Option<Operand>) {
        let mut general = [0x1000; 16];
        for register in [0, 1, 9] {
            general[register] = SHARED as u64 + 8;
        }
        let mut bytes = code.to_vec();
        bytes.resize(16, 0x90);
        assert_eq!(decode(&bytes, &general), expect, "{code:02x?}");
    }

    #[test]
    fn the_register_that_holds_the_address_is_found() {
        let through = |register| Some(Operand::Through(register));
        check(&[0x48, 0x8B, 0x00], through(0)); // mov rax, [rax]
        check(&[0x8B, 0x41, 0x0C], through(1)); // mov eax, [rcx + 12]
        check(&[0x41, 0x0F, 0xB7, 0x01], through(9)); // movzx eax, word [r9]
        check(&[0x44, 0x3B, 0x04, 0x08], through(0)); // cmp r8d, [rax + rcx]
        check(&[0x8B, 0x04, 0x0A], through(1)); // mov eax, [rdx + rcx]
        check(&[0x8B, 0x02], None); // mov eax, [rdx]
        check(&[0x8B, 0xC1], None); // mov eax, ecx
        check(&[0x8B, 0x05, 1, 0, 0, 0], None); // mov eax, [rip + 1]
        let load = |bytes, length| Some(Operand::Accumulator { bytes, length });
        check(
            &[0x48, 0xA1, 8, 0, 0, 0, 0x80, 0xF7, 0xFF, 0xFF],
            load(8, 10),
        );
        check(&[0xA1, 8, 0, 0, 0, 0x80, 0xF7, 0xFF, 0xFF], load(4, 9));
    }
}
