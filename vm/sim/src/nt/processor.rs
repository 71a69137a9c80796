//! What a routine leaves in the processor beside its result: the parts that its caller relies on.

use std::arch::asm;
use std::fmt;

/// MXCSR's lower six bits tell what happened; the others say what is wanted, and stay.
const MXCSR_CONTROL: u32 = !0x3F;
/// Top of the x87 stack in its status word.
const X87_TOP: u16 = 7 << 11;
/// The direction flag.
const DIRECTION: u64 = 1 << 10;

/// The control parts of the processor's state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    mxcsr: u32,
    x87_control: u16,
    x87_top: u16,
    direction: bool,
}

impl State {
    /// As it is now; clears the direction flag, which the simulator's own code needs clear.
    #[inline]
    pub(crate) fn take() -> Self {
        let (mut mxcsr, mut control, mut status) = (0_u32, 0_u16, 0_u16);
        let flags: u64;
        // SAFETY: stores into this frame; the stack is used for a moment and is as before.
        unsafe {
            asm!(
                "pushfq",
                "pop {flags}",
                "cld",
                "stmxcsr [{mxcsr}]",
                "fnstcw [{control}]",
                "fnstsw [{status}]",
                flags = out(reg) flags,
                mxcsr = in(reg) &raw mut mxcsr,
                control = in(reg) &raw mut control,
                status = in(reg) &raw mut status,
            );
        }
        Self {
            mxcsr: mxcsr & MXCSR_CONTROL,
            x87_control: control,
            x87_top: status & X87_TOP,
            direction: flags & DIRECTION != 0,
        }
    }

    /// Puts it back.
    pub(crate) fn restore(self) {
        // SAFETY: the values were the processor's own; no exceptions of the x87 are pending with them.
        unsafe {
            asm!(
                "fninit",
                "fldcw [{control}]",
                "ldmxcsr [{mxcsr}]",
                control = in(reg) &raw const self.x87_control,
                mxcsr = in(reg) &raw const self.mxcsr,
                out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
            );
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = if self.direction { "set" } else { "clear" };
        write!(
            f,
            "MXCSR {:#06x}, x87 control {:#06x}, x87 stack top {}, direction flag {direction}",
            self.mxcsr,
            self.x87_control,
            self.x87_top >> 11
        )
    }
}
