//! Catches what the processor refuses: signals on an alternate stack.
//!
//! The handler only copies registers into a static and sends the thread to the report routine on a stack of its own,
//! so that reports are written in ordinary code, not in a signal handler.

use std::cell::UnsafeCell;
use std::io;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

use super::memory;
use crate::host::exception::{self, Interrupted};
use crate::host::{Access, Fault, FaultKind, Protection, Registers, watchdog};

const SIGNAL_STACK: usize = 64 * 1024;
const REPORT_STACK: usize = 4 * 1024 * 1024;
/// Bit of the page-fault error code: the access was a write (Intel SDM volume 3, "Page-Fault Exceptions").
const ERROR_WRITE: i64 = 1 << 1;
/// Bit of the page-fault error code: the access was an instruction fetch.
const ERROR_FETCH: i64 = 1 << 4;
/// Vector of the breakpoint exception (int3): a trap, so rip is behind the instruction.
const TRAP_BREAKPOINT: i64 = 3;
/// Vector of a general-protection exception.
const TRAP_GENERAL_PROTECTION: i64 = 13;
/// Vector of a debug exception: a single step.
const TRAP_DEBUG: i64 = 1;
/// `ARCH_SET_GS` (asm/prctl.h).
const ARCH_SET_GS: libc::c_int = 0x1001;

/// What the handler left for the report routine.
struct Slot(UnsafeCell<Option<Fault>>);

// SAFETY: written by the handler on the kernel's thread once `REPORTING` went from false to true, and read on the same
// thread afterwards.
unsafe impl Sync for Slot {}

static FAULT: Slot = Slot(UnsafeCell::new(None));
static REPORTING: AtomicBool = AtomicBool::new(false);
static LIMITED: AtomicBool = AtomicBool::new(false);
static THREAD: AtomicI32 = AtomicI32::new(0);
static REPORT_TOP: AtomicUsize = AtomicUsize::new(0);
static ON_FAULT: AtomicUsize = AtomicUsize::new(0);
static ON_INSTRUCTION: AtomicUsize = AtomicUsize::new(0);
static ON_BREAKPOINT: AtomicUsize = AtomicUsize::new(0);

/// Exit code when writing the report itself failed.
pub const EXIT_REPORT_FAILED: i32 = 98;

/// Called in ordinary code, on a stack of its own, with a fault of the kernel's thread.
pub type OnFault = fn(&Fault) -> !;
/// Called in the signal handler for an access or an instruction that the host refuses, and after a single step: may emulate it and
/// answer `true`. Must only touch registers, code bytes and plain memory of this thread.
pub type OnInstruction = fn(&FaultKind, &mut Registers) -> bool;
/// Called in the signal handler with the address of a breakpoint: whether the instruction that is there now is to be executed.
/// Under the same limits.
pub type OnBreakpoint = fn(usize) -> bool;

/// Order of the general registers in `gregs`, by the numbers of instruction encoding.
const GENERAL: [libc::c_int; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

fn thread_id() -> i32 {
    // SAFETY: gettid has no arguments and always succeeds.
    unsafe { libc::gettid() }
}

/// Makes this thread the kernel's: its faults go to `on_fault`.
///
/// # Errors
/// When the host refuses a stack or a handler.
pub fn install(
    on_fault: OnFault,
    on_instruction: OnInstruction,
    on_breakpoint: OnBreakpoint,
) -> io::Result<()> {
    let signal_stack = memory::reserve(SIGNAL_STACK)?;
    let report_stack = memory::reserve(REPORT_STACK)?;
    // SAFETY: both ranges were just reserved here; the first page of each stays a guard.
    unsafe {
        memory::commit(
            signal_stack.as_ptr().add(4096),
            SIGNAL_STACK - 4096,
            Protection::ReadWrite,
        )?;
        memory::commit(
            report_stack.as_ptr().add(4096),
            REPORT_STACK - 4096,
            Protection::ReadWrite,
        )?;
    }
    let stack = libc::stack_t {
        ss_sp: signal_stack.as_ptr().wrapping_add(4096).cast(),
        ss_flags: 0,
        ss_size: SIGNAL_STACK - 4096,
    };
    REPORT_TOP.store(
        report_stack.as_ptr() as usize + REPORT_STACK,
        Ordering::SeqCst,
    );
    ON_FAULT.store(on_fault as usize, Ordering::SeqCst);
    ON_INSTRUCTION.store(on_instruction as usize, Ordering::SeqCst);
    ON_BREAKPOINT.store(on_breakpoint as usize, Ordering::SeqCst);
    THREAD.store(thread_id(), Ordering::SeqCst);
    // SAFETY: the stack is committed and never given back.
    if unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    for signal in [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGTRAP,
        libc::SIGALRM,
    ] {
        // SAFETY: an all-zero sigaction is a valid start; the handler has the signature that SA_SIGINFO asks for.
        let result = unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigaction(signal, &raw const action, ptr::null_mut())
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Makes gs of this thread point to `base`.
///
/// # Errors
/// When the host refuses.
pub fn set_gs(base: usize) -> io::Result<()> {
    // SAFETY: nothing else in this process uses gs: x86-64 Linux has its thread data in fs.
    match unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, base) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Interrupts the kernel's thread as a runaway. Called by the watchdog's thread; its second call ends the run wherever
/// the thread is.
pub fn interrupt() {
    let thread = THREAD.load(Ordering::SeqCst);
    // SAFETY: plain system calls on our own process.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, libc::SIGALRM) };
}

/// Ends the process when the report is not written within `seconds`. `false` when a report is already being written.
pub fn limit_report(seconds: u32) -> bool {
    // A fault set the mark in the handler before its report began; that report comes here once.
    if LIMITED.swap(true, Ordering::SeqCst) {
        return false;
    }
    REPORTING.store(true, Ordering::SeqCst);
    // SAFETY: plain system call; its SIGALRM meets `REPORTING` in the handler.
    unsafe { libc::alarm(seconds) };
    true
}

/// Ends the process at once, without running anything else of it.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit runs no handlers.
    unsafe { libc::_exit(code) }
}

extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    if thread_id() != THREAD.load(Ordering::SeqCst) {
        // Another thread's fault is a defect of the simulator: let it end the process in the usual way.
        // SAFETY: restoring the default action is async-signal-safe; the fault repeats on return.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    }
    // SAFETY: with SA_SIGINFO the kernel passes a valid ucontext, which is this thread's alone.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let gregs = &mut context.uc_mcontext.gregs;
    let general = GENERAL.map(|index| gregs[index as usize].cast_unsigned());
    let mut registers = Registers {
        general,
        rip: gregs[libc::REG_RIP as usize].cast_unsigned(),
        rflags: gregs[libc::REG_EFL as usize].cast_unsigned(),
    };
    if signal == libc::SIGTRAP && gregs[libc::REG_TRAPNO as usize] == TRAP_BREAKPOINT {
        registers.rip -= 1;
        // SAFETY: `install` stored a function of this type before any handler was set.
        let go_on: OnBreakpoint = unsafe { mem::transmute(ON_BREAKPOINT.load(Ordering::SeqCst)) };
        if go_on(registers.rip as usize) {
            gregs[libc::REG_RIP as usize] = registers.rip.cast_signed();
            return;
        }
    }
    let kind = match signal {
        libc::SIGSEGV | libc::SIGBUS => {
            if gregs[libc::REG_TRAPNO as usize] == TRAP_GENERAL_PROTECTION {
                FaultKind::Memory {
                    address: 0,
                    access: Access::Unknown,
                }
            } else {
                // SAFETY: for these signals si_addr is the member that is set.
                let address = unsafe { (*info).si_addr() } as usize;
                let error = gregs[libc::REG_ERR as usize];
                let access = if error & ERROR_FETCH != 0 {
                    Access::Execute
                } else if error & ERROR_WRITE != 0 {
                    Access::Write
                } else {
                    Access::Read
                };
                FaultKind::Memory { address, access }
            }
        }
        libc::SIGFPE => FaultKind::Arithmetic,
        libc::SIGTRAP if gregs[libc::REG_TRAPNO as usize] == TRAP_DEBUG => FaultKind::Step,
        libc::SIGTRAP => FaultKind::Breakpoint,
        libc::SIGALRM => FaultKind::Runaway,
        _ => FaultKind::Instruction,
    };
    let reporting = REPORTING.load(Ordering::SeqCst);
    let in_kernel = !watchdog::in_driver(usize::try_from(registers.rip).expect("an address"));
    if kind == FaultKind::Runaway && !reporting && in_kernel && !watchdog::ask_to_stop() {
        // The kernel's own code may be in the middle of something: it stops at its next boundary.
        return;
    }
    let refused = matches!(
        kind,
        FaultKind::Memory { .. } | FaultKind::Instruction | FaultKind::Step
    );
    if refused && !reporting {
        // SAFETY: `install` stored a function of this type before any handler was set.
        let emulate: OnInstruction =
            unsafe { mem::transmute(ON_INSTRUCTION.load(Ordering::SeqCst)) };
        if emulate(&kind, &mut registers) {
            for (index, value) in GENERAL.iter().zip(registers.general) {
                gregs[*index as usize] = value.cast_signed();
            }
            gregs[libc::REG_RIP as usize] = registers.rip.cast_signed();
            gregs[libc::REG_EFL as usize] = registers.rflags.cast_signed();
            return;
        }
    }
    let fault = Fault { kind, registers };
    if !reporting && kind != FaultKind::Runaway && interrupt_driver(&fault, context) {
        return;
    }
    let gregs = &mut context.uc_mcontext.gregs;
    if REPORTING.swap(true, Ordering::SeqCst) {
        let text = b"waverig-sim: a second fault, or a time-out, while the report was written\n";
        // SAFETY: write and _exit are async-signal-safe.
        unsafe {
            libc::write(2, text.as_ptr().cast(), text.len());
            libc::_exit(EXIT_REPORT_FAILED);
        }
    }
    // SAFETY: see `Slot`.
    unsafe { *FAULT.0.get() = Some(fault) };
    gregs[libc::REG_RIP as usize] = report_entry as *const () as i64;
    // As after a call: the stack is 8 off a multiple of 16 at a function's first instruction.
    gregs[libc::REG_RSP as usize] = (REPORT_TOP.load(Ordering::SeqCst) as i64) - 64 - 8;
}

/// Sends the thread to the exception routine, on the stack of the code that faulted; `false` when that is not to look at it.
fn interrupt_driver(fault: &Fault, context: &mut libc::ucontext_t) -> bool {
    if !exception::is_wanted(fault) {
        return false;
    }
    // SAFETY: the kernel saved the floating-point state with the others.
    let Some(float) = (unsafe { context.uc_mcontext.fpregs.as_ref() }) else {
        return false;
    };
    let mut interrupted = Interrupted {
        fault: *fault,
        xmm: [0; 16],
        mxcsr: float.mxcsr,
    };
    for (value, saved) in interrupted.xmm.iter_mut().zip(&float._xmm) {
        let halves = [
            saved.element[0],
            saved.element[1],
            saved.element[2],
            saved.element[3],
        ];
        *value = halves
            .iter()
            .rev()
            .fold(0, |all, one| all << 32 | u128::from(*one));
    }
    let place = interrupted.leave();
    let gregs = &mut context.uc_mcontext.gregs;
    gregs[libc::REG_RIP as usize] = exception::entry as *const () as i64;
    gregs[libc::REG_RDI as usize] = place as i64;
    // As after a call.
    gregs[libc::REG_RSP as usize] = place as i64 - 8;
    true
}

/// Where the handler sends the thread: ordinary code again.
extern "C" fn report_entry() -> ! {
    // SAFETY: see `Slot`; `install` stored a function of type `OnFault`.
    let (fault, report): (Fault, OnFault) = unsafe {
        let fault = (*FAULT.0.get()).expect("the handler stored the fault");
        (
            fault,
            mem::transmute::<usize, OnFault>(ON_FAULT.load(Ordering::SeqCst)),
        )
    };
    report(&fault)
}
