//! Return addresses on the stack that the processor was on: a scan, no unwinding. What an earlier call left there is found, too.

use super::file::{Source, u64_at};
use super::memory::Memory;
use super::modules::{self, Module};

/// Bytes that are scanned: a kernel stack of x64 has 24 KiB (inferred). The scan ends earlier where the memory does.
const LONGEST: u64 = 0x6000;
/// Bytes before a return address in which its call lies.
pub(super) const CALL: usize = 7;

/// A return address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    /// Where it lies.
    pub(super) at: u64,
    /// What it returns to.
    pub(super) address: u64,
    /// Whether a call lies before it; `None` when the code is not known.
    pub(super) call: Option<bool>,
}

/// Every word from `stack` up that points behind a call in a module, or into one whose code is not known. `code` gives the bytes
/// before an address.
pub(super) fn scan(
    source: &Source,
    memory: &Memory,
    modules: &[Module],
    stack: u64,
    code: impl Fn(u64) -> Option<[u8; CALL]>,
) -> Vec<Hit> {
    words(source, memory, stack)
        .filter(|(_, address)| modules::at(modules, *address).is_some())
        .map(|(at, address)| Hit {
            at,
            address,
            call: code(address).map(|code| is_call(&code)),
        })
        .filter(|hit| hit.call != Some(false))
        .collect()
}

/// The stack at the moment of a fault. For an exception the processor pushes SS, stack pointer, flags, CS and instruction pointer
/// (Intel SDM, volume 3A, "64-Bit Mode Stack Frame"); the first such frame of `rip` is taken.
pub(super) fn at_fault(source: &Source, memory: &Memory, stack: u64, rip: u64) -> Option<u64> {
    let words: Vec<_> = words(source, memory, stack).collect();
    words.windows(5).find_map(|frame| {
        let [(at, pushed), (_, cs), _, (_, rsp), (_, ss)] = frame.try_into().ok()?;
        let inside = rsp > at && rsp - stack < LONGEST;
        // Kernel code runs in ring 0: the selectors' last two bits.
        (pushed == rip && cs != 0 && cs & !0xF8 == 0 && ss & !0xF8 == 0 && inside).then_some(rsp)
    })
}

fn words(source: &Source, memory: &Memory, stack: u64) -> impl Iterator<Item = (u64, u64)> {
    let stack = stack.next_multiple_of(8);
    (0..LONGEST / 8).map_while(move |index| {
        let at = stack.checked_add(8 * index)?;
        Some((at, memory.word(source, at).ok()?))
    })
}

/// Whether these bytes end with a call instruction: `E8` with a displacement, or `FF /2` with any operand (Intel SDM, volume 2A,
/// CALL).
fn is_call(code: &[u8; CALL]) -> bool {
    let indirect = (2..=CALL).any(|length| {
        let call = &code[CALL - length..];
        call[0] == 0xFF && call[1] >> 3 & 7 == 2 && operand(call[1], call.get(2)) == length - 2
    });
    code[CALL - 5] == 0xE8 || indirect
}

/// Bytes behind ModRM.
fn operand(modrm: u8, sib: Option<&u8>) -> usize {
    let (mode, base) = (modrm >> 6, modrm & 7);
    let index = usize::from(mode != 3 && base == 4);
    let displacement = match mode {
        0 if base == 5 || index == 1 && sib.is_some_and(|sib| sib & 7 == 5) => 4,
        1 => 1,
        2 => 4,
        _ => 0,
    };
    index + displacement
}

/// The bytes at an address, when they are there.
pub(super) fn bytes_at<const N: usize>(
    source: &Source,
    memory: &Memory,
    address: u64,
) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    memory.read(source, address, &mut bytes).ok()?;
    Some(bytes)
}

/// ExceptionAddress of an EXCEPTION_RECORD64 (winnt.h).
pub(super) fn exception_address(record: &[u8; 0x18]) -> u64 {
    u64_at(record, 0x10)
}
