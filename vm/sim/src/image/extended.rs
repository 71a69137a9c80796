//! Instructions that need more of the processor's state than kernel code may use freely. What lies above the xmm registers is the interrupted
//! program's until KeSaveExtendedProcessorState has saved it, and no crossing between driver and kernel shows that it was used: compilers
//! clear it before they return. So it is looked for in the code: an image that never saves it has no such instruction.

use iced_x86::{Decoder, DecoderOptions, Instruction, Register};

use super::unwind::Function;

/// What saves that state.
pub(super) const SAVES: &str = "KeSaveExtendedProcessorState";

/// Relative addresses of the first such instruction of each function.
pub(super) fn used(image: &[u8], functions: &[Function]) -> Vec<u32> {
    let first = |function: &Function| {
        let (begin, end) = function.range();
        let code = image.get(begin as usize..end as usize)?;
        let start = u64::from(begin);
        let mut all = Decoder::with_ip(64, code, start, DecoderOptions::NONE).into_iter();
        let found = all.find(|one| extends(code, start, one))?;
        u32::try_from(found.ip()).ok()
    };
    functions.iter().filter_map(first).collect()
}

/// An instruction with a VEX or EVEX prefix on vector registers: also one of 128 bits clears what lies above.
fn extends(code: &[u8], start: u64, instruction: &Instruction) -> bool {
    let at = (instruction.ip() - start) as usize;
    // In 64-bit mode these bytes begin nothing else (Intel SDM volume 2, 2.3.5 and 2.7).
    let prefixed = matches!(code.get(at), Some(0xC4 | 0xC5 | 0x62));
    let wide = |register: Register| register.is_vector_register();
    prefixed
        && !instruction.is_invalid()
        && (0..instruction.op_count()).any(|index| wide(instruction.op_register(index)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &[u8], expect: bool) {
        let function = Function::for_test(0, code.len() as u32);
        assert_eq!(!used(code, &[function]).is_empty(), expect, "{code:02x?}");
    }

    #[test]
    fn vector_instructions_beyond_sse_are_found() {
        check(&[0x0F, 0x28, 0xC1, 0xC3], false); // movaps xmm0, xmm1
        check(&[0xC5, 0xFC, 0x28, 0xC1, 0xC3], true); // vmovaps ymm0, ymm1
        check(&[0x90, 0xC5, 0xF8, 0x28, 0xC1], true); // vmovaps xmm0, xmm1
        check(&[0x62, 0xF1, 0x7C, 0x48, 0x28, 0xC1], true); // vmovaps zmm0, zmm1
        check(&[0xC4, 0xE2, 0xF0, 0xF2, 0xC2], false); // andn rax, rcx, rdx
        check(&[0xB8, 0xC5, 0xFC, 0x28, 0xC1], false); // mov eax, 0xc128fcc5
    }
}
