//! Walks the stack of driver code with the unwind data of its image ("x64 exception handling", Microsoft Learn).

pub(crate) mod dwarf;

use anyhow::Result;

use super::pe::{Bytes, Headers};
use crate::host::{RSP, Registers};

// Unwind operations (UNWIND_CODE).
const PUSH_NONVOLATILE: u8 = 0;
const ALLOCATE_LARGE: u8 = 1;
const ALLOCATE_SMALL: u8 = 2;
const SET_FRAME_REGISTER: u8 = 3;
const SAVE_NONVOLATILE: u8 = 4;
const SAVE_NONVOLATILE_FAR: u8 = 5;
const SAVE_XMM: u8 = 8;
const SAVE_XMM_FAR: u8 = 9;
const PUSH_MACHINE_FRAME: u8 = 10;
/// The entry continues another one (UNW_FLAG_CHAININFO).
const FLAG_CHAINED: u8 = 4;

/// A function and its unwind data, by relative addresses (RUNTIME_FUNCTION).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    begin: u32,
    end: u32,
    unwind: u32,
}

impl Function {
    /// Where it begins and ends.
    pub(crate) fn range(&self) -> (u32, u32) {
        (self.begin, self.end)
    }

    /// The exception directory of an image.
    pub(crate) fn table(headers: &Headers, image: &[u8]) -> Result<Vec<Self>> {
        let directory = headers.exceptions();
        let image = Bytes(image);
        let entry = |index: usize| {
            let at = directory.rva + 12 * index;
            Ok(Self {
                begin: image.u32(at)?,
                end: image.u32(at + 4)?,
                unwind: image.u32(at + 8)?,
            })
        };
        (0..directory.size / 12).map(entry).collect()
    }
}

/// Reads eight bytes of memory, or `None` where there are none.
pub(crate) type ReadWord<'a> = &'a dyn Fn(u64) -> Option<u64>;

/// One step: from the registers inside a function to those of its caller. `None` at the end of what can be known.
pub(crate) fn step(
    image: &super::Image,
    registers: &Registers,
    read: ReadWord<'_>,
) -> Option<Registers> {
    let offset = u32::try_from(
        usize::try_from(registers.rip)
            .ok()?
            .checked_sub(image.base)?,
    )
    .ok()?;
    let mut caller = *registers;
    let found = image
        .functions
        .iter()
        .find(|function| (function.begin..function.end).contains(&offset));
    // A function without unwind data is a leaf: its return address lies on top of the stack.
    if let Some(function) = found {
        let mut function = *function;
        loop {
            let chained = apply(&image.snapshot, &function, offset, &mut caller, read)?;
            match chained {
                Some(next) => function = next,
                None => break,
            }
        }
    }
    caller.rip = read(caller.general[RSP])?;
    caller.general[RSP] += 8;
    (caller.rip != 0).then_some(caller)
}

/// Undoes the prologue of one entry; gives the entry that it continues, if any.
fn apply(
    image: &[u8],
    function: &Function,
    offset: u32,
    registers: &mut Registers,
    read: ReadWord<'_>,
) -> Option<Option<Function>> {
    let bytes = Bytes(image);
    let at = function.unwind as usize;
    let header = bytes.take(at, 4).ok()?;
    let (flags, count, frame) = (header[0] >> 3, usize::from(header[2]), header[3]);
    let in_function = offset.checked_sub(function.begin).unwrap_or(u32::MAX);
    let slot = |index: usize| bytes.u16(at + 4 + 2 * index).ok();
    let mut index = 0;
    while index < count {
        let code = slot(index)?;
        let [when, operation] = code.to_le_bytes();
        let (operation, info) = (operation & 15, operation >> 4);
        let wide = |first: usize| Some(u64::from(slot(first)?) | u64::from(slot(first + 1)?) << 16);
        let length = match operation {
            ALLOCATE_LARGE if info == 0 => 2,
            ALLOCATE_LARGE => 3,
            SAVE_NONVOLATILE | SAVE_XMM => 2,
            SAVE_NONVOLATILE_FAR | SAVE_XMM_FAR => 3,
            _ => 1,
        };
        // An operation of the prologue that has not run yet has nothing to undo.
        if u32::from(when) <= in_function {
            let stack = registers.general[RSP];
            match operation {
                PUSH_NONVOLATILE => {
                    registers.general[usize::from(info)] = read(stack)?;
                    registers.general[RSP] = stack + 8;
                }
                ALLOCATE_LARGE if info == 0 => {
                    registers.general[RSP] = stack + 8 * u64::from(slot(index + 1)?)
                }
                ALLOCATE_LARGE => registers.general[RSP] = stack + wide(index + 1)?,
                ALLOCATE_SMALL => registers.general[RSP] = stack + 8 * (u64::from(info) + 1),
                SET_FRAME_REGISTER => {
                    let (register, scaled) = (frame & 15, u64::from(frame >> 4));
                    registers.general[RSP] =
                        registers.general[usize::from(register)].wrapping_sub(16 * scaled);
                }
                SAVE_NONVOLATILE => {
                    registers.general[usize::from(info)] =
                        read(stack + 8 * u64::from(slot(index + 1)?))?
                }
                SAVE_NONVOLATILE_FAR => {
                    registers.general[usize::from(info)] = read(stack + wide(index + 1)?)?
                }
                PUSH_MACHINE_FRAME => return None,
                _ => {}
            }
        }
        index += length;
    }
    if flags & FLAG_CHAINED == 0 {
        return Some(None);
    }
    let next = at + 4 + 2 * count.next_multiple_of(2);
    let word = |place: usize| bytes.u32(place).ok();
    Some(Some(Function {
        begin: word(next)?,
        end: word(next + 4)?,
        unwind: word(next + 8)?,
    }))
}
