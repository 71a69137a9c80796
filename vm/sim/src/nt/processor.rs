//! What a routine leaves in the processor beside its result: the parts that its caller relies on.

use std::arch::asm;
use std::fmt;

use crate::gate::Left;

/// MXCSR's lower six bits tell what happened; the others say what is wanted, and stay.
const MXCSR_CONTROL: u32 = !0x3F;
/// Top of the x87 stack in its status word.
const X87_TOP: u16 = 7 << 11;

/// The control parts of the processor's state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    mxcsr: u32,
    x87_control: u16,
    x87_top: u16,
    direction: bool,
    alignment: bool,
}

impl State {
    /// As it is now, without flags: they are clear in the simulator's own code.
    #[inline]
    pub(crate) fn take() -> Self {
        let (mut mxcsr, mut control, mut status) = (0_u32, 0_u16, 0_u16);
        // SAFETY: stores into this frame.
        unsafe {
            asm!(
                "stmxcsr [{mxcsr}]",
                "fnstcw [{control}]",
                "fnstsw [{status}]",
                mxcsr = in(reg) &raw mut mxcsr,
                control = in(reg) &raw mut control,
                status = in(reg) &raw mut status,
            );
        }
        Self {
            mxcsr: mxcsr & MXCSR_CONTROL,
            x87_control: control,
            x87_top: status & X87_TOP,
            direction: false,
            alignment: false,
        }
    }

    /// With the flags that a routine left.
    pub(crate) fn with(self, left: &Left) -> Self {
        Self {
            direction: left.direction(),
            alignment: left.alignment(),
            ..self
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
        let alignment = if self.alignment {
            ", alignment check flag set"
        } else {
            ""
        };
        write!(
            f,
            "MXCSR {:#06x}, x87 control {:#06x}, x87 stack top {}, direction flag {direction}{alignment}",
            self.mxcsr,
            self.x87_control,
            self.x87_top >> 11
        )
    }
}
