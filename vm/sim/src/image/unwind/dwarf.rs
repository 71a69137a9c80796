//! The same unwinding for debuggers that know DWARF only: each operation of a prologue as call-frame instructions.

use super::{
    ALLOCATE_LARGE, ALLOCATE_SMALL, FLAG_CHAINED, Function, PUSH_MACHINE_FRAME, PUSH_NONVOLATILE,
    SAVE_NONVOLATILE, SAVE_NONVOLATILE_FAR, SAVE_XMM, SAVE_XMM_FAR, SET_FRAME_REGISTER,
};
use crate::image::pe::Bytes;

/// DWARF's numbers of rax, rcx, rdx, rbx, rsp, rbp, rsi and rdi; those of r8 to r15 are their own.
const NUMBERS: [u8; 8] = [0, 2, 1, 3, 7, 6, 4, 5];

fn number(register: u8) -> u8 {
    *NUMBERS.get(usize::from(register)).unwrap_or(&register)
}

/// One operation of a prologue.
enum Step {
    Push(u8),
    Allocate(u64),
    Frame(u8, u64),
    Save(u8, u64),
}

/// The operations of a function, each with the offset behind it, in the order they are executed; `None` for what is not known here.
fn steps(image: &[u8], function: &Function, all: &mut Vec<(u8, Step)>) -> Option<()> {
    let bytes = Bytes(image);
    let at = function.unwind as usize;
    let header = bytes.take(at, 4).ok()?;
    let (flags, count, frame) = (header[0] >> 3, usize::from(header[2]), header[3]);
    let slot = |index: usize| bytes.u16(at + 4 + 2 * index).ok().map(u64::from);
    let wide = |index: usize| Some(slot(index)? | slot(index + 1)? << 16);
    let mut own = Vec::new();
    let mut index = 0;
    while index < count {
        let [when, operation] = bytes.u16(at + 4 + 2 * index).ok()?.to_le_bytes();
        let (operation, info) = (operation & 15, operation >> 4);
        let (step, length) = match operation {
            PUSH_NONVOLATILE => (Some(Step::Push(info)), 1),
            ALLOCATE_LARGE if info == 0 => (Some(Step::Allocate(8 * slot(index + 1)?)), 2),
            ALLOCATE_LARGE => (Some(Step::Allocate(wide(index + 1)?)), 3),
            ALLOCATE_SMALL => (Some(Step::Allocate(8 * (u64::from(info) + 1))), 1),
            SET_FRAME_REGISTER => (Some(Step::Frame(frame & 15, 16 * u64::from(frame >> 4))), 1),
            SAVE_NONVOLATILE => (Some(Step::Save(info, 8 * slot(index + 1)?)), 2),
            SAVE_NONVOLATILE_FAR => (Some(Step::Save(info, wide(index + 1)?)), 3),
            SAVE_XMM => (None, 2),
            SAVE_XMM_FAR => (None, 3),
            PUSH_MACHINE_FRAME => return None,
            _ => (None, 1),
        };
        own.extend(step.map(|step| (when, step)));
        index += length;
    }
    if flags & FLAG_CHAINED != 0 {
        let next = at + 4 + 2 * count.next_multiple_of(2);
        let word = |place: usize| bytes.u32(place).ok();
        let before = Function {
            begin: word(next)?,
            end: word(next + 4)?,
            unwind: word(next + 8)?,
        };
        steps(image, &before, all)?;
        // What the function did before is done when this part begins.
        for (when, _) in all.iter_mut() {
            *when = 0;
        }
    }
    all.extend(own.into_iter().rev());
    Some(())
}

/// Call-frame instructions of a function; `None` when its unwind data says what they cannot.
pub(crate) fn instructions(image: &[u8], function: &Function) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    steps(image, function, &mut all)?;
    let total = 8 + all
        .iter()
        .map(|(_, step)| match step {
            Step::Push(_) => 8,
            Step::Allocate(bytes) => *bytes,
            _ => 0,
        })
        .sum::<u64>();
    let mut out = Vec::new();
    let (mut at, mut depth, mut by_frame) = (0, 8_u64, false);
    for (when, step) in all {
        if when > at {
            // DW_CFA_advance_loc1.
            out.extend([0x02, when - at]);
            at = when;
        }
        match step {
            Step::Push(register) => {
                depth += 8;
                // DW_CFA_offset.
                out.push(0x80 | number(register));
                unsigned(&mut out, depth / 8);
            }
            Step::Allocate(bytes) => depth += bytes,
            Step::Frame(register, above) => {
                by_frame = true;
                // DW_CFA_def_cfa.
                out.extend([0x0C, number(register)]);
                unsigned(&mut out, depth.checked_sub(above)?);
                continue;
            }
            Step::Save(register, place) => {
                out.push(0x80 | number(register));
                unsigned(&mut out, total.checked_sub(place)? / 8);
            }
        }
        if !by_frame {
            // DW_CFA_def_cfa_offset.
            out.push(0x0E);
            unsigned(&mut out, depth);
        }
    }
    Some(out)
}

fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let byte = (value & 0x7F) as u8;
        value >>= 7;
        out.push(byte | if value == 0 { 0 } else { 0x80 });
        if value == 0 {
            return;
        }
    }
}
