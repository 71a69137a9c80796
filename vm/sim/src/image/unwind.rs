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
/// The function has a handler that is asked who handles an exception, or one that cleans up (UNW_FLAG_EHANDLER, UNW_FLAG_UHANDLER).
const FLAG_SEARCHES: u8 = 1;
const FLAG_CLEANS: u8 = 2;
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
    /// One without unwind data.
    #[cfg(test)]
    pub(crate) fn for_test(begin: u32, end: u32) -> Self {
        Self {
            begin,
            end,
            unwind: 0,
        }
    }

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

/// A language-specific handler, by relative addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handler {
    pub(crate) routine: u32,
    pub(crate) data: u32,
    /// It is asked who handles an exception (UNW_FLAG_EHANDLER).
    pub(crate) searches: bool,
    /// It cleans up when its frame is left (UNW_FLAG_UHANDLER).
    pub(crate) cleans: bool,
}

/// A frame that was undone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unwound {
    /// The registers of the caller.
    pub(crate) caller: Registers,
    /// Where the frame begins: what its handler knows it by.
    pub(crate) establisher: u64,
    /// The handler, outside of the prologue.
    pub(crate) handler: Option<Handler>,
    /// Where the caller's xmm registers were saved, by their numbers.
    pub(crate) xmm: [Option<u64>; 16],
}

/// One step: from the registers inside a function to those of its caller. `None` at the end of what can be known.
pub(crate) fn step(
    image: &super::Image,
    registers: &Registers,
    read: ReadWord<'_>,
) -> Option<Registers> {
    let caller = frame(image, registers, read)?.caller;
    (caller.rip != 0).then_some(caller)
}

/// Undoes the frame of the function that these registers are in.
pub(crate) fn frame(
    image: &super::Image,
    registers: &Registers,
    read: ReadWord<'_>,
) -> Option<Unwound> {
    let offset = u32::try_from(
        usize::try_from(registers.rip)
            .ok()?
            .checked_sub(image.base)?,
    )
    .ok()?;
    let mut unwound = Unwound {
        caller: *registers,
        establisher: registers.general[RSP],
        handler: None,
        xmm: [None; 16],
    };
    let found = image
        .functions
        .iter()
        .find(|function| (function.begin..function.end).contains(&offset));
    // A function without unwind data is a leaf: its return address lies on top of the stack.
    if let Some(first) = found {
        let mut function = *first;
        loop {
            let entry = Entry::read(&image.snapshot, &function)?;
            let in_function = offset.checked_sub(function.begin).unwrap_or(u32::MAX);
            let base = entry.base(in_function, &unwound.caller);
            if function.begin == first.begin {
                unwound.establisher = base;
            }
            entry.undo(in_function, base, &mut unwound, read)?;
            match entry.chained()? {
                Some(next) => function = next,
                None => {
                    let in_prologue = offset - first.begin < u32::from(entry.prologue);
                    let is_first = function.begin == first.begin;
                    unwound.handler = entry.handler().filter(|_| !(is_first && in_prologue));
                    break;
                }
            }
        }
    }
    let caller = &mut unwound.caller;
    caller.rip = read(caller.general[RSP])?;
    caller.general[RSP] += 8;
    Some(unwound)
}

/// UNWIND_INFO.
struct Entry<'a> {
    bytes: Bytes<'a>,
    at: usize,
    flags: u8,
    prologue: u8,
    count: usize,
    frame: u8,
}

impl<'a> Entry<'a> {
    fn read(image: &'a [u8], function: &Function) -> Option<Self> {
        let bytes = Bytes(image);
        let at = function.unwind as usize;
        let header = bytes.take(at, 4).ok()?;
        Some(Self {
            flags: header[0] >> 3,
            prologue: header[1],
            count: usize::from(header[2]),
            frame: header[3],
            bytes,
            at,
        })
    }

    fn slot(&self, index: usize) -> Option<u16> {
        self.bytes.u16(self.at + 4 + 2 * index).ok()
    }

    /// What stands behind the operations, whose number is rounded up to an even one.
    fn behind(&self) -> usize {
        self.at + 4 + 2 * self.count.next_multiple_of(2)
    }

    /// An operation: when it has run, which it is, its parameter, how many slots it takes.
    fn operation(&self, index: usize) -> Option<(u8, u8, u8, usize)> {
        let [when, operation] = self.slot(index)?.to_le_bytes();
        let (operation, info) = (operation & 15, operation >> 4);
        let length = match operation {
            ALLOCATE_LARGE if info == 0 => 2,
            ALLOCATE_LARGE => 3,
            SAVE_NONVOLATILE | SAVE_XMM => 2,
            SAVE_NONVOLATILE_FAR | SAVE_XMM_FAR => 3,
            _ => 1,
        };
        Some((when, operation, info, length))
    }

    /// Where the fixed part of the frame begins: at the frame register, once that is set, else at rsp.
    fn base(&self, in_function: u32, registers: &Registers) -> u64 {
        let mut index = 0;
        while let Some((when, operation, _, length)) = (index < self.count)
            .then(|| self.operation(index))
            .flatten()
        {
            if operation == SET_FRAME_REGISTER && u32::from(when) <= in_function {
                let (register, scaled) = (self.frame & 15, u64::from(self.frame >> 4));
                return registers.general[usize::from(register)].wrapping_sub(16 * scaled);
            }
            index += length;
        }
        registers.general[RSP]
    }

    /// Undoes the part of the prologue that has run.
    fn undo(
        &self,
        in_function: u32,
        base: u64,
        unwound: &mut Unwound,
        read: ReadWord<'_>,
    ) -> Option<()> {
        let mut index = 0;
        while index < self.count {
            let (when, operation, info, length) = self.operation(index)?;
            let near = || self.slot(index + 1).map(u64::from);
            let far =
                || Some(u64::from(self.slot(index + 1)?) | u64::from(self.slot(index + 2)?) << 16);
            // An operation of the prologue that has not run yet has nothing to undo.
            if u32::from(when) <= in_function {
                let register = usize::from(info);
                let general = &mut unwound.caller.general;
                let stack = general[RSP];
                match operation {
                    PUSH_NONVOLATILE => {
                        general[register] = read(stack)?;
                        general[RSP] = stack + 8;
                    }
                    ALLOCATE_LARGE if info == 0 => general[RSP] = stack + 8 * near()?,
                    ALLOCATE_LARGE => general[RSP] = stack + far()?,
                    ALLOCATE_SMALL => general[RSP] = stack + 8 * (u64::from(info) + 1),
                    SET_FRAME_REGISTER => general[RSP] = base,
                    SAVE_NONVOLATILE => general[register] = read(base + 8 * near()?)?,
                    SAVE_NONVOLATILE_FAR => general[register] = read(base + far()?)?,
                    SAVE_XMM => unwound.xmm[register] = Some(base + 16 * near()?),
                    SAVE_XMM_FAR => unwound.xmm[register] = Some(base + far()?),
                    PUSH_MACHINE_FRAME => return None,
                    _ => {}
                }
            }
            index += length;
        }
        Some(())
    }

    /// The entry that this one continues, if any; `None` when it cannot be read.
    fn chained(&self) -> Option<Option<Function>> {
        if self.flags & FLAG_CHAINED == 0 {
            return Some(None);
        }
        let word = |place: usize| self.bytes.u32(self.behind() + place).ok();
        Some(Some(Function {
            begin: word(0)?,
            end: word(4)?,
            unwind: word(8)?,
        }))
    }

    fn handler(&self) -> Option<Handler> {
        if self.flags & (FLAG_SEARCHES | FLAG_CLEANS) == 0 {
            return None;
        }
        Some(Handler {
            routine: self.bytes.u32(self.behind()).ok()?,
            data: u32::try_from(self.behind() + 4).ok()?,
            searches: self.flags & FLAG_SEARCHES != 0,
            cleans: self.flags & FLAG_CLEANS != 0,
        })
    }
}

/// Whether a function of this image has a handler of its own.
pub(crate) fn has_handlers(image: &[u8], functions: &[Function]) -> bool {
    let mut entries = functions.iter().filter_map(|one| Entry::read(image, one));
    entries.any(|entry| entry.handler().is_some())
}
