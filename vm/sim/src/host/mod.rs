//! The only part that depends on the operating system: memory, pages mapped twice, faults, and stopping a runaway.

use std::fmt;

pub mod exception;
pub mod watchdog;

#[cfg(not(any(target_os = "linux", windows)))]
compile_error!(
    "the simulator's host layer knows Linux and Windows: add a folder to vm/sim/src/host for this system"
);

#[cfg(target_os = "linux")]
mod linux;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(windows)]
use windows as system;

pub use system::fault;
pub use system::memory;
pub use system::thread;

/// Size of a page of the simulated machine, which is the host's.
pub const PAGE_SIZE: usize = 4096;

/// What may be done with pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Any access faults.
    None,
    /// Reading only.
    Read,
    /// Reading and writing.
    ReadWrite,
    /// Reading and executing.
    ReadExecute,
}

/// What a faulting access was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
    /// The processor does not say (a non-canonical address or a privileged instruction).
    Unknown,
}

/// What went wrong in the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A page that is not there or does not allow the access, or an address that cannot exist.
    Memory {
        /// Address of the access; 0 when the processor does not say.
        address: usize,
        /// Which access.
        access: Access,
    },
    /// An invalid or privileged instruction.
    Instruction,
    /// A division by zero or a floating-point exception.
    Arithmetic,
    /// A breakpoint.
    Breakpoint,
    /// One instruction was executed with the trap flag set.
    Step,
    /// The watchdog stopped code that does not return.
    Runaway,
}

/// The general registers at a fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Registers {
    /// rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15: the order in which instructions and unwind codes number them.
    pub general: [u64; 16],
    /// The instruction pointer.
    pub rip: u64,
    /// The flags.
    pub rflags: u64,
}

/// Index of rax in [`Registers::general`]; the others follow in the same way.
pub const RAX: usize = 0;
/// Index of rcx.
pub const RCX: usize = 1;
/// Index of rdx.
pub const RDX: usize = 2;
/// Index of rbx.
pub const RBX: usize = 3;
/// Index of rsp.
pub const RSP: usize = 4;
/// Index of rbp.
pub const RBP: usize = 5;
/// Index of rsi.
pub const RSI: usize = 6;
/// Index of rdi.
pub const RDI: usize = 7;

/// Names of [`Registers::general`].
pub const REGISTER_NAMES: [&str; 16] = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15",
];

impl fmt::Display for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in REGISTER_NAMES.iter().zip(self.general).enumerate() {
            let end = if index % 4 == 3 { "\n" } else { "  " };
            write!(f, "{name:>3} {value:016x}{end}")?;
        }
        write!(f, "rip {:016x}  flags {:08x}", self.rip, self.rflags)
    }
}

/// A fault as the handler saw it.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// What happened.
    pub kind: FaultKind,
    /// The registers at that moment.
    pub registers: Registers,
}

/// `length` rounded up to whole pages.
#[must_use]
pub const fn pages(length: usize) -> usize {
    length.div_ceil(PAGE_SIZE) * PAGE_SIZE
}
